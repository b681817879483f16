"""MRC files of every mode, order and oddity, written here, and read by mrcfile too where it can."""

from __future__ import annotations

import bz2
import struct

import numpy as np
import pytest

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.mrc import MRC
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.em import write_mrc, write_star

CUBE = np.arange(64, dtype="f4").reshape(4, 4, 4)


class TestMap(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MRC

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_mrc(tmp_path / "map.mrc", CUBE)
        return Sample(path, {"z": 4, "y": 4, "x": 4, "axis": 3}, {"density": CUBE.sum(), "voxel": 4.5})


class TestStackBesideItsStarFile(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MRC

    @pytest.fixture
    def sample(self, tmp_path):
        write_star(tmp_path / "particles.star", "particles.mrc", [9000.0] * 4)
        path = write_mrc(tmp_path / "particles.mrc", CUBE, cell=(0, 0, 0))
        return Sample(
            path,
            {"frame": 4, "y": 4, "x": 4},
            {"image": CUBE.sum(), "voxel": 2.5},
            flags=("metadata_from_sidecar",),
        )


@pytest.mark.parametrize("kind", ["i1", "i2", "f4", "u2", "f2"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_mode_is_read_as_mrcfile_reads_it(tmp_path, kind, order):
    mrcfile = pytest.importorskip("mrcfile")
    data = (np.arange(60) - (0 if kind == "u2" else 30)).astype(kind).reshape(3, 4, 5)
    path = write_mrc(tmp_path / "stack.mrcs", data, order=order, space_group=0, grid=(5, 4, 1))
    found = open_run(path)

    with mrcfile.open(path) as other:
        np.testing.assert_array_equal(found.data.image.values, other.data)
        assert found.data.voxel.values == pytest.approx(
            [float(other.voxel_size.y), float(other.voxel_size.x)]
        )


@pytest.mark.parametrize("columns", [6, 5])
def test_two_pixels_in_a_byte_are_parted(tmp_path, columns):
    data = (np.arange(2 * 3 * columns) % 16).astype("u1").reshape(2, 3, columns)
    path = write_mrc(tmp_path / "movie.mrcs", data, mode=101)

    np.testing.assert_array_equal(open_run(path).data.image.values, data)


def test_sections_of_a_permuted_map_come_out_as_z_y_x(tmp_path):
    data = np.arange(24, dtype="f4").reshape(2, 3, 4)
    path = write_mrc(tmp_path / "map.map", data, axes=(3, 1, 2), grid=(3, 2, 4), cell=(3.0, 4.0, 12.0))
    found = open_run(path).data

    assert dict(found.sizes) == {"z": 4, "y": 2, "x": 3, "axis": 3}
    assert found.voxel.values == pytest.approx([3.0, 2.0, 1.0])
    np.testing.assert_array_equal(found.density.values, data.transpose(2, 0, 1))


@pytest.mark.parametrize("order", ["<", ">"])
def test_without_a_machine_stamp_sizes_tell_the_order(tmp_path, order):
    path = write_mrc(tmp_path / "map.mrc", CUBE, order=order, stamp=b"\0\0\0\0", space_group=1065353216)
    found = open_run(path)

    np.testing.assert_array_equal(found.data.density.values, CUBE)
    assert {"byte_order_by_size", "cube_taken_for_map"} <= {flag.code for flag in found.flags}


@pytest.mark.parametrize(
    ("cell", "code"), [((0, 0, 0), "voxel_missing"), ((4.0, 4.0, 4.0), "header_looks_like_default")]
)
def test_a_voxel_that_is_not_known_is_not_made_up(tmp_path, cell, code):
    found = open_run(write_mrc(tmp_path / "map.mrc", CUBE, cell=cell))

    assert "voxel" not in found.data
    assert code in {flag.code for flag in found.flags}


def test_a_packed_micrograph_is_read(tmp_path):
    image = np.arange(12, dtype="u2").reshape(1, 3, 4)
    plain = write_mrc(tmp_path / "micrograph.mrc", image, space_group=0)
    packed = tmp_path / "micrograph.mrc.bz2"
    packed.write_bytes(bz2.compress(plain.read_bytes()))

    np.testing.assert_array_equal(open_run(packed).data.image.values, image)


def fei_record(pixel_m, defocus_m=-1.2e-6):
    record = bytearray(768)
    struct.pack_into("<ii", record, 0, 768, 0)
    record[20:28] = b"TITAN123"
    struct.pack_into("<dd", record, 84, 300000.0, 4e21)
    struct.pack_into("<dd", record, 156, pixel_m, pixel_m)
    struct.pack_into("<d", record, 220, defocus_m)
    struct.pack_into("<d", record, 289, 165000.0)
    struct.pack_into("<d", record, 419, 10.0)
    return bytes(record)


def test_the_record_of_the_microscope_is_read_as_mrcfile_reads_it(tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    path = write_mrc(tmp_path / "m.mrc", CUBE[:1], extended=(b"FEI1", fei_record(1.5e-10)))
    found = open_run(path).metadata

    with mrcfile.open(path) as other:
        record = other.indexed_extended_header
        assert found.raw["voltage_kv"] == pytest.approx(record["HT"][0] / 1000)
        assert found.raw["defocus_angstrom"] == pytest.approx(-record["Defocus"][0] * 1e10)
        assert found.raw["dose_e_per_angstrom2"] == pytest.approx(record["Dose"][0] * 1e-20)
        assert found.raw["magnification"] == record["Magnification"][0]
        assert found.exposure_s == record["Integration time"][0]
    assert found.raw["microscope"] == "TITAN123"


def test_a_cell_that_contradicts_the_microscope_is_not_used(tmp_path):
    path = write_mrc(tmp_path / "m.mrc", CUBE[:1], extended=(b"FEI1", fei_record(2.5e-10)))
    found = open_run(path)

    assert "voxel" not in found.data
    assert "voxel_contradicted" in {flag.code for flag in found.flags}


def test_a_fourier_transform_is_refused(tmp_path):
    path = write_mrc(tmp_path / "m.mrc", CUBE, mode=4)

    with pytest.raises(LayoutError, match="Fourier"):
        MRC.open(path)


def test_a_damaged_header_is_refused_in_words(tmp_path):
    path = write_mrc(tmp_path / "m.mrc", CUBE)
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * 16 + whole[16:])

    with pytest.raises(CorruptFileError, match="byte order"):
        MRC.open(path)


def test_a_packed_file_that_was_cut_is_broken(tmp_path):
    plain = write_mrc(tmp_path / "m.mrc", CUBE)
    packed = tmp_path / "n.mrc.bz2"
    packed.write_bytes(bz2.compress(plain.read_bytes())[:-30])

    assert MRC.check(packed).state is State.BROKEN
    with pytest.raises(TruncatedFileError):
        MRC.open(packed).data.density.compute()


def test_mutilated_headers_are_refused_or_read_but_never_crash(tmp_path):
    from adapters.errors import AdapterError

    whole = write_mrc(tmp_path / "m.mrc", CUBE).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "mutilated.mrc"
    for _ in range(200):
        data = bytearray(whole)
        for place in random.integers(0, 240, 4):
            data[place] = random.integers(256)
        path.write_bytes(bytes(data))
        try:
            assert MRC.check(path)
            MRC.open(path)
        except AdapterError:
            continue
