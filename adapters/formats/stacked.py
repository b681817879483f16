"""Frames of one type and shape at known places of a file, read when computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError, TruncatedFileError
from adapters.formats.by_path import FramesByPath

if TYPE_CHECKING:
    import dask.array as da

BLOCK_BYTES = 64 * 2**20
# More frames than any camera writes into one file, and more pixels than any has.
MOST_FRAMES, MOST_PIXELS = 2**26, 2**31


class Stacked(FramesByPath):
    """Frames by path and place.

    `starts` (n,) are bytes from the beginning of the file; frame `i` has the shape
    `frame` and the type `dtype`, and ends where its bytes end.
    """

    def __init__(self, path: Path, starts: np.ndarray[Any, Any], frame: Sequence[int], dtype: str) -> None:
        self.starts, self.frame, self.stored = starts, tuple(frame), np.dtype(dtype)
        super().__init__(path, (len(starts), *self.frame), self.stored.newbyteorder("="))

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return int(np.prod(self.frame, dtype=np.int64)) * self.stored.itemsize

    @property
    def end(self) -> int:
        """The byte after the last frame."""
        return int(self.starts.max(initial=0)) + self.frame_bytes

    def read(self, numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        """As they are stored, in the byte order of this machine."""
        found = np.empty((len(numbers), *self.frame), self.dtype)
        with Path(self.path).open("rb") as file:
            for place, number in enumerate(numbers):
                file.seek(int(self.starts[number]))
                data = file.read(self.frame_bytes)
                if len(data) != self.frame_bytes:
                    raise TruncatedFileError(self.path, f"frame {number} is not whole")
                found[place] = np.frombuffer(data, self.stored).reshape(self.frame)
        return found

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        places = (int(self.starts[0]), self.end) if len(self.starts) else ()
        return (*super().__dask_tokenize__(), *places, self.shape, self.stored.str)

    def lazy(self) -> da.Array:
        """All frames as a dask array of blocks of whole frames."""
        import dask.array as da

        step = max(1, min(len(self.starts), BLOCK_BYTES // max(1, self.frame_bytes)))
        array: da.Array = da.from_array(
            self,
            chunks=(step, *self.frame),
            name=False,
            asarray=True,
            inline_array=True,
            meta=np.empty((0,) * self.ndim, self.dtype),
        )
        return array

    def whole(self) -> None:
        """Raise TruncatedFileError where the file ends before its frames do."""
        size = Path(self.path).stat().st_size
        if size < self.end:
            raise TruncatedFileError(self.path, f"{size} bytes of the {self.end} that its header promises")


def plausible(path: Path, frames: int, frame: Sequence[int]) -> None:
    """Raise CorruptFileError for counts that no file of this size, and no camera, can have."""
    pixels = int(np.prod([max(0, int(size)) for size in frame], dtype=object)) if frame else 0
    if not (0 < frames <= MOST_FRAMES and 0 < pixels <= MOST_PIXELS) or min(frame, default=0) <= 0:
        told = " x ".join(str(size) for size in (frames, *frame))
        raise CorruptFileError(path, f"its header promises {told} values, which no such file holds")


def readable(path: Path) -> int:
    """The size of a file in bytes; absent, empty and folders are errors of ours."""
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not a file")
    size = path.stat().st_size
    if size == 0:
        raise EmptyFileError(path)
    return size
