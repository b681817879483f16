"""European XFEL geometry files: refused without the places of the quadrants, right with them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adapters.errors import LayoutError, MissingMetadataError
from adapters.facilities.euxfel_geometry import EUXFEL_GEOMETRY
from adapters.model import State
from adapters.registry import open_run
from adapters.testing.euxfel_detectors import write_quadrants

QUADRANTS = [[11.4, 299.0], [-11.5, 8.0], [254.5, -16.0], [278.5, 275.0]]


def test_without_the_quadrants_no_pixel_has_a_place(tmp_path):
    path = write_quadrants(tmp_path / "lpd.h5")

    assert EUXFEL_GEOMETRY.check(path).state is State.READY
    with pytest.raises(MissingMetadataError, match="positions of the quadrants"):
        open_run(path)


def test_with_them_every_pixel_has_one(tmp_path):
    pytest.importorskip("extra_geom")

    run = open_run(write_quadrants(tmp_path / "lpd.h5"), assume={"quadrants": json.dumps(QUADRANTS)})

    assert dict(run.data.sizes) == {"module": 16, "y": 256, "x": 256}
    assert np.isfinite(run.data["position_x"].values).all()
    assert {flag.code for flag in run.flags} == {"quadrants_given"}


@pytest.mark.parametrize("said", ["nonsense", "[[1, 2]]", "[[1,2],[3,4],[5,6],[7,NaN]]", "7"])
def test_quadrants_that_are_none_are_refused(tmp_path, said):
    with pytest.raises(LayoutError, match="quadrants"):
        open_run(write_quadrants(tmp_path / "lpd.h5"), assume={"quadrants": said})


def test_modules_without_known_tiles_are_broken(tmp_path):
    assert EUXFEL_GEOMETRY.check(write_quadrants(tmp_path / "odd.h5", tiles=3)).state is State.BROKEN


@pytest.mark.measured
@pytest.mark.parametrize(
    ("name", "shape"), [("lpd_mar_18.h5", (16, 256, 256)), ("dssc_geo_june19.h5", (16, 128, 512))]
)
def test_measured_geometries(measured, name, shape):
    geom = pytest.importorskip("extra_geom")
    path = measured / "euxfel/geometry" / name
    kind = {"lpd": geom.LPD_1MGeometry, "dssc": geom.DSSC_1MGeometry}[name.partition("_")[0]]

    with pytest.raises(MissingMetadataError):
        open_run(path)
    run = open_run(path, assume={"quadrants": json.dumps(QUADRANTS)})

    assert run.data["position_x"].shape == shape
    expected = kind.from_h5_file_and_quad_positions(str(path), QUADRANTS).get_pixel_positions()
    np.testing.assert_allclose(run.data["position_y"].values, expected[..., 1])
