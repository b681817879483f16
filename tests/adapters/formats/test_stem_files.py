"""Files of scanned electron beams, written here; measured ones are in tests/measured."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest

from adapters.errors import AdapterError, BrokenRunError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.dm import DM
from adapters.formats.emd import EMD
from adapters.formats.merlin import MERLIN
from adapters.formats.tia import TIA
from adapters.formats.velox import VELOX
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.stem import (
    FRAMES,
    MICROSCOPE,
    PIXEL,
    SCAN,
    write_dm,
    write_emd,
    write_merlin,
    write_tia,
    write_velox,
)


class TestMerlin(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MERLIN

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_merlin(tmp_path / "scan.mib", FRAMES)
        sizes = {"frame": 4, "ky": 6, "kx": 8}
        return Sample(path, sizes, {"patterns": FRAMES.sum()}, {"exposure_s": 0.002}, ("scan_shape_unknown",))


class TestTia(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return TIA

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_tia(tmp_path / "scan_1.ser", FRAMES.astype("i4"), 1.7e8)
        sums = {"patterns": FRAMES.sum(), "pattern_step": 2 * 0.017, "scan_shape": 5, "scan_step": 80.0}
        return Sample(path, {"frame": 4, "ky": 6, "kx": 8}, sums)


class TestDm3(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return DM

    @pytest.fixture
    def sample(self, tmp_path):
        plot = np.linspace(0, 1, 9, dtype="f4")
        signals = [("HAADF", FRAMES[0], PIXEL), ("Plot", plot, ((1.0, 0.0, ""),))]
        path = write_dm(tmp_path / "a.dm3", signals, microscope=MICROSCOPE)
        sums = {"image": FRAMES[0].sum(), "voxel": 4.0, "plot_1": 4.5}
        return Sample(path, {"frame": 1, "y": 6, "x": 8}, sums, {"technique": "stem"})


class TestDm4(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return DM

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_dm(tmp_path / "a.dm4", [("movie", FRAMES, (*PIXEL, (1.0, 0.0, "")))], version=4)
        return Sample(path, {"frame": 4, "y": 6, "x": 8}, {"image": FRAMES.sum()}, {"technique": "spa"})


class TestVelox(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return VELOX

    @pytest.fixture
    def sample(self, tmp_path):
        images = {"HAADF": FRAMES[:1], "C": FRAMES[1:2].astype("f4")}
        path = write_velox(tmp_path / "a.emd", images, counts=np.arange(32, dtype="u4"))
        sums = {"image": FRAMES[:2].sum(), "voxel": 80.0, "spectrum": 496}
        return Sample(path, {"frame": 2, "y": 6, "x": 8, "detector": 1, "energy": 32}, sums)


class TestEmd(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EMD

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_emd(tmp_path / "a.emd", FRAMES.reshape(2, 2, 6, 8), SCAN)
        sums = {"patterns": FRAMES.sum(), "pattern_step": 0.002, "scan_step": 40.0, "scan_shape": 4}
        return Sample(path, {"frame": 4, "ky": 6, "kx": 8}, sums)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_frames_of_a_merlin_come_out_in_the_byte_order_of_the_machine(tmp_path, kind):
    frames = np.random.default_rng(0).integers(0, 250, (3, 4, 5)).astype(kind)

    found = open_run(write_merlin(tmp_path / "a.mib", frames)).data.patterns.values

    np.testing.assert_array_equal(found, frames)
    assert found.dtype.isnative


def test_fewer_frames_than_the_text_beside_them_promises_are_broken(tmp_path):
    judged = MERLIN.check(write_merlin(tmp_path / "a.mib", FRAMES, promised=5))

    assert judged.state is State.BROKEN
    assert "4 of the 5" in judged.reason


def test_the_packed_raw_mode_is_refused_with_the_way_out(tmp_path):
    path = write_merlin(tmp_path / "a.mib", FRAMES)
    path.write_bytes(path.read_bytes().replace(b"U16", b"R64"))

    with pytest.raises(LayoutError, match="save them as U08"):
        MERLIN.open(path)


def test_a_later_frame_of_another_size_is_damage(tmp_path):
    path = write_merlin(tmp_path / "a.mib", FRAMES)
    data = bytearray(path.read_bytes())
    last = len(data) - (384 + 96)
    data[last : last + 30] = data[last : last + 30].replace(b"0008,0006", b"0004,0012")
    path.write_bytes(bytes(data))

    with pytest.raises(CorruptFileError, match="size of the first"):
        MERLIN.open(path)


def test_without_its_emi_a_series_has_no_pixel(tmp_path):
    found = open_run(write_tia(tmp_path / "scan_1.ser", FRAMES.astype("i4"), 1.7e8, emi=False))

    assert "pattern_step" not in found.data
    assert "pixel_unknown" in {flag.code for flag in found.flags}


def test_a_series_that_was_stopped_says_so_and_has_no_shape(tmp_path):
    found = open_run(write_tia(tmp_path / "scan_1.ser", FRAMES.astype("i4"), 1.7e8, planned=9))

    assert found.data.sizes["frame"] == 4
    assert "scan_shape" not in found.data
    assert "series_cut_short" in {flag.code for flag in found.flags}


def test_an_emi_names_the_series_to_open_and_nobody(tmp_path):
    path = write_tia(tmp_path / "scan_1.ser", FRAMES.astype("i4"), 1.7e8)

    with pytest.raises(BrokenRunError, match=r"open scan_1\.ser"):
        open_run(tmp_path / "scan.emi")
    assert "JANE" not in str(open_run(path).metadata.raw)


@pytest.mark.parametrize("version", [3, 4])
def test_a_spectrum_image_comes_out_by_place(tmp_path, version):
    cube = np.arange(5 * 2 * 3, dtype="f4").reshape(5, 2, 3)
    axes = ((1.5, 0.0, "nm"), (1.5, 0.0, "nm"), (0.5, 100.0, "eV"))
    found = open_run(write_dm(tmp_path / "si.dm", [("EELS", cube, axes)], version=version)).data

    np.testing.assert_array_equal(found.spectrum.values, cube.reshape(5, 6).T)
    assert found.energy.values == pytest.approx(-50 + 0.5 * np.arange(5))
    assert found.scan_shape.values.tolist() == [2, 3]
    assert found.scan_step.values == pytest.approx([15.0, 15.0])


@pytest.mark.parametrize("patterns_fast", [True, False])
def test_units_tell_the_scan_from_the_pattern(tmp_path, patterns_fast):
    data = np.arange(2 * 3 * 4 * 5, dtype="u2").reshape(2, 3, 4, 5)
    places, angles = ((2.0, 0.0, "nm"),) * 2, ((0.5, 0.0, "mrad"),) * 2
    axes = (*angles, *places) if patterns_fast else (*places, *angles)
    found = open_run(write_dm(tmp_path / "a.dm4", [("4D", data, axes)], version=4)).data

    expected = data.reshape(6, 4, 5) if patterns_fast else data.reshape(2, 3, 20).transpose(2, 0, 1)
    np.testing.assert_array_equal(found.patterns.values, expected)
    assert found.pattern_step.values == pytest.approx([5e-4, 5e-4])
    assert found.pattern_step.attrs["units"] == "rad"


def test_four_axes_without_units_are_not_guessed(tmp_path):
    data = np.zeros((2, 3, 4, 5), "u2")
    path = write_dm(tmp_path / "a.dm4", [("4D", data, ((1.0, 0.0, ""),) * 4)], version=4)

    with pytest.raises(LayoutError, match="do not tell the scan"):
        DM.open(path)


def test_a_tag_that_promises_too_much_is_refused(tmp_path):
    path = write_dm(tmp_path / "a.dm3", [("HAADF", FRAMES[0], PIXEL)])
    data = path.read_bytes()
    place = data.index(b"Data%%%%") + 4 + 4 + 4 + 8
    path.write_bytes(data[:place] + struct.pack(">I", 2**31) + data[place + 4 :])

    with pytest.raises(TruncatedFileError, match="beyond"):
        DM.open(path)


def test_velox_images_of_another_shape_are_told(tmp_path):
    images = {"HAADF": FRAMES[:1], "C": FRAMES[:1], "big": np.zeros((1, 9, 9), "f4")}
    found = open_run(write_velox(tmp_path / "a.emd", images))

    assert found.data.image_name.values.tolist() == ["C", "HAADF"]
    assert "other_signals_not_read" in {flag.code for flag in found.flags}


def test_velox_without_its_json_is_damage(tmp_path):
    path = write_velox(tmp_path / "a.emd", {"HAADF": FRAMES[:1]})
    with h5py.File(path, "r+") as file:
        file[f"Data/Image/{0:032x}/Metadata"][...] = 0

    with pytest.raises(CorruptFileError, match="no JSON"):
        VELOX.open(path)


def test_the_readers_of_the_field_read_what_is_written_here(tmp_path):
    """They turn frames of Merlin and TIA over, whose first row is the lowest; here that is only said."""
    merlin = pytest.importorskip("rsciio.quantumdetector").file_reader
    tia = pytest.importorskip("rsciio.tia").file_reader
    gatan = pytest.importorskip("rsciio.digitalmicrograph").file_reader
    path = write_merlin(tmp_path / "a.mib", FRAMES)
    patterns = write_tia(tmp_path / "a_1.ser", FRAMES.astype("i4"), 1.7e8)
    image = write_dm(tmp_path / "a.dm3", [("HAADF", FRAMES[0], PIXEL)])

    np.testing.assert_array_equal(merlin(str(path))[0]["data"].reshape(FRAMES.shape)[:, ::-1], FRAMES)
    np.testing.assert_array_equal(tia(str(patterns))[0]["data"][:, ::-1], FRAMES)
    np.testing.assert_array_equal(gatan(str(image))[0]["data"], FRAMES[0])
    assert (
        open_run(path).metadata.raw["first_row"] == open_run(patterns).metadata.raw["first_row"] == "lowest"
    )


@pytest.mark.parametrize(
    ("adapter", "write"),
    [
        (MERLIN, lambda path: write_merlin(path / "a.mib", FRAMES)),
        (TIA, lambda path: write_tia(path / "a_1.ser", FRAMES.astype("i4"), 1.7e8)),
        (DM, lambda path: write_dm(path / "a.dm3", [("HAADF", FRAMES[0], PIXEL)], microscope=MICROSCOPE)),
        (DM, lambda path: write_dm(path / "a.dm4", [("HAADF", FRAMES, PIXEL)], version=4)),
    ],
)
def test_spoilt_heads_bring_no_foreign_error(tmp_path, adapter, write):
    path = write(tmp_path)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 700), 4):
            data[place] = random.integers(256)
        path.write_bytes(bytes(data))
        try:
            adapter.check(path)
            adapter.open(path).data.load()
        except AdapterError:
            continue
