"""Movies of electron microscopes in TIFF and EER, decoded by tifffile when computed."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    MissingExtraError,
    TruncatedFileError,
)
from adapters.formats import microscope_axes, movie_notes, text, tiff_header
from adapters.formats.by_path import FramesByPath
from adapters.formats.stacked import plausible, readable
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
CLASSIC, BIG = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
EER_CODES = (65000, 65001, 65002)
EER_NOTES = 65001
MOST_PAGES, MOST_TAGS = 200_000, 1000
BLOCK_BYTES = 64 * 2**20
# A pixel on a specimen is smaller than this (angstrom); one on a camera is larger.
LARGEST_PIXEL = 100.0
KEPT = {"exposureTime": "exposure_s", "numberOfFrames": "frames_stated", "totalDose": "dose_per_pixel"}


@dataclass(frozen=True)
class Pages:
    """What the pages of a file are: how many, their shape and type, and what the file says of them."""

    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    compression: int
    description: str
    notes: str


@dataclass(frozen=True)
class TiffMovie:
    """A reader of movies in TIFF: of EPU by their name, of SerialEM by their own words or a file beside."""

    name: str = "tiff_movie"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT for several pages and a mark of EPU or SerialEM."""
        if not probe.head.startswith(CLASSIC + BIG) or probe.suffix not in (".tif", ".tiff"):
            return Confidence.NO
        if probe.path.stem.lower().endswith("_fractions") or movie_notes.mdoc_of(probe.path) is not None:
            return Confidence.CONTENT
        try:
            said = tiff_header.promise(probe.path)
        except AdapterError:
            return Confidence.NO
        marked = "SerialEM" in said.header.get("description", "") + said.header.get("software", "")
        return Confidence.CONTENT if marked else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every page is within the file."""
        return _checked(path)

    def open(self, path: Path) -> Measurement:
        """Frames as `image` over frame, y, x, as they are stored: not gain-corrected, as a rule."""
        pages = _pages(path)
        if pages.compression in EER_CODES:
            raise LayoutError(path, "its frames are electron events (EER) under another name")
        return _measurement(self.name, path, pages, {})


@dataclass(frozen=True)
class EerMovie:
    """A reader of EER: each frame is one read-out of the camera, electrons at the pixels of the camera."""

    name: str = "eer_movie"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the compression that only these files have; by name where that cannot be seen."""
        if not probe.head.startswith(CLASSIC + BIG):
            return Confidence.NO
        code = _first_compression(probe.path)
        if code in EER_CODES:
            return Confidence.INSTRUMENT
        return Confidence.EXTENSION if probe.suffix == ".eer" else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every frame is within the file, and as many as it says."""
        found = _checked(path)
        if found.reason:
            return found
        pages = _pages(path)
        stated = _eer_notes(pages.notes).get("frames_stated")
        if stated is not None and pages.count < stated:
            return Readiness.broken(f"{pages.count} of the {stated:.0f} frames that it states are there")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames as `image` in counts; how many make a fraction is for the reduction to say."""
        pages = _pages(path)
        if pages.compression not in EER_CODES:
            raise LayoutError(path, "its frames are not electron events")
        return _measurement(self.name, path, pages, _eer_notes(pages.notes))


def _measurement(name: str, path: Path, pages: Pages, own: dict[str, Any]) -> Measurement:
    notes = movie_notes.beside(path, pages.count)
    said = {**own, **notes.said}
    pixel = said.get("pixel_angstrom")
    if pixel is not None and "dose_per_pixel" in said and "dose_per_frame" not in said:
        said["dose_per_frame"] = said["dose_per_pixel"] / pixel**2 / pages.count
    flags = list(notes.flags)
    if pixel is None:
        flags.append(Flag.caution("voxel_missing", "neither the movie nor a file beside it states its pixel"))
    said.pop("frames_stated", None)
    array = _lazy(path, pages)
    counted = pages.dtype.kind in "ub"
    data = microscope_axes.images(array, (pixel, pixel), "count" if counted else "arbitrary")
    raw = {"first_row": "highest", "gain_corrected": False, **said}
    metadata = Metadata("spa", start_time=notes.start, exposure_s=raw.pop("exposure_s", None), raw=raw)
    return Measurement(data, metadata, Provenance(str(path), name, VERSION, notes.files), tuple(flags))


def _checked(path: Path) -> Readiness:
    try:
        _pages(path)
    except MissingExtraError:
        raise
    except AdapterError as error:
        return Readiness.broken(str(error))
    return Readiness.ready()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file by tifffile; whatever that says against it comes out as one of our errors."""
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError("tifffile", "em") from error
    readable(path)
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except AdapterError:
        raise
    except MemoryError as error:
        raise CorruptFileError(path, "its pages promise more than memory holds") from error
    # tifffile raises whatever its parser stumbles on.
    except Exception as error:
        raise CorruptFileError(
            path, f"it does not read as TIFF ({type(error).__name__}: {error})"[:300]
        ) from error


def _pages(path: Path) -> Pages:
    size = readable(path)
    count = _chained(path, size)
    with _opened(path) as file:
        if len(file.pages) != count:
            raise CorruptFileError(path, f"{len(file.pages)} of its {count} pages can be read")
        first = file.pages[0]
        if len(first.shape) != 2 or first.dtype is None or first.dtype.kind not in "iufb":
            raise LayoutError(path, f"its pages are {first.shape} of {first.dtype}, not plain images")
        plausible(path, count, first.shape)
        for number in range(count):
            page = file.pages[number]
            if tuple(page.shape) != tuple(first.shape) or page.dtype != first.dtype:
                raise LayoutError(path, f"page {number + 1} differs from the first in size or type")
            _whole(path, size, number, page)
        rows, columns = (int(each) for each in first.shape)
        notes = first.tags.get(EER_NOTES)
        return Pages(
            count,
            (rows, columns),
            np.dtype("u1") if first.dtype.kind == "b" else first.dtype.newbyteorder("="),
            int(first.compression),
            str(first.description or ""),
            "" if notes is None else _text(notes.value),
        )


def _chained(path: Path, size: int) -> int:
    """How many pages follow each other; tifffile leaves out in silence what lies beyond the end."""
    count = 0
    with path.open("rb") as file:
        layout = _layout(file.read(16))
        if layout is None:
            raise LayoutError(path, "not a TIFF file")
        order, wide, place = layout
        while place:
            count += 1
            if count > MOST_PAGES:
                raise CorruptFileError(path, f"more than {MOST_PAGES} pages follow each other")
            if place >= size:
                raise TruncatedFileError(path, f"page {count} begins at byte {place} of {size}")
            file.seek(place)
            entries = _number(file.read(8 if wide else 2), f"{order}{'Q' if wide else 'H'}")
            if entries is None or not 0 < entries < MOST_TAGS:
                raise TruncatedFileError(
                    path, f"page {count} begins at byte {place} of {size}, and is not there"
                )
            file.seek(place + (8 + 20 * entries if wide else 2 + 12 * entries))
            following = _number(file.read(8 if wide else 4), f"{order}{'Q' if wide else 'I'}")
            if following is None:
                raise TruncatedFileError(path, f"page {count} ends beyond the {size} bytes of the file")
            place = following
    if count == 0:
        raise LayoutError(path, "a TIFF file without an image")
    return count


def _layout(head: bytes) -> tuple[str, bool, int] | None:
    """Byte order, whether places have eight bytes, and where the first page is described."""
    if not head.startswith(CLASSIC + BIG) or len(head) < 16:
        return None
    order = "<" if head[:2] == b"II" else ">"
    wide = head.startswith(BIG)
    start = _number(head[8:16] if wide else head[4:8], f"{order}{'Q' if wide else 'I'}")
    return None if start is None else (order, wide, start)


def _number(data: bytes, form: str) -> int | None:
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else None


def _whole(path: Path, size: int, number: int, page: Any) -> None:
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not ends or max(ends) > size or min(page.databytecounts) <= 0:
        raise TruncatedFileError(path, f"page {number + 1} reaches to byte {max(ends, default=0)} of {size}")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else str(value)


def _eer_notes(content: str) -> dict[str, Any]:
    """Numbers of the camera: seconds, frames, electrons per pixel, and the pixel on the specimen."""
    if not content or "<!" in content:
        return {}
    try:
        items = list(ElementTree.fromstring(content.strip()).iter("item"))
    except ElementTree.ParseError:
        return {}
    said: dict[str, Any] = {}
    for item in items:
        name, value = item.get("name", ""), text.number((item.text or "").strip())
        if value is None or not np.isfinite(value) or value <= 0:
            continue
        if name in KEPT:
            said[KEPT[name]] = value
        elif name == "sensorPixelSize.width":
            pixel = microscope_axes.length(value, item.get("unit", ""))
            if pixel is not None and pixel < LARGEST_PIXEL:
                said["pixel_angstrom"] = pixel
    return said


def _first_compression(path: Path) -> int | None:
    """The compression of the first page by its tags, without tifffile; None where it cannot be found."""
    try:
        with path.open("rb") as file:
            layout = _layout(file.read(16))
            if layout is None:
                return None
            order, wide, start = layout
            file.seek(start)
            count = _number(file.read(8 if wide else 2), f"{order}{'Q' if wide else 'H'}") or 0
            step = 20 if wide else 12
            table = file.read(step * min(count, MOST_TAGS))
    except (OSError, OverflowError, ValueError):
        return None
    for place in range(0, len(table) - step + 1, step):
        tag, kind = struct.unpack_from(f"{order}HH", table, place)
        if tag == tiff_header.COMPRESSION and kind == 3:
            return int(struct.unpack_from(f"{order}H", table, place + (12 if wide else 8))[0])
    return None


def _lazy(path: Path, pages: Pages) -> da.Array:
    import dask.array as da

    one = pages.shape[0] * pages.shape[1] * pages.dtype.itemsize
    step = max(1, min(pages.count, BLOCK_BYTES // one))
    array: da.Array = da.from_array(
        Frames(str(path), (pages.count, *pages.shape), pages.dtype),
        chunks=(step, *pages.shape),
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0, 0, 0), pages.dtype),
    )
    return array


class Frames(FramesByPath):
    """The frames of a movie."""

    def read(self, numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        """Decoded one after the other: threads of the decoder would compete with those of dask."""
        found = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        with _opened(Path(self.path)) as file:
            for place, number in enumerate(numbers):
                frame = file.pages[number].asarray(maxworkers=1)
                if frame.shape != self.shape[1:]:
                    raise CorruptFileError(
                        self.path, f"frame {number} is {frame.shape}, not {self.shape[1:]}"
                    )
                found[place] = frame
        return found


TIFF_MOVIE, EER_MOVIE = TiffMovie(), EerMovie()
