"""Write images as MRC2014, the format that programs of electron microscopy read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE, REALS, IMAGES = 1024, 2, 0
LABEL = b"halos"


def write_image(path: Path, image: NDArray[Any], pixel_angstrom: float | None) -> None:
    """One image (y, x) as 32-bit reals, its first row the lowest; a pixel that is not known stands as 0."""
    values = np.ascontiguousarray(image, "<f4")
    rows, columns = values.shape
    edge = 0.0 if pixel_angstrom is None else pixel_angstrom
    head = bytearray(SIZE)
    struct.pack_into("<10i", head, 0, columns, rows, 1, REALS, 0, 0, 0, columns, rows, 1)
    struct.pack_into("<6f", head, 40, edge * columns, edge * rows, edge, 90.0, 90.0, 90.0)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    struct.pack_into("<3f2i", head, 76, *_statistics(values), IMAGES, 0)
    struct.pack_into("<i", head, 108, 20141)
    head[208:216] = b"MAP \x44\x44\x00\x00"
    struct.pack_into("<fi", head, 216, float(values.std(dtype=np.float64)), 1)
    head[224 : 224 + len(LABEL)] = LABEL
    with path.open("wb") as file:
        file.write(head)
        file.write(values.tobytes())


def _statistics(values: NDArray[Any]) -> tuple[float, float, float]:
    return float(values.min()), float(values.max()), float(values.mean(dtype=np.float64))
