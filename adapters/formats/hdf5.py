"""HDF5 as it really lies on disk: locked, truncated, dangling, filtered, virtual; each its own error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    DanglingLinkError,
    EmptyFileError,
    LayoutError,
    MissingFilterError,
    MissingSourceError,
    NoSuchRunError,
    PathError,
    StillWritingError,
    TruncatedFileError,
)
from adapters.formats import hdf5_heap
from adapters.formats.by_path import state_of
from adapters.model import Readiness

if TYPE_CHECKING:
    import dask.array as da

MAGIC = b"\x89HDF\r\n\x1a\n"
BLOCK_BYTES = 64 * 2**20
# What comes out of h5py and numpy for a file that contradicts itself: a number that is text, a
# shape that no memory holds, a type that nothing converts.
UNREADABLE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, read-only; whatever HDF5 says against it comes out as one of our errors."""
    # The filters of facility detectors register themselves on import.
    import hdf5plugin  # noqa: F401

    path = Path(path)
    hdf5_heap.refuse_deadly(path)
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise _translated(path, error) from error
    with file:
        try:
            yield file
        except AdapterError:
            raise
        except UNREADABLE as error:
            raise _translated(path, error) from error


# What HDF5 says, as found in its messages, and which of our errors it means.
MEANINGS: tuple[tuple[str, type[PathError]], ...] = (
    ("unable to lock file", StillWritingError),
    ("already open for write", StillWritingError),
    ("truncated file", TruncatedFileError),
    ("signature not found", CorruptFileError),
    ("required filter", MissingFilterError),
    ("unable to open external", DanglingLinkError),
    ("component not found", DanglingLinkError),
    ("object doesn't exist", DanglingLinkError),
)


def _translated(path: Path, error: Exception) -> PathError:
    if at_path := _wrong_before_reading(path):
        return at_path
    if isinstance(error, BlockingIOError):
        return StillWritingError(path)
    if isinstance(error, PermissionError):
        return PathError(path, "permission denied")
    said = str(error)
    meant = next((kind for words, kind in MEANINGS if words in said), CorruptFileError)
    return meant(path, _sentence(said))


def _wrong_before_reading(path: Path) -> PathError | None:
    if not path.exists():
        return NoSuchRunError(path)
    if path.is_dir():
        return LayoutError(path, "a folder, not an HDF5 file")
    return EmptyFileError(path) if path.stat().st_size == 0 else None


def _sentence(said: str) -> str:
    return " ".join(said.replace("'", "").split())[:300]


def check(path: Path) -> Readiness:
    """Whether the file opens and all its links and virtual sources lead somewhere."""
    try:
        with opened(path) as file:
            dangling = dangling_links(file)
            missing = missing_sources(file)
    except StillWritingError as error:
        return Readiness.wait(str(error))
    except PathError as error:
        return Readiness.broken(str(error))
    if dangling:
        return Readiness.broken(f"{len(dangling)} links lead nowhere: {_few(dangling)}")
    if missing:
        return Readiness.broken(f"source files of virtual datasets are missing: {_few(missing)}")
    return Readiness.ready()


def _few(names: Sequence[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def dangling_links(file: h5py.File) -> list[str]:
    """Names of soft and external links whose targets are not there, with the target."""
    found: list[str] = []
    seen: set[Any] = set()

    def walk(group: h5py.Group) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            try:
                # Looking a name up follows the link; h5py has no cheaper test that
                # tells a broken link from a good one.
                target = group[name]
            except (KeyError, OSError) as error:
                found.append(f"{group.name.rstrip('/')}/{name} -> {_target(link, error)}")
                continue
            if isinstance(target, h5py.Group) and not isinstance(link, h5py.ExternalLink):
                address = (target.file.filename, h5py.h5o.get_info(target.id).addr)
                if address not in seen:
                    seen.add(address)
                    walk(target)

    walk(file)
    return found


def _target(link: Any, error: Exception) -> str:
    if isinstance(link, h5py.ExternalLink):
        return f"{link.filename}:{link.path}"
    if isinstance(link, h5py.SoftLink):
        return str(link.path)
    return _sentence(str(error))


def missing_sources(file: h5py.File) -> list[str]:
    """Files that virtual datasets of `file` draw on and that are not there."""
    missing: dict[str, None] = {}

    def look(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and item.is_virtual:
            for source in absent_sources(item):
                missing[source] = None

    file.visititems(look)
    return list(missing)


def absent_sources(dataset: h5py.Dataset) -> list[str]:
    """Source files of one virtual dataset that are not there; empty if it is not virtual."""
    if not dataset.is_virtual:
        return []
    home = Path(dataset.file.filename).resolve().parent
    sources = dataset.virtual_sources()
    names = dict.fromkeys(source.file_name for source in sources if source.file_name != ".")
    inside = dict.fromkeys(source.dset_name for source in sources if source.file_name == ".")
    return [name for name in names if not (home / name).exists()] + [
        behind for name in inside if (behind := _absent_behind(dataset.file, name))
    ]


def _absent_behind(file: h5py.File, name: str) -> str:
    """What the dataset `name` of the same file leads to, if that is not there; else nothing."""
    try:
        file[name]
    except (KeyError, OSError):
        link = file.get(name, getlink=True)
        return str(link.filename) if isinstance(link, h5py.ExternalLink) else name
    return ""


def require(file: h5py.Group, name: str) -> h5py.Dataset:
    """The dataset `name`, or an error that says whether it is absent or its link is dead."""
    path = file.file.filename
    try:
        found = file[name]
    except KeyError as error:
        if _is_link(file, name):
            raise DanglingLinkError(path, f"{name} ({_sentence(str(error))})") from error
        raise LayoutError(path, f"there is no {name}") from error
    if not isinstance(found, h5py.Dataset):
        raise LayoutError(path, f"{name} is a group, not a dataset")
    if absent := absent_sources(found):
        raise MissingSourceError(path, f"{name} draws on {_few(absent)}")
    return found


def _is_link(file: h5py.Group, name: str) -> bool:
    parent: Any = file
    for part in name.strip("/").split("/"):
        link = parent.get(part, getlink=True) if isinstance(parent, h5py.Group) else None
        try:
            parent = parent[part]
        except (KeyError, TypeError, OSError):
            return isinstance(link, (h5py.SoftLink, h5py.ExternalLink))
    return False


def has(file: h5py.Group, name: str) -> bool:
    """Whether `name` is there or at least linked to; a dead link counts, unlike in h5py's get."""
    return name in file or _is_link(file, name)


def text(value: Any) -> str:
    """A text as files hold it (bytes, padded, of one element) as a plain string."""
    if isinstance(value, h5py.Dataset):
        value = value[()]
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return str(value).strip().strip("\0")


def lazy(dataset: h5py.Dataset, path: Path, *, block_bytes: int = BLOCK_BYTES) -> da.Array:
    """`dataset` as a dask array of blocks along its first axis that holds a path, not a file."""
    import dask.array as da

    source = FrameSource(str(path), str(dataset.name), dataset.shape, dataset.dtype)
    array: da.Array = da.from_array(
        source,
        chunks=(_frames_a_block(dataset, block_bytes), *dataset.shape[1:]),
        name=False,
        asarray=True,
        # The source is a few strings and needs no task of its own.
        inline_array=True,
        meta=np.empty((0,) * dataset.ndim, dataset.dtype),
    )
    return array


def _frames_a_block(dataset: h5py.Dataset, block_bytes: int) -> int:
    count: int = dataset.shape[0]
    one: int = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64)))
    wanted: int = max(1, min(count, block_bytes // one))
    step: int = dataset.chunks[0] if dataset.chunks else 1
    # Whole storage chunks, so that no compressed chunk is decoded twice.
    return max(1, min(count, max(1, wanted // step) * step))


class FrameSource:
    """A dataset by path and name; slicing opens the file, reads, and closes it again."""

    def __init__(self, path: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype
        self.ndim = len(shape)

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        from adapters.formats import direct_chunk

        with opened(Path(self.path)) as file:
            dataset = require(file, self.name)
            if dataset.shape != self.shape:
                raise CorruptFileError(self.path, f"{self.name} was {self.shape}, is now {dataset.shape}")
            fast = direct_chunk.frames(dataset, key)
            return fast if fast is not None else np.asarray(dataset[key])

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (*state_of(self.path), self.name)
