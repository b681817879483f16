"""Writers of image files as detectors write them, for tests; each can be told to go wrong."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable
from typing import Any

import numpy as np

Image = np.ndarray[Any, Any]

HOLD = """
import sys, h5py
with h5py.File(sys.argv[1], "r+") as file:
    print("open", flush=True)
    sys.stdin.read()
"""


class Fault(StrEnum):
    """What may be wrong with a run."""

    TRUNCATE = "truncate"
    DROP_FILE = "drop_file"
    DANGLING = "dangling"
    WRONG_UNIT = "wrong_unit"


def truncate(path: Path) -> Path:
    """Cut the file to half of its size."""
    os.truncate(path, path.stat().st_size // 2)
    return path


@contextmanager
def held_open(path: Path) -> Iterator[Path]:
    """The HDF5 file while another process has it open for writing."""
    with Popen([executable, "-c", HOLD, str(path)], stdin=PIPE, stdout=PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield path
        finally:
            process.communicate(b"")


def pilatus_lines(
    *,
    pixel_m: float = 172e-6,
    exposure_s: float = 1.0,
    wavelength_angstrom: float | None = None,
    distance_m: float | None = None,
    beam_px: tuple[float, float] | None = None,
    distance_unit: str = "m",
    image_path: str = "/ramdisk/images/",
) -> str:
    """The header lines of a Pilatus detector; what is None is not written."""
    lines = [
        f"# Pixel_size {pixel_m:g} m x {pixel_m:g} m",
        "# Silicon sensor, thickness 0.000320 m",
        f"# Exposure_time {exposure_s:.7f} s",
        f"# Exposure_period {exposure_s + 0.02:.7f} s",
        "# Tau = 199.1e-09 s",
        "# Count_cutoff 1380198 counts",
        "# Threshold_setting: 5000 eV",
        f"# Image_path: {image_path}",
        "# Filter_transmission 1.0000",
    ]
    if wavelength_angstrom is not None:
        lines.append(f"# Wavelength {wavelength_angstrom:.5f} A")
    if distance_m is not None:
        lines.append(f"# Detector_distance {distance_m:.5f} {distance_unit}")
    if beam_px is not None:
        lines.append(f"# Beam_xy ({beam_px[0]:.2f}, {beam_px[1]:.2f}) pixels")
    return "\r\n".join(lines) + "\r\n"


def write_pilatus_tiff(
    path: Path, image: Image, *, artist: str = "", fault: Fault | None = None, **said: Any
) -> Path:
    """One frame as a Pilatus writes it: header lines in tag 270, 32-bit pixels in one strip."""
    said |= {"distance_unit": "mol"} if fault is Fault.WRONG_UNIT else {}
    texts = {270: pilatus_lines(**said), 272: "PILATUS 100K-S, S/N 1-0299", 315: artist}
    path.write_bytes(tiff_bytes(image.astype("<i4"), texts))
    return truncate(path) if fault is Fault.TRUNCATE else path


def tiff_bytes(image: Image, texts: Mapping[int, str], size: tuple[int, int] | None = None) -> bytes:
    """A little-endian TIFF of one uncompressed image; `size` (rows, columns) may be claimed otherwise."""
    rows, columns = size or image.shape
    kinds = {"u": 1, "i": 2, "f": 3}
    encoded = {tag: text.encode() + b"\0" for tag, text in texts.items() if len(text) > 3}
    numbers = {
        256: columns,
        257: rows,
        258: image.dtype.itemsize * 8,
        259: 1,
        278: rows,
        279: image.nbytes,
        339: kinds[image.dtype.kind],
    }
    tags = sorted([*encoded, *numbers, 273])
    start = 8 + 2 + 12 * len(tags) + 4
    places = dict(zip(encoded, _running(start, [len(each) for each in encoded.values()]), strict=True))
    numbers[273] = start + sum(len(each) for each in encoded.values())
    table = b"".join(
        struct.pack("<HHII", tag, 2, len(encoded[tag]), places[tag])
        if tag in encoded
        else struct.pack("<HHII", tag, 4, 1, numbers[tag])
        for tag in tags
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + struct.pack("<I", 0)
    return head + b"".join(encoded.values()) + image.tobytes()


def _running(start: int, sizes: list[int]) -> list[int]:
    return [start + sum(sizes[:place]) for place in range(len(sizes))]


def write_saxslab(
    path: Path, image: Image, parameters: Mapping[str, str], *, fault: Fault | None = None, **said: Any
) -> Path:
    """One frame as a SAXSLAB instrument leaves it: a Pilatus TIFF with its own XML in tag 315."""
    entries = "".join(f'<param name="{name}">{value}</param>' for name, value in parameters.items())
    xml = f'<?xml version="1.0" ?><SAXSLABparameters>{entries}</SAXSLABparameters>'
    return write_pilatus_tiff(path, image, artist=xml, fault=fault, **said)


def write_cbf(path: Path, image: Image, *, imgcif: str = "", fault: Fault | None = None, **said: Any) -> Path:
    """One frame as a Pilatus writes it in CBF: mini header, then byte-offset packed pixels."""
    from fabio.compression import compByteOffset

    said |= {"distance_unit": "mol"} if fault is Fault.WRONG_UNIT else {}
    packed = bytes(compByteOffset(image.astype("i4")))
    seal = base64.b64encode(hashlib.md5(packed, usedforsecurity=False).digest()).decode()
    rows, columns = image.shape
    text = (
        "###CBF: VERSION 1.5, CBFlib v0.7.8 - PILATUS detectors\r\n\r\ndata_frame_1\r\n\r\n"
        '_array_data.header_convention "PILATUS_1.2"\r\n_array_data.header_contents\r\n;\r\n'
        f"{pilatus_lines(**said)};\r\n\r\n{imgcif}\r\n_array_data.data\r\n;\r\n"
        "--CIF-BINARY-FORMAT-SECTION--\r\nContent-Type: application/octet-stream;\r\n"
        '     conversions="x-CBF_BYTE_OFFSET"\r\nContent-Transfer-Encoding: BINARY\r\n'
        f"X-Binary-Size: {len(packed)}\r\nX-Binary-ID: 1\r\n"
        'X-Binary-Element-Type: "signed 32-bit integer"\r\n'
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN\r\n"
        f"Content-MD5: {seal}\r\nX-Binary-Number-of-Elements: {image.size}\r\n"
        f"X-Binary-Size-Fastest-Dimension: {columns}\r\n"
        f"X-Binary-Size-Second-Dimension: {rows}\r\nX-Binary-Size-Padding: 0\r\n\r\n"
    )
    end = b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n"
    path.write_bytes(text.encode() + b"\x0c\x1a\x04\xd5" + packed + end)
    return truncate(path) if fault is Fault.TRUNCATE else path


def write_edf(
    path: Path, images: Image, *, entries: Mapping[str, str] | None = None, fault: Fault | None = None
) -> Path:
    """Frames (frame, y, x) of 32-bit integers in EDF, a header before each."""
    with path.open("wb") as file:
        for number, image in enumerate(images.astype("<i4")):
            said = {
                "HeaderID": f"EH:{number + 1:06d}:000000:000000",
                "Image": str(number + 1),
                "ByteOrder": "LowByteFirst",
                "DataType": "SignedInteger",
                "Dim_1": str(image.shape[1]),
                "Dim_2": str(image.shape[0]),
                "Size": str(image.nbytes),
                **(entries or {}),
            }
            header = "{\n" + "".join(f"{name} = {value} ;\n" for name, value in said.items())
            file.write(header.encode().ljust(1022) + b"}\n" + image.tobytes())
    return truncate(path) if fault is Fault.TRUNCATE else path
