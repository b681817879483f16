"""The text before the pixels of a CBF file: mini header, imgCIF loops, and what the binary part promises."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import takewhile
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats.promise import Promise, first_bytes, kept, whole

MAGIC = b"###CBF: VERSION"
MARKER = b"\x0c\x1a\x04\xd5"
SECTION = b"--CIF-BINARY-FORMAT-SECTION--"
MOST_HEADER_BYTES = 2**20
BINARY = re.compile(r"^(X-Binary-[A-Za-z-]+|Content-MD5):\s*\"?([^\"\r\n]*?)\"?\s*$", re.MULTILINE)
MINI = re.compile(r"_array_data\.header_contents\s*\n;(.*?)\n;", re.DOTALL)
CONVENTION = re.compile(r"_array_data\.header_convention\s+\"?([\w.]+)\"?")
TEXT_BLOCK = re.compile(r"^;.*?^;", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
TOKEN = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|\S+")
TYPES = {
    "signed 8-bit integer": "i1",
    "signed 16-bit integer": "i2",
    "signed 32-bit integer": "i4",
    "unsigned 8-bit integer": "u1",
    "unsigned 16-bit integer": "u2",
    "unsigned 32-bit integer": "u4",
}


def text(path: Path) -> str:
    """All text before the binary part."""
    head = first_bytes(path, MOST_HEADER_BYTES)
    if not head.startswith(MAGIC):
        raise LayoutError(path, "not a CBF file")
    end = head.find(MARKER)
    if end < 0:
        raise CorruptFileError(path, "its header has no end, so there are no pixels")
    # A block that was never written reads as zeros, over which fabio would wait for the end of a line.
    if b"\0" in head[:end]:
        raise CorruptFileError(path, "its header has bytes that are no text")
    # Without this line fabio looks for the pixels behind the end of the file, for ever.
    if SECTION not in head[:end]:
        raise CorruptFileError(path, f"no line {SECTION.decode()} stands before its pixels")
    return head[:end].decode("utf-8", errors="replace").replace("\r\n", "\n")


def promise(path: Path) -> Promise:
    """What the header says of the binary part."""
    head = first_bytes(path, MOST_HEADER_BYTES)
    said = text(path)
    header = dict(BINARY.findall(said))
    kind = TYPES.get(header.get("X-Binary-Element-Type", "").lower())
    if kind is None:
        raise LayoutError(path, f"its pixels are of the type {header.get('X-Binary-Element-Type')!r}")
    rows = whole(path, header, "X-Binary-Size-Second-Dimension")
    columns = whole(path, header, "X-Binary-Size-Fastest-Dimension")
    packed = whole(path, header, "X-Binary-Size")
    # Byte-offset packing takes at least one byte a pixel.
    if packed < rows * columns:
        raise CorruptFileError(path, f"{packed} bytes cannot hold the {rows} x {columns} pixels it promises")
    header |= {"mini_header": mini_header(said), "convention": convention(said)}
    end = head.find(MARKER) + len(MARKER) + packed
    return kept(path, Promise(1, rows, columns, np.dtype(kind), end, header))


def verify(path: Path, promised: Promise) -> None:
    """Compare the packed pixels with the MD5 sum in the header, if there is one."""
    stated = promised.header.get("Content-MD5")
    if not stated:
        return
    packed = int(promised.header["X-Binary-Size"])
    with path.open("rb") as file:
        file.seek(promised.end - packed)
        found = base64.b64encode(hashlib.md5(file.read(packed), usedforsecurity=False).digest()).decode()
    if found != stated:
        raise CorruptFileError(path, f"its pixels have the MD5 sum {found}, its header says {stated}")


def mini_header(said: str) -> str:
    """The lines that the detector wrote, empty if there are none."""
    found = MINI.search(said)
    return found[1].strip() if found else ""


def convention(said: str) -> str:
    """The name of the header convention, empty if there is none."""
    found = CONVENTION.search(said)
    return found[1] if found else ""


def loops(said: str) -> dict[str, list[str]]:
    """The columns of all imgCIF loops by the name of the item."""
    columns: dict[str, list[str]] = {}
    for part in COMMENT.sub("", TEXT_BLOCK.sub("", said)).split("loop_")[1:]:
        tokens = TOKEN.findall(part)
        names = list(takewhile(_is_name, tokens))
        values = [token.strip("\"'") for token in takewhile(_is_value, tokens[len(names) :])]
        for place, name in enumerate(names):
            columns[name] = values[place :: len(names)]
    return columns


def _is_name(token: str) -> bool:
    return token.startswith("_")


def _is_value(token: str) -> bool:
    return not token.startswith("_")
