"""What the header of an image file says is in it, checked against the bytes before anything is allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError, TruncatedFileError

# No detector image is larger; a header that claims more is damaged.
MOST_BYTES_A_FRAME = 2**31


@dataclass(frozen=True)
class Promise:
    """Shape and type of the frames, the byte where they end, and the header as it stands."""

    frames: int
    rows: int
    columns: int
    dtype: np.dtype[Any]
    end: int
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        return (self.frames, self.rows, self.columns)


def kept(path: Path, promise: Promise) -> Promise:
    """The promise, if the file is large enough to keep it and its sizes are possible."""
    if promise.frames < 1 or promise.rows < 1 or promise.columns < 1:
        raise LayoutError(path, f"its header promises no pixels (shape {promise.shape})")
    if promise.rows * promise.columns * promise.dtype.itemsize > MOST_BYTES_A_FRAME:
        raise CorruptFileError(
            path, f"its header claims an image of {promise.rows} x {promise.columns} pixels"
        )
    size = path.stat().st_size
    if size < promise.end:
        raise TruncatedFileError(path, f"{size} bytes of the {promise.end} that its header promises")
    return promise


def first_bytes(path: Path, count: int) -> bytes:
    """The first `count` bytes of a file that must be one and not empty."""
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not an image file")
    with path.open("rb") as file:
        head = file.read(count)
    if not head:
        raise EmptyFileError(path)
    return head


def whole(path: Path, header: Mapping[str, str], name: str) -> int:
    """A header entry that must be a whole number."""
    try:
        return int(header[name])
    except KeyError as error:
        raise LayoutError(path, f"its header has no {name}") from error
    except ValueError as error:
        raise CorruptFileError(path, f"its header says {name} = {header[name]!r}") from error
