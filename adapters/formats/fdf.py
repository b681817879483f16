"""Agilent and Varian FDF images: a text header, a zero byte, and numbers of the byte order that fits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.blob import Blob, size_of
from adapters.formats.volumes import stacked
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
MARK = b"#!/usr/local/fdf/startup"
MOST_HEADER = 65536
FIELD = re.compile(r"^\s*(?:float|int|char)\s+\*?\s*(\w+)(?:\[\])?\s*=\s*([^;]*);", re.MULTILINE)
KINDS = {("float", 32): "f4", ("float", 64): "f8", ("integer", 16): "i2", ("integer", 32): "i4"}
MM = 10.0
UNTURNED = Flag.caution(
    "orientation_not_stated",
    "sizes of voxels are known, but not how the axes lie in the subject: that depends on how it was put in",
)


@dataclass(frozen=True)
class Fdf:
    """A reader of one FDF slab: one slice, or a volume."""

    name: str = "agilent_fdf"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first line."""
        return Confidence.CONTENT if probe.head.startswith(MARK) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all points are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The image with echo time, repetition time and place."""
        path = Path(path)
        said, start = _header(path)
        matrix = [int(side) for side in _numbers(path, said, "matrix")]
        if len(matrix) not in (2, 3) or min(matrix) < 1:
            raise LayoutError(path, f"its matrix is {matrix}; images and volumes are read")
        kind = KINDS.get((_word(said, "storage") or "", int(_numbers(path, said, "bits")[0])))
        if kind is None:
            raise LayoutError(path, f"its numbers are {_word(said, 'storage')!r} of {said.get('bits')} bits")
        shape = tuple(reversed([*matrix, *[1] * (3 - len(matrix))]))
        order = _order(path, said, start, kind, shape)
        blob = Blob(str(path), start, order + kind, (1, *shape))
        blob.require()
        timing = {
            "echo_time": _first(path, said, "te"), "repetition_time": _first(path, said, "tr"),
            "inversion_time": _first(path, said, "ti") or None,
        }  # fmt: skip
        data = stacked(blob.lazy().astype(float), _affine(path, said, shape), timing)
        raw = {"echo_number": _first(path, said, "echo_no"), "echoes": _first(path, said, "echoes"),
               "sequence": _word(said, "sequence"), "nucleus": _word(said, "nucleus"),
               "frequency_mhz": _first(path, said, "nucfreq")}  # fmt: skip
        metadata = Metadata(technique="mri", raw={name: value for name, value in raw.items() if value})
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), (UNTURNED,))


def _header(path: Path) -> tuple[dict[str, str], int]:
    size_of(path)
    with path.open("rb") as file:
        head = file.read(MOST_HEADER)
    end = head.find(b"\0")
    if not head.startswith(MARK) or end < 0:
        raise TruncatedFileError(path, "its header has no end")
    said = dict(FIELD.findall(head[:end].decode("latin-1")))
    return said, end + 1


def _numbers(path: Path, said: dict[str, str], name: str) -> list[float]:
    try:
        found = [float(each) for each in said[name].strip("{} \n").split(",")]
    except (KeyError, ValueError) as error:
        raise CorruptFileError(path, f"its header does not state {name}") from error
    if not np.isfinite(found).all() or max(map(abs, found)) > 2**31:
        raise CorruptFileError(path, f"{name} is {found}")
    return found


def _first(path: Path, said: dict[str, str], name: str) -> float | None:
    return _numbers(path, said, name)[0] if name in said else None


def _word(said: dict[str, str], name: str) -> str | None:
    found = re.search(r'"([^"]*)"', said.get(name, ""))
    return found.group(1).strip() if found else None


def _order(path: Path, said: dict[str, str], start: int, kind: str, shape: tuple[int, ...]) -> str:
    """Byte order as stated; unstated, the one in which the numbers are of ordinary size."""
    stated = said.get("bigendian", "").strip()
    if stated in ("0", "1"):
        return ">" if stated == "1" else "<"
    Blob(str(path), start, kind, shape).require()
    values = {order: np.fromfile(path, order + kind, offset=start, count=4096) for order in "><"}
    return min(values, key=lambda order: _strangeness(values[order]))


def _strangeness(values: Any) -> float:
    """Median distance from 1 in decades: bytes in the wrong order give numbers of any size, or none."""
    with np.errstate(all="ignore"):
        decades = np.abs(np.log10(np.abs(values[values != 0].astype(float))))
    return float(np.median(np.nan_to_num(decades, nan=999.0, posinf=999.0))) if len(decades) else 0.0


def _affine(path: Path, said: dict[str, str], shape: tuple[int, ...]) -> Any:
    """Sizes of voxels alone: how this maker's axes lie in the animal depends on how it was put in."""
    roi = _numbers(path, said, "roi") if "roi" in said else _numbers(path, said, "span")
    sides = [MM * each for each in (*roi, *[1.0] * 3)[:3]]
    return np.diag([side / count for side, count in zip(sides, reversed(shape), strict=True)] + [1.0])


FDF = Fdf()
