"""Writers of small files of electron microscopy, always the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}
STAMPS = {"<": b"\x44\x44\x00\x00", ">": b"\x11\x11\x00\x00"}


def write_mrc(
    path: Path,
    data: np.ndarray[Any, Any],
    *,
    cell: Sequence[float] | None = None,
    grid: Sequence[int] | None = None,
    space_group: int = 1,
    axes: Sequence[int] = (1, 2, 3),
    angles: Sequence[float] = (90.0, 90.0, 90.0),
    stamp: bytes | None = None,
    order: str = "<",
    mode: int | None = None,
    extended: tuple[bytes, bytes] = (b"", b""),
) -> Path:
    """Sections, rows, columns as an MRC file; `cell` (angstrom) is 1.5 times the `grid` unless given.

    `extended` is the kind and the bytes of the extended header; `mode` 101 takes
    values below 16 and packs two in each byte.
    """
    sections, rows, columns = data.shape
    counts = tuple(grid) if grid is not None else (columns, rows, sections)
    edges = tuple(cell) if cell is not None else tuple(1.5 * count for count in counts)
    kind = MODES.get(data.dtype.str[1:], 2) if mode is None else mode
    words = struct.pack(
        f"{order}10i6f3i3f2i",
        *(columns, rows, sections, kind, 0, 0, 0, *counts, *edges, *angles, *axes),
        *(float(data.min()), float(data.max()), float(data.mean()), space_group, len(extended[1])),
    )
    head = bytearray(1024)
    head[: len(words)] = words
    head[104 : 104 + len(extended[0])] = extended[0]
    head[108:112] = struct.pack(f"{order}i", 20141)
    head[208:212] = b"MAP "
    head[212:216] = STAMPS[order] if stamp is None else stamp
    body = _four_bits(data) if kind == 101 else data.astype(data.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(bytes(head) + extended[1] + body)
    return path


def _four_bits(data: np.ndarray[Any, Any]) -> bytes:
    padded = np.pad(data, ((0, 0), (0, 0), (0, data.shape[2] % 2))).astype("u1")
    return bytes((padded[:, :, ::2] | (padded[:, :, 1::2] << 4)).astype("u1").tobytes())


PARTICLES = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnVoltage #2
_rlnSphericalAberration #3
_rlnAmplitudeContrast #4
_rlnImagePixelSize #5
1 300.0 2.7 0.1 1.25

# version 30001

data_particles

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnDefocusAngle #4
_rlnMicrographName #5
"""


def write_star(path: Path, stack: str, defocus: Sequence[float]) -> Path:
    """A RELION 3.1 file of particles in `stack`, one for each defocus (angstrom), astigmatic by 200."""
    rows = [
        f"{number:06d}@{stack} {value + 100:.1f} {value - 100:.1f} 15.0 'mic {number % 2}.mrc'"
        for number, value in enumerate(defocus, start=1)
    ]
    path.write_text(PARTICLES + "\n".join(rows) + "\n\n")
    return path


CUBE = np.arange(64, dtype="f4").reshape(4, 4, 4)


def _stack(folder: Path) -> Path:
    write_star(folder / "particles.star", "particles.mrcs", [9000.0] * 4)
    return write_mrc(folder / "particles.mrcs", CUBE, cell=(0, 0, 0), space_group=0)


def _one_table(folder: Path) -> Path:
    """Particles alone: a file cut between two tables is a whole file of one."""
    path = write_star(folder / "particles.star", "particles.mrcs", [9000.0] * 4)
    path.write_text("\ndata_particles" + path.read_text().split("data_particles")[1])
    return path


# Not here: mdoc, a series of which may end after any section.
GALLERY: dict[str, Callable[[Path], Path]] = {
    "mrc": lambda folder: write_mrc(folder / "map.mrc", CUBE),
    "mrc_stack": _stack,
    "relion_star": _one_table,
}
