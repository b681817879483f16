"""Siemens .rda: one spectrum of one voxel, a header in text and the decay in doubles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.blob import size_of
from adapters.formats.siemens_voxel import voxel_affine
from adapters.formats.volumes import decays
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
BEGIN, END = b">>> Begin of header <<<", b">>> End of header <<<"
MICRO, MILLI = 1e-6, 1e-3


@dataclass(frozen=True)
class Rda:
    """A reader of single-voxel spectra; names, dates and numbers of the patient stay in the file."""

    name: str = "siemens_rda"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first line."""
        return Confidence.CONTENT if probe.head.startswith(BEGIN) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all points are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The decay with its times, frequency and voxel."""
        path = Path(path)
        size_of(path)
        content = path.read_bytes()
        head, mark, rest = content.partition(END)
        if not content.startswith(BEGIN) or not mark:
            raise TruncatedFileError(path, "its header has no end")
        said = dict(re.findall(r"^([^:\r\n]+):[ \t]*([^\r\n]*?)\s*$", head.decode("latin-1"), re.MULTILINE))
        grid = [int(_number(path, said, f"CSIMatrixSize[{axis}]")) for axis in range(3)]
        if grid != [1, 1, 1]:
            raise LayoutError(path, f"its grid is {grid}; spectra of more than one voxel are not read here")
        points = int(_number(path, said, "VectorSize"))
        data = rest.lstrip(b"\r").removeprefix(b"\n")
        if points < 2 or len(data) != 16 * points:
            raise TruncatedFileError(path, f"{len(data)} bytes are there, its header promises {16 * points}")
        # Written so that frequencies run against the shift; here they run with it.
        fid = np.conj(np.frombuffer(data, "<c16"))[None]
        found = decays(
            fid,
            _number(path, said, "DwellTime") * MICRO,
            _number(path, said, "MRFrequency"),
            echo_time=_number(path, said, "TE") * MILLI,
            repetition_time=_number(path, said, "TR") * MILLI,
        )
        found["affine"] = (("to_axis", "axis"), _affine(path, said), {"units": "mm"})
        raw = {"nucleus": said.get("Nucleus"), "averages": _number(path, said, "NumberOfAverages"),
               "sequence": said.get("SequenceName"),
               "field_t": _number(path, said, "MagneticFieldStrength")}  # fmt: skip
        metadata = Metadata(technique="mri", instrument=said.get("ModelName") or None, raw=raw)
        return Measurement(found, metadata, Provenance(str(path), self.name, VERSION))


def _number(path: Path, said: dict[str, str], name: str) -> float:
    try:
        value = float(said[name])
    except (KeyError, ValueError) as error:
        raise CorruptFileError(path, f"its header does not state {name}") from error
    if not np.isfinite(value) or abs(value) > 1e12:
        raise CorruptFileError(path, f"{name} is {value}")
    return value


def _affine(path: Path, said: dict[str, str]) -> Any:
    row, column = (
        [_number(path, said, f"{name}[{axis}]") for axis in range(3)]
        for name in ("RowVector", "ColumnVector")
    )
    names = ("VOIPositionSag", "VOIPositionCor", "VOIPositionTra")
    centre = [_number(path, said, name) for name in names]
    sides = [_number(path, said, f"PixelSpacing{name}") for name in ("Col", "Row", "3D")]
    return voxel_affine(row, column, centre, sides)


RDA = Rda()
