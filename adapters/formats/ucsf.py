"""UCSF planes of Sparky: big-endian tiles after a header of 180 bytes and 128 for each axis."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance
from adapters.formats.blob import size_of
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
MAGIC = b"UCSF NMR\0\0"
HEADER, AXIS_HEADER = 180, 128
AXES, COMPONENTS = 10, 11
MOST_POINTS = 2**24


@dataclass(frozen=True)
class Axis:
    """Points, points of a tile, MHz, Hz, ppm of the middle."""

    nucleus: str
    points: int
    tile: int
    frequency: float
    width: float
    centre: float

    @property
    def tiles(self) -> int:
        """Tiles along this axis, the last one filled up."""
        return -(-self.points // self.tile)


@dataclass(frozen=True)
class Ucsf:
    """A reader of planes; owner and comment stay in the file."""

    name: str = "sparky_ucsf"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first bytes."""
        return Confidence.CONTENT if probe.head.startswith(MAGIC) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all tiles are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The plane, its slow axis first."""
        path = Path(path)
        size_of(path)
        first, second = _axes(path)
        shape = first.tiles, second.tiles, first.tile, second.tile
        offset = HEADER + 2 * AXIS_HEADER
        there, promised = size_of(path), offset + 4 * int(np.prod(shape, dtype=np.int64))
        if there < promised:
            raise TruncatedFileError(path, f"{there} bytes are there, its header promises {promised}")
        tiles = np.fromfile(path, ">f4", count=int(np.prod(shape)), offset=offset).reshape(shape)
        whole = tiles.swapaxes(1, 2).reshape(first.tiles * first.tile, second.tiles * second.tile)
        values = resonance.finite(path, whole[: first.points, : second.points].astype(float))
        data = resonance.plane(values, _scale(path, first), _scale(path, second))
        raw = {
            "nucleus": second.nucleus,
            "indirect_nucleus": first.nucleus,
            "field_mhz": second.frequency,
        }
        raw = {name: value for name, value in raw.items() if value}
        return Measurement(data, Metadata("nmr", raw=raw), Provenance(str(path), self.name, VERSION))


def _axes(path: Path) -> tuple[Axis, Axis]:
    with path.open("rb") as file:
        head = file.read(HEADER + 2 * AXIS_HEADER)
    if not head.startswith(MAGIC):
        raise CorruptFileError(path, "it does not begin as a UCSF file does")
    if len(head) < HEADER:
        raise TruncatedFileError(path, "its header is not whole")
    if head[AXES] != 2 or head[COMPONENTS] != 1:
        said = f"it has {head[AXES]} axes of {head[COMPONENTS]} components; real planes are read here"
        raise LayoutError(path, said)
    if len(head) < HEADER + 2 * AXIS_HEADER:
        raise TruncatedFileError(path, "its header is not whole")
    return _axis(path, head[HEADER:]), _axis(path, head[HEADER + AXIS_HEADER :])


def _axis(path: Path, head: bytes) -> Axis:
    name, points, tile, frequency, width, centre = struct.unpack(">6s2xI4xI3f", head[:32])
    if not (0 < tile <= points <= MOST_POINTS):
        raise CorruptFileError(path, f"an axis has {points} points in tiles of {tile}")
    nucleus = name.split(b"\0")[0].decode("ascii", "replace")
    return Axis(nucleus, points, tile, frequency, width, centre)


def _scale(path: Path, axis: Axis) -> Any:
    # The middle is the point at half their number.
    last = axis.centre * axis.frequency - axis.width * (axis.points - 1 - axis.points / 2) / axis.points
    return resonance.scale(path, axis.points, width=axis.width, frequency=axis.frequency, last=last)


UCSF = Ucsf()
