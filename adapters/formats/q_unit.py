"""Is q in 1/nm or 1/angstrom? Told by evidence in the file, or supplied and flagged; never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from adapters.errors import MissingMetadataError, UnitError
from adapters.formats.text import Floats
from adapters.model import Flag, convert

CANONICAL = "1/angstrom"
ASSUMPTION = "q_unit"
# Steps of q that differ by less than this from one pixel's step are taken to be pixels:
# an axis in the other unit would be off by a factor of ten.
PIXEL_STEP_TOLERANCE = 0.05

INVERSE_LENGTH = re.compile(
    r"^(?:1\s*/\s*(?P<below>nm|å|a|ang|angstroms?|m)|(?P<power>nm|å|a|ang|angstroms?|m)\s*\^?\s*(?:-1|⁻¹|\{-1\}|\(-1\)))$",
    re.IGNORECASE,
)
LENGTHS = {"nm": "nm", "m": "m"}
LABELS = (
    # "q*nm" heads a column of pure numbers, q multiplied by nm.
    re.compile(r"\b[qs]\s*\*\s*(?P<times>nm|å|angstroms?|a)\b", re.IGNORECASE),
    re.compile(r"\b[qs](?:x|y)?\s*[\(\[\{]\s*(?P<unit>[^\)\]\}|]+?)\s*[\)\]\}]", re.IGNORECASE),
    re.compile(r"\bq_(?P<unit>nm\^-1|A\^-1)", re.IGNORECASE),
)


@dataclass(frozen=True, kw_only=True)
class TakesQUnit:
    """A reader that can be told the unit of q for files that do not say it."""

    q_unit: str | None = None

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Names of the quantities that can be supplied."""
        return (ASSUMPTION,)

    def assuming(self, assumed: Mapping[str, str]) -> Self:
        """The same reader with the unit of q in hand."""
        return replace(self, q_unit=assumed.get(ASSUMPTION, self.q_unit))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A unit of q and what speaks for it."""

    unit: str
    because: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The unit of q that all evidence agrees on, why, and what has to be flagged."""

    unit: str
    because: str
    flags: tuple[Flag, ...] = ()

    def to_inverse_angstrom(self, q: Floats) -> Floats:
        """Values of q, or of its uncertainty, in 1/angstrom."""
        return q * convert(1.0, self.unit, CANONICAL)

    def to_angstrom(self, r: Floats) -> Floats:
        """Lengths that belong to this q, in angstrom."""
        return r / convert(1.0, self.unit, CANONICAL)


def inverse_length(spelled: str) -> str | None:
    """A unit of q as files spell it in ours, None for anything that is none."""
    match = INVERSE_LENGTH.match(spelled.strip())
    if match is None:
        return None
    length = (match["below"] or match["power"]).lower()
    return f"1/{LENGTHS.get(length, 'angstrom')}"


def by_label(header: str) -> Evidence | None:
    """The unit that a column label such as `q*nm`, `Q (1/A)` or `q_nm^-1` spells out."""
    for pattern in LABELS:
        for match in pattern.finditer(header):
            said = match.groupdict()
            spelled = f"1/{said['times']}" if said.get("times") else said["unit"]
            unit = inverse_length(spelled)
            if unit is not None:
                return Evidence(unit, f"the label {match.group(0)!r}")
    return None


def by_convention(unit: str | None, writer: str) -> Evidence | None:
    """The unit that the known writer of the file always uses."""
    return None if unit is None else Evidence(unit, f"{writer} writes q in {unit}")


def by_geometry(
    q: Floats, *, wavelength_angstrom: float | None, distance_m: float | None, pixel_m: float | None
) -> Evidence | None:
    """The unit in which the step of q is that of one pixel, from the geometry in the header."""
    if not (wavelength_angstrom and distance_m and pixel_m) or q.size < 3:
        return None
    # One pixel seen from the sample: q = 4 pi sin(theta) / lambda, with two theta = pixel / distance.
    pixel_step = 4 * np.pi / wavelength_angstrom * np.sin(np.arctan(pixel_m / distance_m) / 2)
    step = float(np.median(np.diff(q)))
    for unit in ("1/angstrom", "1/nm"):
        ratio = convert(step, unit, CANONICAL) / pixel_step
        if abs(ratio - 1) < PIXEL_STEP_TOLERANCE:
            return Evidence(unit, f"a step of {step:.6g} {unit} is one pixel of the stated geometry")
    return None


def settled(path: Path, evidence: Iterable[Evidence | None], assumed: str | None = None) -> Settled:
    """The unit all `evidence` agrees on; `assumed` serves only where there is none, and is flagged.

    Raises UnitError where two pieces of evidence, or the assumption and the evidence,
    contradict each other, and MissingMetadataError where there is nothing to go by.
    """
    if assumed is not None:
        # Raises for a unit that is none of an inverse length.
        convert(1.0, assumed, CANONICAL, str(path))
    found = [each for each in evidence if each is not None]
    supplied = [] if assumed is None else [Evidence(assumed, "what was supplied")]
    for other in (*found[1:], *supplied) if found else ():
        if not _same(found[0].unit, other.unit):
            contrary = f"{other.because} says {other.unit}"
            raise UnitError(path, f"{found[0].because} says {found[0].unit}, but {contrary}")
    if found:
        return Settled(found[0].unit, "; ".join(each.because for each in found))
    if assumed is None:
        raise MissingMetadataError(ASSUMPTION, str(path), ASSUMPTION)
    flag = Flag.caution("assumed_q_unit", f"{path.name} does not say the unit of q; {assumed} was supplied")
    return Settled(assumed, "supplied", (flag,))


def _same(unit: str, other: str) -> bool:
    return bool(np.isclose(convert(1.0, unit, CANONICAL), convert(1.0, other, CANONICAL)))
