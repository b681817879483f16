"""Image files: what comes out is what a detector put in, and what is wrong is said before it is read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    EmptyFileError,
    LayoutError,
    TruncatedFileError,
    UnitError,
)
from adapters.formats.images import CBF, EDF, TIFF, ImageFile
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.testing import AdapterConformance, Sample
from adapters.testing.images import Fault, tiff_bytes, write_cbf, write_edf, write_pilatus_tiff

IMAGE = np.array([[0, 1, -1, 3], [4, 70000, 6, -2], [8, 9, 10, 11]], dtype="i4")
BAD = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)
SET_UP = {"distance_m": 1.5, "beam_px": (1.5, 2.0), "wavelength_angstrom": 1.24, "exposure_s": 0.5}
STATED = {
    "distance_m": 1.5,
    "beam_center_x_px": 1.5,
    "beam_center_y_px": 2.0,
    "wavelength_angstrom": 1.24,
    "exposure_s": 0.5,
    "pixel_size_x_m": 172e-6,
    "transmission": None,
    "start_time": None,
}


class TestCbf(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return CBF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_cbf(tmp_path / "frame.cbf", IMAGE, **SET_UP)
        return Sample(path, {"frame": 1, "y": 3, "x": 4}, {"counts": IMAGE.sum(), "mask": 2}, STATED)


class TestPilatusTiff(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return TIFF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_pilatus_tiff(tmp_path / "frame.tif", IMAGE, **SET_UP)
        return Sample(path, {"frame": 1, "y": 3, "x": 4}, {"counts": IMAGE.sum(), "mask": 2}, STATED)


class TestEdf(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return EDF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        images = np.arange(60, dtype="i4").reshape(3, 4, 5)
        path = write_edf(tmp_path / "frames.edf", images)
        return Sample(path, {"frame": 3, "y": 4, "x": 5}, {"counts": images.sum()}, {"distance_m": None})


WRITERS = {"cbf": (CBF, write_cbf), "tif": (TIFF, write_pilatus_tiff)}


@pytest.mark.parametrize("kind", WRITERS)
def test_pixels_come_back_unchanged(kind: str, tmp_path: Path) -> None:
    adapter, write = WRITERS[kind]
    run = adapter.open(write(tmp_path / f"frame.{kind}", IMAGE))

    np.testing.assert_array_equal(run.data["counts"].values[0], IMAGE)
    np.testing.assert_array_equal(run.data["mask"].values, BAD)


@pytest.mark.parametrize("kind", WRITERS)
def test_counts_say_which_values_are_no_counts(kind: str, tmp_path: Path) -> None:
    adapter, write = WRITERS[kind]

    counts = adapter.open(write(tmp_path / f"frame.{kind}", IMAGE)).data["counts"]

    assert counts.attrs == {"units": "count", "invalid_below": 0}


def test_a_slice_of_one_frame_of_many_is_that_slice(tmp_path: Path) -> None:
    images = np.arange(60, dtype="i4").reshape(3, 4, 5)
    counts = EDF.open(write_edf(tmp_path / "frames.edf", images)).data["counts"]

    np.testing.assert_array_equal(counts[1, 2:, ::2].values, images[1, 2:, ::2])
    np.testing.assert_array_equal(counts[::2].values, images[::2])


def test_a_geometry_needs_distance_centre_and_pixels_all(tmp_path: Path) -> None:
    with_all = TIFF.open(write_pilatus_tiff(tmp_path / "all.tif", IMAGE, **SET_UP)).metadata
    without = TIFF.open(write_pilatus_tiff(tmp_path / "some.tif", IMAGE, beam_px=(1.5, 2.0))).metadata

    assert with_all.geometry is not None
    assert with_all.geometry.poni1_m == pytest.approx(2.0 * 172e-6)
    assert with_all.geometry.poni2_m == pytest.approx(1.5 * 172e-6)
    assert with_all.geometry.orientation is None
    assert without.geometry is None


@pytest.mark.parametrize("beam", [(0.0, 0.0), (2000.0, 2000.0)])
def test_a_header_nobody_filled_in_is_not_believed(beam: tuple[float, float], tmp_path: Path) -> None:
    path = write_pilatus_tiff(tmp_path / "frame.tif", IMAGE, distance_m=1.0, beam_px=beam)

    run = TIFF.open(path)

    assert run.metadata.distance_m is run.metadata.beam_center_x_px is run.metadata.geometry is None
    assert run.metadata.raw["Beam_xy"] == f"({beam[0]:.2f}, {beam[1]:.2f}) pixels"
    assert [flag.code for flag in run.flags] == ["header_looks_like_default"]


def test_a_beam_beside_the_detector_is_believed(tmp_path: Path) -> None:
    path = write_pilatus_tiff(tmp_path / "frame.tif", IMAGE, distance_m=1.5, beam_px=(-0.2, 97.0))

    metadata = TIFF.open(path).metadata

    assert (metadata.beam_center_x_px, metadata.beam_center_y_px) == (-0.2, 97.0)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_distance_in_a_unit_of_another_kind_is_refused(kind: str, tmp_path: Path) -> None:
    adapter, write = WRITERS[kind]
    path = write(tmp_path / f"frame.{kind}", IMAGE, **SET_UP, fault=Fault.WRONG_UNIT)

    with pytest.raises(UnitError, match="mol"):
        adapter.open(path)


@pytest.mark.parametrize("adapter", [CBF, TIFF, EDF], ids=lambda adapter: adapter.name)
def test_a_truncated_file_is_told_before_it_is_read(adapter: ImageFile, tmp_path: Path) -> None:
    image = np.full((200, 300), 7, dtype="i4")
    path = tmp_path / "frame"
    {
        "cbf": lambda: write_cbf(path, image, fault=Fault.TRUNCATE),
        "tiff": lambda: write_pilatus_tiff(path, image, fault=Fault.TRUNCATE),
        "edf": lambda: write_edf(path, image[None], fault=Fault.TRUNCATE),
    }[adapter.name]()

    judged = adapter.check(path)

    assert judged.state is State.BROKEN
    assert "truncated" in judged.reason
    with pytest.raises(TruncatedFileError):
        adapter.open(path)


@pytest.mark.parametrize("adapter", [CBF, TIFF, EDF], ids=lambda adapter: adapter.name)
@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", EmptyFileError), (b"Beam came back at noon.\n", LayoutError), (None, LayoutError)],
    ids=["empty", "prose", "folder"],
)
def test_what_is_no_image_is_refused(
    adapter: ImageFile, content: bytes | None, error: type[AdapterError], tmp_path: Path
) -> None:
    path = tmp_path / "thing"
    path.mkdir() if content is None else path.write_bytes(content)

    assert adapter.check(path).state is State.BROKEN
    with pytest.raises(error):
        adapter.open(path)


def test_an_absurd_tiff_is_refused_without_allocating(tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    path.write_bytes(tiff_bytes(IMAGE, {}, size=(10**9, 10**9)))

    with pytest.raises(CorruptFileError, match="1000000000 x 1000000000"):
        TIFF.open(path)


def test_an_absurd_edf_is_refused_without_allocating(tmp_path: Path) -> None:
    entries = {"Dim_1": "1000000000", "Dim_2": "1000000000"}
    path = write_edf(tmp_path / "frame.edf", IMAGE[None], entries=entries)

    with pytest.raises(CorruptFileError, match="1000000000 x 1000000000"):
        EDF.open(path)


def test_an_absurd_cbf_is_refused_without_allocating(tmp_path: Path) -> None:
    path = write_cbf(tmp_path / "frame.cbf", IMAGE)
    path.write_bytes(path.read_bytes().replace(b"Fastest-Dimension: 4", b"Fastest-Dimension: 1000000000"))

    with pytest.raises(CorruptFileError, match="cannot hold"):
        CBF.open(path)


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "frame.edf", IMAGE[None], entries={"Dim_1": "0"})

    with pytest.raises(LayoutError, match="no pixels"):
        EDF.open(path)


def test_pixels_that_do_not_decode_are_told_as_ours(tmp_path: Path) -> None:
    path = write_cbf(tmp_path / "frame.cbf", IMAGE)
    counts = CBF.open(path).data["counts"]
    path.write_bytes(b"###CBF: gone")

    with pytest.raises(CorruptFileError, match="do not decode"):
        counts.compute()


def test_a_flipped_byte_in_a_sealed_file_is_told(tmp_path: Path) -> None:
    path = write_cbf(tmp_path / "frame.cbf", IMAGE)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x0c\x1a\x04\xd5") + 6] ^= 1
    path.write_bytes(content)

    judged = CBF.check(path)

    assert judged.state is State.BROKEN
    assert "MD5" in judged.reason


def test_padding_after_the_last_frame_is_no_frame(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "frame.edf", IMAGE[None])
    path.write_bytes(path.read_bytes() + bytes(512))

    assert EDF.open(path).data.sizes["frame"] == 1


def test_tiff_tags_that_point_beyond_the_end_are_told(tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 10**6))

    with pytest.raises(TruncatedFileError, match="beyond its end"):
        TIFF.open(path)


def test_a_plain_tiff_says_nothing_and_gets_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    path.write_bytes(tiff_bytes(IMAGE.clip(0).astype("u2"), {}))

    run = TIFF.open(path)

    assert TIFF.probe(Probe(path)) is Confidence.SIGNATURE
    assert "mask" not in run.data
    assert run.metadata.stated() == {"technique": "image"}
    np.testing.assert_array_equal(run.data["counts"].values[0], IMAGE.clip(0).astype("u2"))
