"""The tags of a DigitalMicrograph file (DM3, DM4): small values as they are, arrays by their place."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.stacked import readable

GROUP, DATA, END = 20, 21, 0
STRUCT, STRING, ARRAY = 15, 18, 20
TYPES = {
    2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1", 11: "i8", 12: "u8",
}  # fmt: skip
MARK = b"%%%%"
DEEPEST, MOST_TAGS = 64, 200_000
# Longer arrays are kept by place; texts are arrays of 16-bit characters.
KEPT_BYTES = 4096
Tags = dict[str, Any]


@dataclass(frozen=True)
class Placed:
    """An array in the file: where it starts, of what type, how many; type "" where it is of records."""

    start: int
    dtype: str
    count: int


def signature(head: bytes) -> int | None:
    """Version 3 or 4 by the first bytes; None for anything else."""
    if len(head) < 16:
        return None
    (version,) = struct.unpack(">I", head[:4])
    if version not in (3, 4):
        return None
    place = 8 if version == 3 else 12
    return version if struct.unpack(">I", head[place : place + 4])[0] in (0, 1) else None


def read(path: Path) -> Tags:
    """All tags of the file as dicts in dicts; entries without a name are called 0, 1, 2 ..."""
    size = readable(path)
    with path.open("rb") as file:
        version = signature(file.read(16))
        if version is None:
            raise LayoutError(path, "it does not begin as files of DigitalMicrograph do")
        reader = _Reader(path, file, size, wide=version == 4)
        file.seek(8 if version == 3 else 12)
        reader.order = "<" if reader.number(">I", 4) == 1 else ">"
        return reader.group(0)


@dataclass
class _Reader:
    path: Path
    file: BinaryIO
    size: int
    wide: bool
    order: str = "<"
    tags: int = 0

    def bytes(self, count: int) -> bytes:
        if count < 0 or self.file.tell() + count > self.size:
            raise TruncatedFileError(self.path, f"a tag reaches beyond the {self.size} bytes of the file")
        return self.file.read(count)

    def number(self, form: str, count: int) -> int:
        return int(struct.unpack(form, self.bytes(count))[0])

    def long(self) -> int:
        """A count, 4 or 8 bytes by the version; big-endian whatever the data are."""
        return self.number(">Q", 8) if self.wide else self.number(">I", 4)

    def group(self, depth: int) -> Tags:
        if depth > DEEPEST:
            raise CorruptFileError(self.path, f"its tags lie more than {DEEPEST} deep in each other")
        self.bytes(2)
        count = self.long()
        if count > MOST_TAGS:
            raise CorruptFileError(self.path, f"a group promises {count} tags")
        found: Tags = {}
        for place in range(count):
            self.tags += 1
            if self.tags > MOST_TAGS:
                raise CorruptFileError(self.path, f"it holds more than {MOST_TAGS} tags")
            kind = self.bytes(1)[0]
            if kind == END:
                break
            name = self.bytes(self.number(">H", 2)).decode("latin-1") or str(place)
            if self.wide:
                self.bytes(8)
            if kind == GROUP:
                found[name] = self.group(depth + 1)
            elif kind == DATA:
                found[name] = self.value(name)
            else:
                raise CorruptFileError(self.path, f"tag {name!r} is of the unknown kind {kind}")
        return found

    def value(self, name: str) -> Any:
        if self.bytes(4) != MARK:
            raise CorruptFileError(self.path, f"tag {name!r} does not begin with its mark")
        count = self.long()
        if not 0 < count < 10_000:
            raise CorruptFileError(self.path, f"tag {name!r} describes itself with {count} numbers")
        said = [self.long() for _ in range(count)]
        if said[0] in TYPES:
            return self.plain(self._type(name, said[0]))
        if said[0] == STRING and len(said) == 2:
            return self.bytes(2 * said[1]).decode(
                "utf-16-le" if self.order == "<" else "utf-16-be", "replace"
            )
        if said[0] == STRUCT:
            return tuple(self.plain(self._type(name, kind)) for kind in self._fields(name, said[1:]))
        if said[0] == ARRAY and len(said) >= 3:
            return self.array(name, said[1:])
        raise CorruptFileError(self.path, f"tag {name!r} is of the unknown type {said[0]}")

    def _type(self, name: str, kind: int) -> np.dtype[Any]:
        if kind not in TYPES:
            raise CorruptFileError(self.path, f"tag {name!r} is of the unknown type {kind}")
        return np.dtype(self.order + TYPES[kind])

    def _fields(self, name: str, said: list[int]) -> list[int]:
        """Types of the fields of a record; each stands behind the length of its name."""
        if len(said) < 2 or len(said) < 2 + 2 * said[1]:
            raise CorruptFileError(self.path, f"tag {name!r} does not describe its record")
        return said[3 : 3 + 2 * said[1] : 2]

    def plain(self, dtype: np.dtype[Any]) -> int | float:
        value: int | float = np.frombuffer(self.bytes(dtype.itemsize), dtype)[0].item()
        return value

    def array(self, name: str, said: list[int]) -> Any:
        count = said[-1]
        start = self.file.tell()
        if said[0] == STRUCT:
            width = sum(self._type(name, kind).itemsize for kind in self._fields(name, said[1:-1]))
            self._skip(name, width * count)
            return Placed(start, "", count)
        dtype = self._type(name, said[0])
        # Texts are arrays of the type of small images; those are called Data.
        if dtype.itemsize * count > KEPT_BYTES or dtype.str[1:] != "u2" or name == "Data":
            self._skip(name, dtype.itemsize * count)
            return Placed(start, dtype.str, count)
        text = self.bytes(2 * count)
        return text.decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace").rstrip("\0")

    def _skip(self, name: str, count: int) -> None:
        if self.file.tell() + count > self.size:
            raise TruncatedFileError(
                self.path, f"tag {name!r} reaches beyond the {self.size} bytes of the file"
            )
        self.file.seek(count, 1)
