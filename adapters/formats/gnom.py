"""Pair distance distributions as GNOM 4, GNOM 5 and the BIFT of BioXTAS RAW write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import bioxtas, text
from adapters.formats.curve import VERSION, Columns, dataset, stated_or_arbitrary
from adapters.formats.q_unit import CANONICAL, Settled, TakesQUnit, settled
from adapters.formats.text import Floats, Said
from adapters.model import Measurement, Metadata, Provenance, Readiness, merged
from adapters.protocol import Confidence, Probe

GNOM_TITLE = re.compile(r"####\s+G N O M\s")
BIFT_TITLE = re.compile(r"\A# BIFT\b")
CURVE_HEAD = re.compile(r"^\s*S\s+J EXP\s+ERROR\s+J REG\s+I REG")
DISTANCE_HEAD = re.compile(r"^#?\s*R\s+P\(R\)\s+ERROR", re.IGNORECASE)
BIFT_CURVE_HEAD = re.compile(r"^#\s*Q\s+I\(Q\)\s+Error\s+Fit")
BIFT_MODEL_HEAD = re.compile(r"^#\s*Q_extrap\s+Fit_extrap")
# Lengths among the published numbers; the others do not change with the unit of q.
LENGTHS = (
    Said("real_space_rg", r"^\s*Real space:? Rg[ =:]+(\S+)"),
    Said("real_space_rg_error", r"^\s*Real space:? Rg[ =:]+\S+\s*\+-\s*(\S+)"),
    Said("reciprocal_space_rg", r"^\s*Reciprocal space:? Rg[ =:]+(\S+)"),
    Said("dmax", r"^\s*Real space range\s*:\s+(?:from\s+)?\S+\s+to\s+(\S+)"),
)
NUMBERS = (
    Said("real_space_i0", r"^\s*Real space(?:: Rg.*|) I\(0\)[ =:]+(\S+)"),
    Said("real_space_i0_error", r"^\s*Real space(?:: Rg.*|) I\(0\)[ =:]+\S+\s*\+-\s*(\S+)"),
    Said("reciprocal_space_i0", r"^\s*Reciprocal space(?:: Rg.*|) I\(0\)[ =:]+(\S+)"),
    Said("total_estimate", r"^\s*Total\s+[Ee]stimate\s*:\s+(\S+)"),
    Said("points_in_real_space", r"^\s*Points in real space:\s+(\d+)"),
)
BIFT_LENGTHS = {"rg": "real_space_rg", "rger": "real_space_rg_error", "dmax": "dmax", "dmaxer": "dmax_error"}
BIFT_NUMBERS = {"i0": "real_space_i0", "i0er": "real_space_i0_error", "chisq": "chi_squared"}
# GNOM prints four digits, so that the last distance meets the stated range only this well.
DMAX_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Transform:
    """What an indirect transform found, in the units of its file."""

    distances: Floats
    measured: Floats
    model: Floats
    lengths: Mapping[str, float]
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Gnom(TakesQUnit):
    """A reader of GNOM's .out files, which state no unit of length."""

    name: str = "gnom"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the title."""
        return Confidence.CONTENT if GNOM_TITLE.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the distribution reaches the maximum distance that the file states."""
        return _checked(path, read_gnom)

    def open(self, path: Path) -> Measurement:
        """P(r), the curve it was made from and the regularised curve."""
        return _measurement(path, self.name, read_gnom(path), self.q_unit)


@dataclass(frozen=True)
class Bift(TakesQUnit):
    """A reader of BioXTAS RAW's .ift files, which state no unit of length."""

    name: str = "bioxtas_ift"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the title."""
        return Confidence.CONTENT if BIFT_TITLE.match(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the JSON at the end is whole."""
        return _checked(path, read_bift)

    def open(self, path: Path) -> Measurement:
        """P(r), the curve it was made from and the regularised curve."""
        return _measurement(path, self.name, read_bift(path), self.q_unit)


def _checked(path: Path, read: Any) -> Readiness:
    try:
        read(path)
    except AdapterError as error:
        return Readiness.broken(str(error))
    return Readiness.ready()


def read_gnom(path: Path) -> Transform:
    """The tables and published numbers of a GNOM output, of either generation."""
    said = text.text(path)
    lines = said.splitlines()
    curve = _rows_below(path, lines, CURVE_HEAD, (2, 5))
    distances = np.array(_rows_below(path, lines, DISTANCE_HEAD, (3,)))
    lengths, numbers = text.quantities(said, LENGTHS), text.quantities(said, NUMBERS)
    _reaches_dmax(path, distances, lengths)
    # Below the first measured point only the model is printed.
    measured = np.array([each[:4] for each in curve if len(each) == 5])
    model = np.array([(each[0], each[-1]) for each in curve])
    if not measured.size:
        raise TruncatedFileError(path, "it holds no measured points")
    return Transform(distances, measured, model, lengths, numbers)


def _reaches_dmax(path: Path, distances: Floats, lengths: Mapping[str, float]) -> None:
    if "dmax" not in lengths:
        raise LayoutError(path, "it does not state its range of distances")
    if not distances.size or abs(distances[-1, 0] - lengths["dmax"]) > DMAX_TOLERANCE * lengths["dmax"]:
        last = f"{distances[-1, 0]:g}" if distances.size else "nothing"
        raise TruncatedFileError(path, f"P(r) should reach {lengths['dmax']:g} and ends at {last}")


def read_bift(path: Path) -> Transform:
    """The tables and published numbers of a BIFT result of BioXTAS RAW."""
    lines = text.text(path).splitlines()
    said = bioxtas.header(path, lines)
    distances = np.array(_rows_below(path, lines, DISTANCE_HEAD, (3,)))
    measured = np.array(_rows_below(path, lines, BIFT_CURVE_HEAD, (4,)))
    model = np.array(_rows_below(path, lines, BIFT_MODEL_HEAD, (2,)))
    lengths, numbers = _numbers(said, BIFT_LENGTHS), _numbers(said, BIFT_NUMBERS)
    return Transform(distances, measured, model, lengths, numbers)


def _numbers(said: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    found = {name: text.number(str(said[key])) for key, name in names.items() if key in said}
    return {name: value for name, value in found.items() if value is not None}


def _rows_below(
    path: Path, lines: Sequence[str], head: re.Pattern[str], widths: tuple[int, ...]
) -> list[tuple[float, ...]]:
    start = next((index for index, line in enumerate(lines) if head.match(line)), None)
    if start is None:
        raise TruncatedFileError(path, f"the table {head.pattern!r} is missing")
    rows: list[tuple[float, ...]] = []
    for line in lines[start + 1 :]:
        found = text.row(line)
        if found is not None and len(found) not in widths:
            raise CorruptFileError(path, f"a row has {len(found)} columns: {line.strip()!r}")
        if found is not None:
            rows.append(found)
        elif line.strip():
            break
    if not rows:
        raise TruncatedFileError(path, f"the table {head.pattern!r} is empty")
    return rows


def _measurement(path: Path, adapter: str, found: Transform, assumed: str | None) -> Measurement:
    unit = settled(path, (), assumed)
    intensity_unit, unit_flags = stated_or_arbitrary(None)
    measured = Columns(found.measured[:, 0], found.measured[:, 1], found.measured[:, 2])
    data, data_flags = dataset(measured, unit, intensity_unit)
    data["intensity_fit"] = (("q",), found.measured[:, 3], {"units": intensity_unit})
    data["intensity_model"] = (("q_model",), found.model[:, 1], {"units": intensity_unit})
    data = data.assign_coords(
        q_model=("q_model", unit.to_inverse_angstrom(found.model[:, 0]), {"units": CANONICAL})
    )
    data = data.merge(_distances(found, unit, intensity_unit))
    metadata = Metadata(technique="curve", raw=_published(found, unit))
    flags = merged(unit.flags, unit_flags, data_flags)
    return Measurement(data, metadata, Provenance(str(path), adapter, VERSION), flags)


def _distances(found: Transform, unit: Settled, intensity_unit: str) -> Any:
    import xarray as xr

    r = unit.to_angstrom(found.distances[:, 0])
    # P(r) is per length, so that its integral, I(0) / 4 pi, does not depend on the unit of r.
    scale = 1.0 / float(unit.to_angstrom(np.ones(1))[0])
    attrs = {"units": f"{intensity_unit}/angstrom"}
    return xr.Dataset(
        {
            "p_of_r": (("r",), found.distances[:, 1] * scale, attrs),
            "p_of_r_errors": (("r",), found.distances[:, 2] * scale, attrs),
        },
        coords={"r": ("r", r, {"units": "angstrom"})},
    )


def _published(found: Transform, unit: Settled) -> dict[str, Any]:
    factor = float(unit.to_angstrom(np.ones(1))[0])
    lengths = {f"{name}_angstrom": value * factor for name, value in found.lengths.items()}
    return {"q_unit": unit.unit, "q_unit_because": unit.because, **lengths, **found.numbers}


GNOM = Gnom()
BIFT = Bift()
