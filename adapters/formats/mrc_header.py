"""The 1024 bytes that begin an MRC or CCP4 map, read without trusting what programs leave in them."""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError, TruncatedFileError

SIZE = 1024
MARK = b"MAP "
MODES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
# Two pixels in each byte, low half first: written by direct electron detectors.
FOUR_BITS = 101
STAMPS = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}
IMOD, UNSIGNED_BYTES = 1146047817, 1
MOST_EDGE = 1 << 20
PACKED: dict[bytes, Callable[..., Any]] = {b"BZh": bz2.open, b"\x1f\x8b": gzip.open}


@dataclass(frozen=True)
class Header:
    """What the header says: shape (sections, rows, columns) in the order of the file, type, cell, and more.

    `axes` are the spatial axes (1 x, 2 y, 3 z) of columns, rows and sections; `start`
    goes with those, `grid` and `cell` with x, y, z. `trusted` is False where the machine
    stamp was never set, as by programs that leave rubbish in the later words.
    """

    order: str
    shape: tuple[int, int, int]
    mode: int
    start: tuple[int, int, int]
    grid: tuple[int, int, int]
    cell: tuple[float, float, float]
    angles: tuple[float, float, float]
    axes: tuple[int, int, int]
    space_group: int | None
    extended: int
    extended_kind: str
    origin: tuple[float, float, float]
    labels: tuple[str, ...]
    signed_bytes: bool
    trusted: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a pixel as it comes out."""
        if self.mode == FOUR_BITS or (self.mode == 0 and not self.signed_bytes):
            return np.dtype("u1")
        return np.dtype(f"{self.order}{MODES[self.mode]}")

    @property
    def section_bytes(self) -> int:
        """Bytes of one section on disk."""
        _, rows, columns = self.shape
        if self.mode == FOUR_BITS:
            return rows * ((columns + 1) // 2)
        return rows * columns * self.dtype.itemsize

    @property
    def data_start(self) -> int:
        """The byte where the first section begins."""
        return SIZE + self.extended

    @property
    def end(self) -> int:
        """The byte where the last section ends."""
        return self.data_start + self.shape[0] * self.section_bytes


def unpacked(path: Path) -> BinaryIO:
    """The file open for reading, through bzip2 or gzip where it is packed."""
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not an MRC file")
    if path.stat().st_size == 0:
        raise EmptyFileError(path)
    with path.open("rb") as raw:
        head = raw.read(3)
    opener = next((each for magic, each in PACKED.items() if head.startswith(magic)), None)
    return cast(BinaryIO, path.open("rb") if opener is None else opener(path, "rb"))


def is_packed(path: Path) -> bool:
    """Whether the bytes must be unpacked from the beginning."""
    with path.open("rb") as raw:
        return raw.read(3).startswith(tuple(PACKED))


def read(path: Path, data: bytes) -> Header:
    """The header in the first bytes of the file at `path`."""
    if len(data) < SIZE:
        raise TruncatedFileError(path, f"{len(data)} bytes are fewer than a header of {SIZE}")
    order, trusted = _order(path, data)
    words = struct.unpack(f"{order}256i", data[:SIZE])
    reals = struct.unpack(f"{order}256f", data[:SIZE])
    columns, rows, sections, mode = words[:4]
    if mode not in MODES and mode != FOUR_BITS:
        raise LayoutError(path, f"its pixels are of mode {mode}, which is not read here")
    axes = words[16:19] if set(words[16:19]) == {1, 2, 3} else (1, 2, 3)
    # Without a stamp, a word that no map can have is rubbish, and what follows it too.
    extended = words[23] if 0 <= words[23] < 2**31 and (trusted or words[23] < 2**24) else 0
    imod = words[38] == IMOD
    return Header(
        order=order,
        shape=(sections, rows, columns),
        mode=mode,
        start=cast(tuple[int, int, int], words[4:7]),
        grid=cast(tuple[int, int, int], words[7:10]),
        cell=cast(tuple[float, float, float], reals[10:13]),
        angles=cast(tuple[float, float, float], reals[13:16]),
        axes=cast(tuple[int, int, int], axes),
        space_group=words[22] if trusted else None,
        extended=extended,
        extended_kind=data[104:108].strip(b"\0 ").decode("ascii", "replace") if trusted else "",
        origin=cast(tuple[float, float, float], reals[49:52]) if trusted else (0.0, 0.0, 0.0),
        labels=_labels(data, words[55]) if trusted else (),
        signed_bytes=not imod or bool(words[39] & UNSIGNED_BYTES),
        trusted=trusted,
    )


def plausible(data: bytes) -> bool:
    """Whether the first bytes can be those of a map, whatever its machine stamp says."""
    return len(data) >= SIZE and data[208:212] == MARK and _fitting(data) is not None


def _order(path: Path, data: bytes) -> tuple[str, bool]:
    stamped = STAMPS.get(data[212:214])
    fits = _fitting(data)
    if fits is None:
        raise CorruptFileError(path, "neither byte order gives a possible shape and mode of pixels")
    # A stamp that contradicts the sizes is wrong: sizes of the other order run into millions.
    return fits, stamped == fits


def _fitting(data: bytes) -> str | None:
    stamped = STAMPS.get(data[212:214])
    for order in ([stamped] if stamped else []) + ["<", ">"]:
        columns, rows, sections, mode = struct.unpack(f"{order}4i", data[:16])
        edges = all(0 < edge <= MOST_EDGE for edge in (columns, rows, sections))
        if edges and 0 <= mode <= FOUR_BITS:
            return order
    return None


def _labels(data: bytes, count: int) -> tuple[str, ...]:
    texts = (data[224 + 80 * index : 304 + 80 * index] for index in range(max(0, min(count, 10))))
    said = (each.split(b"\0")[0].decode("utf-8", "replace").strip() for each in texts)
    return tuple(each for each in said if each)
