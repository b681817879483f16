"""CrystFEL: streams to crystals and reflections, geometries to places of pixels."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import crystfel_geom
from adapters.formats.crystfel_geom import CRYSTFEL_GEOM
from adapters.formats.crystfel_stream import CRYSTFEL_STREAM
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.images import Fault
from adapters.testing.sfx import GEOMETRY, Lattice, write_geom, write_stream

LYSOZYME = Lattice((79.1, 79.3, 38.0))
OTHER = Lattice((78.9, 79.5, 38.2), reflections=((3, 1, 0, -2.0, 1.0),))


class TestStream(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return CRYSTFEL_STREAM

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_stream(tmp_path / "run.stream", [[LYSOZYME], None, [], [OTHER, LYSOZYME]])
        return Sample(
            path,
            {"frame": 4, "crystal": 3, "reflection": 5, "peak": 9},
            {"hit": 3, "intensity": 2 * 52.5 - 2.0, "cell_a": 2 * 79.1 + 78.9, "peak_x": 3 * 4.5},
            {"technique": "sfx", "wavelength_angstrom": 1.2781876, "distance_m": 0.15},
        )


class TestGeom(AdapterConformance):
    # Half of a list of panels is a list of fewer panels; the cut is seen only where it goes through one.
    tells_truncation = False

    @pytest.fixture
    def adapter(self):
        return CRYSTFEL_GEOM

    @pytest.fixture
    def sample(self, tmp_path):
        return Sample(
            write_geom(tmp_path / "detector.geom"),
            {"module": 1, "y": 16, "x": 16},
            {"position_x": 0.0, "mask": 0},
            {"distance_m": 0.15, "technique": "geometry"},
        )


def test_rows_know_their_crystal_and_crystals_their_frame(tmp_path):
    path = write_stream(tmp_path / "run.stream", [[LYSOZYME], None, [OTHER, LYSOZYME]])

    data = open_run(path).data

    assert data["crystal_frame"].values.tolist() == [0, 2, 2]
    assert data["reflection_crystal"].values.tolist() == [0, 0, 1, 2, 2]
    assert data["intensity"].values.tolist() == [12.5, 40.0, -2.0, 12.5, 40.0]
    assert data["l"].values.tolist() == [0, 1, 0, 0, 1]
    assert data["resolution_limit"].values.tolist() == [2.0, 2.0, 2.0]


def test_a_stream_without_crystals_opens(tmp_path):
    data = open_run(write_stream(tmp_path / "run.stream", [None, []])).data

    assert (data.sizes["frame"], data.sizes["crystal"], data.sizes["reflection"]) == (2, 0, 0)
    assert data["intensity"].values.size == 0


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 10), min_size=2, max_size=2))
def test_any_slice_of_the_reflections_is_that_of_the_whole(tmp_path_factory, cuts):
    start, stop = sorted(cuts)
    path = write_stream(tmp_path_factory.mktemp("s") / "run.stream", [[LYSOZYME, OTHER], [], [LYSOZYME] * 2])
    whole = CRYSTFEL_STREAM.open(path).data["intensity"]

    assert whole.isel(reflection=slice(start, stop)).values.tolist() == whole.values[start:stop].tolist()


def test_a_stream_that_ends_in_a_chunk_may_still_grow(tmp_path):
    path = write_stream(tmp_path / "run.stream", [[LYSOZYME]] * 4, fault=Fault.TRUNCATE)

    assert CRYSTFEL_STREAM.check(path).state is State.WAIT
    with pytest.raises(TruncatedFileError):
        CRYSTFEL_STREAM.open(path)
    os.utime(path, (time.time() - 7200,) * 2)
    assert CRYSTFEL_STREAM.check(path).state is State.BROKEN


def test_non_hits_left_out_are_flagged(tmp_path):
    path = write_stream(tmp_path / "a.stream", [[LYSOZYME]], command="indexamajig --no-non-hits-in-stream")

    assert {flag.code for flag in open_run(path).flags} == {"non_hits_left_out"}


def test_a_list_shorter_than_it_says_is_damaged(tmp_path):
    path = write_stream(tmp_path / "run.stream", [[LYSOZYME]])
    path.write_text(path.read_text().replace("num_reflections = 2", "num_reflections = 3"))

    with pytest.raises(CorruptFileError, match="has 2 rows, not 3"):
        open_run(path).data["intensity"].compute()


def test_names_of_folders_stay_out(tmp_path):
    run = open_run(write_stream(tmp_path / "run.stream", [[LYSOZYME]]))

    assert run.data["image"].values.tolist() == ["run_1.h5 //1"]
    assert "/data/somewhere" not in str(run.metadata.raw)


def test_pixels_stand_where_panels_put_them(tmp_path):
    geometry = crystfel_geom.read(write_geom(tmp_path / "detector.geom"))

    where, bad = geometry.positions("here")

    # First pixel of the upper panel: corner (-8, 10), half a step along +x and -y, 5000 pixels a metre.
    np.testing.assert_allclose(where[0, 0, 0], [-7.5 / 5000, 9.5 / 5000, 0.0])
    np.testing.assert_allclose(where[0, 8, 0], [-7.5 / 5000, -2.5 / 5000, 0.0])
    assert not bad.any()
    assert (geometry.distance_m, geometry.photon_energy_ev) == (0.15, 9700.0)
    assert geometry.bad_regions == ("bad_gap",)


def test_a_reference_into_image_files_is_no_number():
    geometry = crystfel_geom.parse(
        GEOMETRY.replace("clen = 0.15", "clen = /LCLS/clen").splitlines(), "a stream"
    )

    assert geometry.distance_m is None


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("lower/max_ss = 15\n", "", LayoutError),
        ("upper/fs = +1.0x", "upper/fs = sideways", CorruptFileError),
        ("upper/max_fs = 15", "upper/max_fs = 1e30", CorruptFileError),
        ("upper/max_fs = 15", "upper/max_fs = -3", CorruptFileError),
        ("res = 5000", "res = 0", CorruptFileError),
        ("upper/corner_x = -8.0", "upper/corner_x = left", CorruptFileError),
    ],
)
def test_a_wrong_panel_is_named(tmp_path, old, new, error):
    path = tmp_path / "detector.geom"
    path.write_text(GEOMETRY.replace(old, new))

    assert CRYSTFEL_GEOM.check(path).state is State.BROKEN
    with pytest.raises(error, match=r"upper|lower"):
        CRYSTFEL_GEOM.open(path)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=3))
def test_a_mutilated_stream_raises_only_our_errors(tmp_path_factory, at, garbage):
    path = write_stream(tmp_path_factory.mktemp("m") / "run.stream", [[LYSOZYME], [OTHER]])
    data = path.read_bytes()
    path.write_bytes(data[:at] + garbage + data[at + len(garbage) :])

    try:
        CRYSTFEL_STREAM.check(path)
        CRYSTFEL_STREAM.open(path).data.compute()
    except AdapterError:
        pass


def test_places_agree_with_the_library_of_the_facility(tmp_path):
    geom = pytest.importorskip("extra_geom")
    quadrants = [(-525, 625), (-550, -10), (520, -160), (542.5, 475)]
    theirs = geom.AGIPD_1MGeometry.from_quad_positions(quadrants)
    theirs.write_crystfel_geom(
        str(tmp_path / "agipd.geom"), nquads=4, adu_per_ev=0.0075, clen=0.2, photon_energy=9300
    )

    run = open_run(tmp_path / "agipd.geom")

    expected = theirs.get_pixel_positions()
    for place, axis in enumerate("xyz"):
        np.testing.assert_allclose(run.data[f"position_{axis}"].values, expected[..., place], atol=1e-12)


@pytest.mark.measured
def test_lysozyme_at_pal_xfel(measured):
    run = open_run(measured / "mx/lysozyme-palxfel/crystfel.stream")

    data = run.data
    assert (data.sizes["frame"], data.sizes["crystal"]) == (3, 3)
    assert data["peaks"].values.tolist() == [25, 29, 53]
    assert data["reflections"].values.tolist() == [263, 102, 253]
    cells = np.stack([data[f"cell_{axis}"].values for axis in "abc"], axis=1) / 10
    np.testing.assert_allclose(cells[0], [7.938, 8.040, 3.856], atol=6e-4)
    np.testing.assert_allclose(cells[1], [8.025, 8.060, 3.904], atol=6e-4)
    np.testing.assert_allclose(cells.mean(0), [7.974, 8.054, 3.876], atol=6e-4)
    assert run.metadata.energy_kev == pytest.approx(9.7)
    assert run.metadata.distance_m == 0.149
    assert run.metadata.raw["target_cell"]["a"] == "79.20 A"
    assert float(data["intensity"][0]) == -15.11


@pytest.mark.measured
def test_an_agipd_geometry_has_its_pixels_in_place(measured):
    run = open_run(measured / "euxfel/geometry/agipd1m_simple.geom")

    assert dict(run.data.sizes) == {"module": 16, "y": 512, "x": 128}
    first = [float(run.data[f"position_{axis}"][0, 0, 0]) for axis in "xyz"]
    last = [float(run.data[f"position_{axis}"][-1, -1, -1]) for axis in "xyz"]
    np.testing.assert_allclose(first, [-0.1049, 0.1249, 0], atol=1e-12)
    np.testing.assert_allclose(last, [0.0034, 0.0263, 0], atol=1e-12)
    assert run.metadata.distance_m == 0.119
    assert run.metadata.energy_kev == pytest.approx(9.3)
