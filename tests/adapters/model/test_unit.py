"""Units that need no table of pint are those of pint."""

from __future__ import annotations

from itertools import product

import pint
import pytest

from adapters.errors import UnitError
from adapters.model import convert
from adapters.model.unit import KNOWN, same_dimension

PAIRS = list(product(KNOWN, KNOWN))


@pytest.fixture(scope="module")
def theirs() -> pint.UnitRegistry:
    registry = pint.UnitRegistry()
    registry.define("arbitrary = [arbitrary_intensity]")
    return registry


def test_what_measures_the_same_is_what_pint_says(theirs: pint.UnitRegistry) -> None:
    kinds = {name: theirs.Unit(name).dimensionality for name in KNOWN}

    assert [pair for pair in PAIRS if same_dimension(*pair) != (kinds[pair[0]] == kinds[pair[1]])] == []


def test_factors_are_those_of_pint(theirs: pint.UnitRegistry) -> None:
    alike = [pair for pair in PAIRS if same_dimension(*pair)]
    expected = [theirs.Quantity(2.5, unit).to(to).magnitude for unit, to in alike]

    assert [convert(2.5, unit, to) for unit, to in alike] == pytest.approx(expected, rel=1e-15)


def test_spellings_of_facilities_are_known() -> None:
    assert convert(1.0, "Å^-1", "1/nm") == 10.0
    assert convert(360.0, "deg", "rad") == pytest.approx(6.283185307179586)
    assert convert(1.0, "MHz", "kHz") == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("unit", "to"), [("m", "s"), ("furlongs per shoe", "m"), ("pixel", "m"), ("1/cm", "count")]
)
def test_what_cannot_be_expressed_is_an_error(unit: str, to: str) -> None:
    with pytest.raises(UnitError):
        convert(1.0, unit, to)
