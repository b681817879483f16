"""LPD, DSSC and ePix of European XFEL: whole detectors of modules, placed as EXtra-geom places them."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

pytest.importorskip("extra_data")

from adapters.facilities.euxfel import EUXFEL_RUN
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.euxfel_detectors import (
    DSSC,
    LPD,
    epix_frames,
    module_frames,
    write_epix,
    write_modules,
    write_quadrants,
)

TRAINS = (10000, 10002)
PLACES = {
    "LPD": [[11.4, 299.0], [-11.5, 8.0], [254.5, -16.0], [278.5, 275.0]],
    "DSSC": [[-130.0, 5.0], [-130.0, -125.0], [5.0, -125.0], [5.0, 5.0]],
}
AXES = [f"position_{axis}" for axis in "xyz"]


def codes(run):
    return {flag.code for flag in run.flags}


class TestLpd(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EUXFEL_RUN

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_modules(tmp_path / "raw/r0009", LPD, TRAINS, modules=(0, 15))
        total = sum(int(module_frames(LPD, m, TRAINS, 3).sum()) for m in (0, 15))
        return Sample(
            path,
            {"frame": 6, "module": 16, "y": 256, "x": 256},
            {"counts": total, "present": 12},
            {"technique": "modules", "instrument": "fxe", "pixel_size_x_m": 500e-6},
            flags=("module_missing", "not_photon_counting"),
            halve=path / "RAW-R0009-LPD15-S00000.h5",
        )


class TestEpix(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EUXFEL_RUN

    @pytest.fixture
    def sample(self, tmp_path):
        return Sample(
            write_epix(tmp_path / "raw/r0009", TRAINS),
            {"frame": 2, "module": 1, "y": 704, "x": 768},
            {"counts": int(epix_frames(TRAINS).sum())},
            {"technique": "modules", "instrument": "hed", "pixel_size_x_m": 50e-6},
            halve=tmp_path / "raw/r0009/RAW-R0009-EPIX01-S00000.h5",
        )


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", [LPD, DSSC], ids=lambda each: each.prefix)
def test_every_frame_of_every_module_stands_where_it_was_written(tmp_path, kind, raw):
    run = EUXFEL_RUN.open(write_modules(tmp_path, kind, TRAINS, raw=raw))

    assert run.data["counts"].shape == (6, 16, *kind.shape)
    assert run.data["frame_train"].values.tolist() == [10000] * 3 + [10002] * 3
    assert run.data["frame_pulse"].values.tolist() == [0, 1, 2] * 2
    assert ("mask" in run.data) is not raw
    for module in (0, 7, 15):
        expected = module_frames(kind, module, TRAINS, 3)
        np.testing.assert_array_equal(run.data["counts"][:, module].values, expected)


def test_pulse_ids_of_parallel_gain_do_not_mix_its_frames(tmp_path):
    """Two more thirds of each train hold the frames of the first at other gains, with ids that are junk."""
    run = EUXFEL_RUN.open(
        write_modules(tmp_path, LPD, TRAINS, pulses=9, modules=range(16), parallel_gain=True)
    )

    assert "pulse_ids_unusable" in codes(run)
    assert run.data["frame_pulse"].values.tolist() == list(range(9)) * 2
    np.testing.assert_array_equal(run.data["counts"][:, 3].values, module_frames(LPD, 3, TRAINS, 9))


@pytest.mark.parametrize("raw", [True, False])
def test_rows_that_calibrate_an_epix_are_no_pixels(tmp_path, raw):
    run = EUXFEL_RUN.open(write_epix(tmp_path, TRAINS, raw=raw))

    np.testing.assert_array_equal(run.data["counts"][:, 0].values, epix_frames(TRAINS))


@pytest.mark.parametrize("kind", [LPD, DSSC], ids=lambda each: each.prefix)
def test_modules_stand_where_extra_geom_puts_them(tmp_path, kind):
    geom = pytest.importorskip("extra_geom")
    path = write_quadrants(tmp_path / "geometry.h5", tiles=16 if kind is LPD else 2)
    theirs = {"LPD": geom.LPD_1MGeometry, "DSSC": geom.DSSC_1MGeometry}[kind.prefix]

    found = open_run(path, assume={"quadrants": json.dumps(PLACES[kind.prefix])})

    expected = theirs.from_h5_file_and_quad_positions(str(path), PLACES[kind.prefix]).get_pixel_positions()
    assert expected.shape[:-1] == (16, *kind.shape)
    for place, name in enumerate(AXES):
        np.testing.assert_allclose(found.data[name].values, expected[..., place], atol=1e-12)


def of_extra_geom(kind, path):
    """A geometry that EXtra-geom writes for CrystFEL, and its own positions."""
    geom = pytest.importorskip("extra_geom")
    made = {
        "epix": lambda: geom.Epix100Geometry.from_origin((352, 384)),
        "jungfrau": lambda: geom.JUNGFRAUGeometry.from_module_positions([(0, 0), (0, 600)]),
        "lpd": lambda: geom.LPD_1MGeometry.from_quad_positions(PLACES["LPD"]),
    }[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.write_crystfel_geom(
            str(path), dims=("frame", "modno", "ss", "fs"), adu_per_ev=1.0, clen=0.2, photon_energy=9000.0
        )
    return made.get_pixel_positions()


@pytest.mark.parametrize(
    ("kind", "shape"), [("epix", (1, 704, 768)), ("jungfrau", (2, 512, 1024)), ("lpd", (16, 256, 256))]
)
def test_a_geometry_for_crystfel_places_them_too(tmp_path, kind, shape):
    expected = of_extra_geom(kind, tmp_path / "detector.geom")

    found = open_run(tmp_path / "detector.geom")

    assert found.data[AXES[0]].shape == expected.shape[:-1] == shape
    for place, name in enumerate(AXES):
        np.testing.assert_allclose(found.data[name].values, expected[..., place], atol=1e-12)
