"""Texts of HDF5 files lie in heaps, and on some damaged heaps the library loops for ever or crashes.

A copy that was cut short often has holes of zeros. Where one falls into a heap, HDF5 walks from
object to object by steps of length zero. Such a heap is recognised by the same walk, laid out in
"Disk Format: Level 1E - Global Heap" of the HDF5 file format specification. Freed heaps are left
in files too, and nobody reads them: so the last word has a process of its own that reads everything.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import getitem
from pathlib import Path
from typing import Any

from adapters.errors import CorruptFileError

# Heaps of metadata lie where files begin, or end where they were written last.
WINDOW_BYTES = 2**20
SECONDS_TO_READ = 10.0
MOST_ELEMENTS = 1000
SIGNATURE, VERSION = b"GCOL", b"\1\0\0\0"
HEADER_BYTES, LEAST_BYTES = 16, 4096


def refuse_deadly(path: Path) -> None:
    """CorruptFileError if reading the texts of this file would hang or crash the reader."""
    try:
        stat = path.stat()
    except OSError:
        # Who opens it says what is wrong.
        return
    if said := _deadly(str(path), stat.st_size, stat.st_mtime_ns):
        raise CorruptFileError(path, said)


@lru_cache(maxsize=4096)
def _deadly(path: str, size: int, _: int) -> str:
    if all(passable(heap) for heap in _heaps(path, size)):
        return ""
    return _tried(path)


def _heaps(path: str, size: int) -> Iterator[bytes]:
    """What lies from each heap in the windows on, as far as the heap says that it reaches."""
    try:
        with Path(path).open("rb") as file:
            for start in sorted({0, max(0, size - WINDOW_BYTES)}):
                file.seek(start)
                window = file.read(WINDOW_BYTES)
                at = window.find(SIGNATURE)
                while at >= 0:
                    told = window[at : at + HEADER_BYTES]
                    length = int.from_bytes(told[8:], "little")
                    # Data may hold these four letters too; a heap says more of itself.
                    if told[4:8] == VERSION and LEAST_BYTES <= length <= size - start - at:
                        file.seek(start + at)
                        yield file.read(min(length, WINDOW_BYTES))
                    at = window.find(SIGNATURE, at + 1)
    except OSError:
        return


def passable(heap: bytes) -> bool:
    """Whether a walk over the objects of a heap (its bytes from the signature on) comes to its end."""
    at = HEADER_BYTES
    while at + HEADER_BYTES <= len(heap):
        index = int.from_bytes(heap[at : at + 2], "little")
        size = int.from_bytes(heap[at + 8 : at + 16], "little")
        # Object 0 is what is free, its own header included; others are padded to eight bytes.
        step = size if index == 0 else HEADER_BYTES + -(-size // 8) * 8
        if step == 0 or (step > len(heap) - at and len(heap) < WINDOW_BYTES):
            return False
        at += step
    return True


def _tried(path: str) -> str:
    command = [sys.executable, "-P", "-m", __name__, path]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS_TO_READ,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "HDF5 would not come to an end of its heap of texts"
    except OSError:
        # Where no process may be begun, whoever began us watches over our time.
        return ""
    if done.returncode < 0:
        return "HDF5 would crash on its heap of texts"
    return ""


def _read(path: str) -> None:
    import h5py

    with h5py.File(path, "r") as file:
        below: list[Any] = [file]
        seen: set[object] = set()
        while below:
            item = below.pop()
            if item is None or (place := _quietly(_place, item)) in seen:
                continue
            seen.add(place)
            for name in _quietly(list, item.attrs) or ():
                _quietly(getitem, item.attrs, name)
            if isinstance(item, h5py.Dataset) and item.dtype.kind == "O":
                _quietly(getitem, item, slice(0, MOST_ELEMENTS) if item.ndim else ())
            elif isinstance(item, h5py.Group):
                below += _quietly(_hard, item) or ()


def _place(item: Any) -> object:
    import h5py

    return h5py.h5o.get_info(item.id).addr


def _hard(group: Any) -> list[Any]:
    """What lies in a group itself; links that lead elsewhere are not followed."""
    import h5py

    return [
        _quietly(getitem, group, name)
        for name in group
        if isinstance(_quietly(group.get, name, None, False, True), h5py.HardLink)
    ]


def _quietly(reading: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return reading(*arguments)
    except Exception:
        # Errors are told to whoever asks for it; here it matters only that there is an end.
        return None


if __name__ == "__main__":
    _read(sys.argv[1])
