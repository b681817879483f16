"""The tags of a TIFF file, read without its pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.promise import Promise, first_bytes, kept

MAGICS = {b"II*\0": "<", b"MM\0*": ">"}
WIDTH, HEIGHT, BITS, COMPRESSION, DESCRIPTION, MODEL = 256, 257, 258, 259, 270, 272
OFFSETS, COUNTS, SOFTWARE, DATE, ARTIST, SAMPLE_FORMAT = 273, 279, 305, 306, 315, 339
NAMES = {DESCRIPTION: "description", MODEL: "model", SOFTWARE: "software", DATE: "date", ARTIST: "artist"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
KINDS = {1: "u", 2: "i", 3: "f"}
UNCOMPRESSED = 1
MOST_PAGES = 100_000

Tags = dict[int, Any]


def promise(path: Path) -> Promise:
    """What the tags say is in the file."""
    pages = _pages(path)
    first = pages[0]
    rows, columns = _one(path, first, HEIGHT), _one(path, first, WIDTH)
    dtype = _dtype(path, first)
    ends = [_end(path, page, rows * columns * dtype.itemsize) for page in pages]
    if any((_one(path, page, HEIGHT), _one(path, page, WIDTH)) != (rows, columns) for page in pages):
        raise LayoutError(path, "its pages differ in size")
    said = {name: first[tag] for tag, name in NAMES.items() if isinstance(first.get(tag), str)}
    return kept(path, Promise(len(pages), rows, columns, dtype, max(ends), said))


def _pages(path: Path) -> list[Tags]:
    head = first_bytes(path, 8)
    order = MAGICS.get(head[:4])
    if order is None or len(head) < 8:
        raise LayoutError(path, "not a TIFF file")
    (offset,) = struct.unpack(order + "I", head[4:])
    pages: list[Tags] = []
    seen: set[int] = set()
    with path.open("rb") as file:
        while offset and offset not in seen and len(pages) < MOST_PAGES:
            seen.add(offset)
            tags, offset = _page(path, file, offset, order)
            pages.append(tags)
    if not pages:
        raise LayoutError(path, "a TIFF file without an image")
    return pages


def _page(path: Path, file: BinaryIO, offset: int, order: str) -> tuple[Tags, int]:
    (entries,) = struct.unpack(order + "H", _read(path, file, offset, 2))
    table = _read(path, file, offset + 2, 12 * entries + 4)
    tags: Tags = {}
    for place in range(0, 12 * entries, 12):
        tag, kind, count = struct.unpack(order + "HHI", table[place : place + 8])
        if tag in NAMES or tag in (WIDTH, HEIGHT, BITS, COMPRESSION, OFFSETS, COUNTS, SAMPLE_FORMAT):
            tags[tag] = _value(path, file, table[place + 8 : place + 12], kind, count, order)
    (following,) = struct.unpack(order + "I", table[-4:])
    return tags, following


def _value(path: Path, file: BinaryIO, inline: bytes, kind: int, count: int, order: str) -> Any:
    size = SIZES.get(kind, 1) * count
    data = inline[:size] if size <= 4 else _read(path, file, struct.unpack(order + "I", inline)[0], size)
    if kind == 2:
        return data.split(b"\0")[0].decode("utf-8", errors="replace").strip()
    if kind not in INTEGERS:
        raise CorruptFileError(path, f"a TIFF tag has the type {kind} where a number is due")
    return struct.unpack(f"{order}{count}{INTEGERS[kind]}", data)


def _read(path: Path, file: BinaryIO, offset: int, size: int) -> bytes:
    if offset + size > path.stat().st_size:
        raise TruncatedFileError(path, f"its header points to byte {offset + size}, beyond its end")
    file.seek(offset)
    return file.read(size)


def _one(path: Path, tags: Tags, tag: int) -> int:
    try:
        return int(tags[tag][0])
    except (KeyError, IndexError, ValueError) as error:
        raise CorruptFileError(path, f"its TIFF tag {tag} is missing or not a number") from error


def _dtype(path: Path, tags: Tags) -> np.dtype[Any]:
    bits = _one(path, tags, BITS)
    # Some detectors write the tag as a long with a rubbish upper half; the format says a short.
    kind = KINDS.get(_one(path, tags, SAMPLE_FORMAT) & 0xFFFF if SAMPLE_FORMAT in tags else 1)
    if len(tags[BITS]) != 1 or kind is None or bits not in (8, 16, 32, 64):
        raise LayoutError(path, f"its pixels are not single numbers ({tags[BITS]} bits a sample)")
    return np.dtype(f"{kind}{bits // 8}")


def _end(path: Path, tags: Tags, image_bytes: int) -> int:
    if not tags.get(OFFSETS):
        raise LayoutError(path, "its image is not stored in strips")
    stored = COUNTS in tags and len(tags[COUNTS]) == len(tags[OFFSETS])
    ends = [start + size for start, size in zip(tags[OFFSETS], tags[COUNTS], strict=True)] if stored else [0]
    if (tags.get(COMPRESSION) or (UNCOMPRESSED,))[0] != UNCOMPRESSED:
        return int(max(ends))
    return int(max(*ends, tags[OFFSETS][0] + image_bytes))
