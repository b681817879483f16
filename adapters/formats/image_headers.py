"""What EDF, ADSC, Princeton, Hamamatsu and Oxford image headers promise, each in one function."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats.promise import Promise, first_bytes, kept, whole

HEAD = 2**16
BRACED = re.compile(rb"^\s*\{(.*?)\}", re.DOTALL)
ENTRY = re.compile(r"([A-Za-z_][\w .-]*?)\s*=\s*(.*?)\s*;", re.DOTALL)

EDF_TYPES = {
    "signedbyte": "i1",
    "unsignedbyte": "u1",
    "signedshort": "i2",
    "unsignedshort": "u2",
    "signedinteger": "i4",
    "unsignedinteger": "u4",
    "signedlong": "i4",
    "unsignedlong": "u4",
    "signed64": "i8",
    "unsigned64": "u8",
    "float": "f4",
    "floatvalue": "f4",
    "double": "f8",
    "doublevalue": "f8",
}
ADSC_TYPES = {"unsigned short int": "u2", "unsigned_short": "u2", "long int": "i4", "signed long": "i4"}
SPE_TYPES = {0: "f4", 1: "i4", 2: "i2", 3: "u2", 8: "u4"}
SPE_HEADER_BYTES = 4100
HIPIC_TYPES = {0: "u1", 2: "u2", 3: "u4"}
HIPIC_HEADER_BYTES = 64


def edf(path: Path) -> Promise:
    """ESRF data format: text in braces, then pixels, once for each frame."""
    header, start = _braced(path, 0)
    rows, columns = whole(path, header, "Dim_2"), whole(path, header, "Dim_1")
    dtype = EDF_TYPES.get(header.get("DataType", "").lower())
    if dtype is None:
        raise LayoutError(path, f"its pixels are of the type {header.get('DataType')!r}")
    if header.get("Compression", "None").strip().lower() not in ("none", ""):
        raise LayoutError(path, f"its pixels are compressed with {header['Compression']}")
    image_bytes = rows * columns * np.dtype(dtype).itemsize
    first = kept(path, Promise(1, rows, columns, np.dtype(dtype), start + image_bytes, header))
    frames, end = 1, first.end
    while _more_after(path, end):
        following, start = _braced(path, end)
        if (following.get("Dim_1"), following.get("Dim_2")) != (header["Dim_1"], header["Dim_2"]):
            raise LayoutError(path, "its frames differ in size")
        frames, end = frames + 1, start + image_bytes
    return kept(path, Promise(frames, rows, columns, first.dtype, end, header))


def _more_after(path: Path, offset: int) -> bool:
    # Some writers pad the last frame to a full block.
    with path.open("rb") as file:
        file.seek(offset)
        return bool(file.read(HEAD).strip(b"\0 \r\n"))


def _braced(path: Path, offset: int) -> tuple[dict[str, str], int]:
    first_bytes(path, 1)
    with path.open("rb") as file:
        file.seek(offset)
        head = file.read(HEAD)
    found = BRACED.match(head)
    if found is None:
        raise LayoutError(path, f"there is no header in braces at byte {offset}")
    end = found.end() + (2 if head[found.end() : found.end() + 2] == b"\r\n" else 1)
    return dict(ENTRY.findall(found[1].decode("utf-8", errors="replace"))), offset + end


def adsc(path: Path) -> Promise:
    """ADSC and d*TREK: text in braces, padded to HEADER_BYTES, then pixels."""
    header, _ = _braced(path, 0)
    start = whole(path, header, "HEADER_BYTES")
    kind = ADSC_TYPES.get(header.get("Data_type", header.get("TYPE", "")).strip().lower())
    if kind is None:
        raise LayoutError(path, f"its pixels are of the type {header.get('Data_type', header.get('TYPE'))!r}")
    rows, columns = whole(path, header, "SIZE2"), whole(path, header, "SIZE1")
    dtype = np.dtype(kind)
    return kept(path, Promise(1, rows, columns, dtype, start + rows * columns * dtype.itemsize, header))


def spe(path: Path) -> Promise:
    """Princeton Instruments SPE: numbers at fixed places in the first 4100 bytes."""
    head = first_bytes(path, SPE_HEADER_BYTES)
    if len(head) < SPE_HEADER_BYTES:
        raise LayoutError(path, "shorter than the header of an SPE file")
    (columns,), (code,) = struct.unpack_from("<H", head, 42), struct.unpack_from("<h", head, 108)
    (rows,), (frames,) = struct.unpack_from("<H", head, 656), struct.unpack_from("<i", head, 1446)
    (exposure,) = struct.unpack_from("<f", head, 10)
    if code not in SPE_TYPES:
        raise LayoutError(path, f"its pixels are of the type {code}")
    dtype = np.dtype(SPE_TYPES[code])
    end = SPE_HEADER_BYTES + frames * rows * columns * dtype.itemsize
    return kept(path, Promise(frames, rows, columns, dtype, end, {"exposure_time": f"{exposure:g}"}))


def hipic(path: Path) -> Promise:
    """Hamamatsu HiPic: numbers in 64 bytes, a comment of [Section] key="value", then pixels."""
    head = first_bytes(path, HEAD + HIPIC_HEADER_BYTES)
    if not head.startswith(b"IM") or len(head) < HIPIC_HEADER_BYTES:
        raise LayoutError(path, "not a HiPic file")
    length, columns, rows = struct.unpack_from("<3H", head, 2)
    (code,) = struct.unpack_from("<H", head, 12)
    if code not in HIPIC_TYPES:
        raise LayoutError(path, f"its pixels are of the type {code}")
    comment = head[HIPIC_HEADER_BYTES : HIPIC_HEADER_BYTES + length].decode("utf-8", errors="replace")
    dtype = np.dtype(HIPIC_TYPES[code])
    end = HIPIC_HEADER_BYTES + length + rows * columns * dtype.itemsize
    entries = {name: quoted or bare for name, quoted, bare in HIPIC_ENTRY.findall(comment)}
    return kept(path, Promise(1, rows, columns, dtype, end, entries))


HIPIC_ENTRY = re.compile(r"([\w .]+)=(?:\"([^\"]*)\"|([^,\[\r\n]*))")
OXFORD = re.compile(r"NX=\s*(\d+)\s*NY=\s*(\d+)")
OXFORD_HEADER = re.compile(r"NHEADER=\s*(\d+)")


def oxford(path: Path) -> Promise:
    """Oxford Diffraction: text with the size, then compressed pixels whose length only decoding tells."""
    head = first_bytes(path, 256).decode("latin-1")
    size, header = OXFORD.search(head), OXFORD_HEADER.search(head)
    if not head.startswith("OD SAPPHIRE") or size is None or header is None:
        raise LayoutError(path, "not an Oxford Diffraction image")
    rows, columns, start = int(size[2]), int(size[1]), int(header[1])
    if path.stat().st_size < start:
        raise CorruptFileError(path, "it ends inside its header")
    # One byte a pixel is what the packing needs at least.
    return kept(path, Promise(1, rows, columns, np.dtype("i4"), start + rows * columns))
