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

# Units that nearly every file has: what they measure, and which power of ten of its first unit they are
# (None: no power of ten). Reading pint's own table takes half a second, which a look at a file need not
# wait for. Angles and counts are numbers to pint.
KNOWN: dict[str, tuple[str, int | None]] = {
    "dimensionless": ("number", 0),
    "count": ("number", 0),
    "rad": ("number", 0),
    "sr": ("number", 0),
    "degree": ("number", None),
    "m": ("length", 0),
    "cm": ("length", -2),
    "mm": ("length", -3),
    "um": ("length", -6),
    "nm": ("length", -9),
    "angstrom": ("length", -10),
    "1/m": ("inverse length", 0),
    "1/cm": ("inverse length", 2),
    "1/nm": ("inverse length", 9),
    "1/angstrom": ("inverse length", 10),
    "s": ("time", 0),
    "ms": ("time", -3),
    "us": ("time", -6),
    "ns": ("time", -9),
    "eV": ("energy", 0),
    "keV": ("energy", 3),
    "V": ("voltage", 0),
    "pixel": ("pixel", 0),
    "arbitrary": ("arbitrary", 0),
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


def _spelled(text: str) -> str:
    spelled = text.strip()
    return SPELLINGS.get(spelled.lower(), spelled)


@cache
def _unit(text: str, source: str) -> pint.Unit:
    import pint

    try:
        unit: pint.Unit = _registry().Unit(_spelled(text))
    except (pint.PintError, *UNREADABLE) as error:
        raise UnitError(source, f"{text!r} is not a unit I know") from error
    return unit


def _power_of_ten(unit: str, to: str) -> float | None:
    """The factor between two units in the table, None where it holds none."""
    if unit not in KNOWN or to not in KNOWN:
        return None
    (kind, power), (other, wanted) = KNOWN[unit], KNOWN[to]
    if kind != other:
        return None
    if unit == to:
        return 1.0
    return None if power is None or wanted is None else float(f"1e{power - wanted}")


def convert(value: float, unit: str, to: str, source: str = "a value") -> float:
    """`value` in `unit` expressed in `to`; an unknown or unfit unit raises UnitError."""
    factor = _power_of_ten(_spelled(unit), _spelled(to))
    if factor is not None:
        return float(value) * factor
    import pint

    try:
        factor = _registry().Quantity(1.0, _unit(unit, source)).to(_unit(to, source)).magnitude
    except pint.DimensionalityError as error:
        raise UnitError(source, f"{unit!r} cannot be expressed in {to!r}") from error
    return float(value) * float(factor)


def same_dimension(unit: str, other: str, source: str = "a value") -> bool:
    """Whether `unit` and `other` measure the same kind of thing."""
    first, second = KNOWN.get(_spelled(unit)), KNOWN.get(_spelled(other))
    if first and second:
        return first[0] == second[0]
    return bool(_unit(unit, source).dimensionality == _unit(other, source).dimensionality)
