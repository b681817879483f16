"""The files of a DICOM series: which are some, and what the header of each says."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.errors import CorruptFileError, LayoutError, MissingExtraError
from adapters.formats.blob import size_of
from adapters.formats.nifti import translated

GZIP = b"\x1f\x8b"
MARK, AT = b"DICM", 128
# A folder with more files than this is no series of one examination.
MOST_FILES = 20000


@dataclass(frozen=True)
class Part:
    """A file of a series, and its header."""

    path: Path
    said: Any


def series(folder: Path) -> list[Part]:
    """The files of the only series of a folder."""
    parts = [Part(path, header(path)) for path in files_in(folder) if marked(path)]
    if not parts:
        raise LayoutError(folder, "it holds no DICOM files")
    names = {str(part.said.get("SeriesInstanceUID", "")) for part in parts}
    if len(names) > 1:
        numbers = sorted({str(part.said.get("SeriesNumber", "?")) for part in parts})
        raise LayoutError(
            folder,
            f"it holds {len(names)} series (numbers {', '.join(numbers)}); put each in a folder of its own",
        )
    return parts


def files_in(folder: Path) -> list[Path]:
    """The first files of a folder that are not hidden, by name."""
    found = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    return found[:MOST_FILES]


def marked(path: Path) -> bool:
    """Whether a file, compressed or not, bears the mark behind the preamble."""
    try:
        return _bytes(path, AT + 4)[AT:] == MARK
    except (OSError, EOFError, ValueError, zlib.error):
        # What cannot be unpacked is no file of ours; who opens it by name hears why.
        return False


def header(path: Path, *, pixels: bool = False) -> Any:
    """What a file says, with its pixels if wanted."""
    size_of(path)
    library = _library()
    from pydicom.errors import InvalidDicomError

    with translated(path), whole_numbers(path), warnings.catch_warnings():
        # Oddities of values are not ours to mend; what is needed is checked where it is used.
        warnings.simplefilter("ignore")
        try:
            said = library.dcmread(io.BytesIO(_bytes(path)), stop_before_pixels=not pixels)
        # What pydicom lets out of damaged headers.
        except (InvalidDicomError, NotImplementedError, struct.error, AssertionError) as error:
            raise CorruptFileError(path, f"{type(error).__name__}: {str(error)[:150]}") from error
    return said


@contextmanager
def whole_numbers(path: Path) -> Iterator[None]:
    """Inside, a value whose bytes do not make whole numbers comes out as one of our errors."""
    _library()
    from pydicom.errors import BytesLengthException

    try:
        yield
    except BytesLengthException as error:
        raise CorruptFileError(path, str(error)[:200]) from error


def _library() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError("pydicom", "mri") from error
    return pydicom


def _bytes(path: Path, most: int = -1) -> bytes:
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(0)
        if head != GZIP:
            return file.read(most)
        with gzip.GzipFile(fileobj=file) as stream:
            return stream.read(most)
