"""Numbers that lie end to end in a plain file: described by offset, type and shape, read when computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import EmptyFileError, LayoutError, NoSuchRunError, PathError, TruncatedFileError

if TYPE_CHECKING:
    import dask.array as da

BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Blob:
    """An array in a file, each of its first-axis parts `stride` bytes after the one before."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    stride: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of one part along the first axis, without what pads it."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def end(self) -> int:
        """How long the file must be at least."""
        if not self.shape[0]:
            return self.offset
        return self.offset + (self.shape[0] - 1) * (self.stride or self.row_bytes) + self.row_bytes

    def require(self) -> None:
        """Raise unless the file is there and as long as this needs."""
        size = size_of(Path(self.path))
        if size < self.end:
            said = f"{size} bytes are there, its header promises {self.end}"
            raise TruncatedFileError(self.path, said)

    def read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Parts `start` to `stop` along the first axis."""
        step, count = self.stride or self.row_bytes, stop - start
        self.require()
        with Path(self.path).open("rb") as file:
            file.seek(self.offset + start * step)
            data = file.read((count - 1) * step + self.row_bytes) if count else b""
        packed = np.frombuffer(data.ljust(count * step, b"\0"), np.uint8).reshape(count, step)
        whole = np.ascontiguousarray(packed[:, : self.row_bytes])
        return whole.view(self.dtype).reshape(count, *self.shape[1:])

    def lazy(self) -> da.Array:
        """The whole as a dask array that holds a path, not a file."""
        import dask.array as da
        from dask.base import tokenize

        count = max(1, BLOCK_BYTES // max(1, self.row_bytes))
        chunks = (_cut(self.shape[0], count), *((size,) for size in self.shape[1:]))
        state = Path(self.path).stat()
        # A file that changed is another array: dask must not reuse its blocks.
        name = f"blob-{tokenize(self, state.st_mtime_ns, state.st_size)}"
        array: da.Array = da.map_blocks(
            _read_block,
            self,
            name=name,
            chunks=chunks,
            dtype=np.dtype(self.dtype),
            meta=np.empty((0,) * len(self.shape), self.dtype),
        )
        return array


def _read_block(blob: Blob, block_info: Any = None) -> np.ndarray[Any, Any]:
    start, stop = block_info[None]["array-location"][0]
    return blob.read(start, stop)


def _cut(total: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, total - start) for start in range(0, total, step)) or (0,)


def size_of(path: Path) -> int:
    """Bytes of a file; a folder, nothing, or an empty file are errors."""
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder where a file is needed")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PathError(path, str(error.strerror or error)) from error
    if size == 0:
        raise EmptyFileError(path)
    return size
