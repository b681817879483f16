"""Units, checked at the edges with pint; inside, they stand in names and attributes."""

from __future__ import annotations

from functools import cache
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from adapters.errors import UnitError

if TYPE_CHECKING:
    import pint

# Spellings found in facility files, beside what pint knows by itself.
SPELLINGS = {
    "": "dimensionless",
    "a": "angstrom",
    "angstrom": "angstrom",
    "angstroms": "angstrom",
    "å": "angstrom",
    "1/a": "1/angstrom",
    "a^-1": "1/angstrom",
    "å^-1": "1/angstrom",
    "1/å": "1/angstrom",
    "angstrom^-1": "1/angstrom",
    "1/ang": "1/angstrom",
    "nm^-1": "1/nm",
    "nm-1": "1/nm",
    "cm^-1": "1/cm",
    "counts": "count",
    "deg": "degree",
    "deg.": "degree",
    "px": "pixel",
    "pixels": "pixel",
    "au": "arbitrary",
    "arbitrary units": "arbitrary",
    "a.u.": "arbitrary",
}

# What comes out of pint's parser, beside its own errors, for text that is no unit.
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, SyntaxError, TokenError)


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry()
    # Detector counts and intensities on an unknown scale are their own
    # dimensions: pint takes `count` as a plain number otherwise, and a curve
    # in 1/cm could pass for one in counts.
    registry.define("arbitrary = [arbitrary_intensity]")
    return registry


@cache
def _unit(text: str, source: str) -> pint.Unit:
    import pint

    spelled = text.strip()
    known = SPELLINGS.get(spelled.lower(), spelled)
    try:
        unit: pint.Unit = _registry().Unit(known)
    except (pint.PintError, *UNREADABLE) as error:
        raise UnitError(source, f"{text!r} is not a unit I know") from error
    return unit


def convert(value: float, unit: str, to: str, source: str = "a value") -> float:
    """`value` in `unit` expressed in `to`; an unknown or unfit unit raises UnitError."""
    import pint

    try:
        factor = _registry().Quantity(1.0, _unit(unit, source)).to(_unit(to, source)).magnitude
    except pint.DimensionalityError as error:
        raise UnitError(source, f"{unit!r} cannot be expressed in {to!r}") from error
    return float(value) * float(factor)


def same_dimension(unit: str, other: str, source: str = "a value") -> bool:
    """Whether `unit` and `other` measure the same kind of thing."""
    return bool(_unit(unit, source).dimensionality == _unit(other, source).dimensionality)
