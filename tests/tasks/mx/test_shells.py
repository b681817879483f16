"""Reflections: shells hold what they hold, and the resolution ends where the signal does."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata, Provenance
from tasks.mx.kernels.shells import limit, shells
from tasks.mx.parameters import ReflectionParameters
from tasks.mx.reduction import ReflectionError, summarise

SPACING = np.linspace(1.2**-3, 30**-3, 4000) ** (-1 / 3)


def falling(spacing, ends_at=1.8, level=2.0):
    """I / sigma that falls through `level` at `ends_at`."""
    return level * np.exp(8 * (ends_at**-3 - spacing**-3) / ends_at**-3)


def table(columns):
    count = len(SPACING)
    variables = {name: ("reflection", np.arange(count), {"units": "dimensionless"}) for name in "hkl"}
    variables["d_spacing"] = ("reflection", SPACING, {"units": "angstrom"})
    cell = np.array([79.3, 79.3, 37.8, 90, 90, 90])
    variables["cell"] = ("parameter", cell, {"units": "angstrom and degree"})
    variables |= {name: ("reflection", values, {"units": "arbitrary"}) for name, values in columns.items()}
    return Measurement(xr.Dataset(variables), Metadata("mx"), Provenance("here", "test", "1"))


@given(st.integers(2, 50))
def test_every_reflection_is_in_one_shell(number: int) -> None:
    found = shells(SPACING, np.ones(4000), np.ones(4000), number)

    assert found.count.sum() == 4000
    assert (found.longest > found.shortest).all()


def test_the_signal_ends_where_it_was_made_to() -> None:
    sigma = np.ones_like(SPACING)
    found = limit(shells(SPACING, falling(SPACING), sigma, 60), 2.0)

    assert found == pytest.approx(1.8, abs=0.02)


def test_strong_data_end_at_their_last_reflection() -> None:
    found = summarise(
        table({"IMEAN": np.full(4000, 50.0), "SIGIMEAN": np.ones(4000)}), ReflectionParameters()
    )
    resolution = found.findings[-1]

    assert resolution.value == pytest.approx(1.2, abs=1e-6)
    assert "resolution_at_edge" in {flag.code for flag in found.flags}


def test_the_cell_is_claimed_without_an_uncertainty_it_does_not_have() -> None:
    run = table({"I": np.full(4000, 50.0), "SIGI": np.ones(4000)})
    bare = summarise(run, ReflectionParameters()).findings[0]
    rough = summarise(run, ReflectionParameters(cell_relative_error=1e-3)).findings[0]

    assert (bare.uncertainty, rough.uncertainty) == (None, pytest.approx(0.0793))


def test_friedel_mates_are_one_measurement_each() -> None:
    plus, minus = np.full(4000, 40.0), np.full(4000, 60.0)
    minus[:10] = np.nan
    columns = {"I(+)": plus, "SIGI(+)": np.full(4000, 1.0), "I(-)": minus, "SIGI(-)": np.full(4000, 1.0)}
    found = summarise(table(columns), ReflectionParameters())

    assert found.facts["mean_intensity"] == pytest.approx((10 * 40 + 3990 * 50) / 4000)


def test_which_column_is_the_intensity_is_asked_for() -> None:
    with pytest.raises(MissingMetadataError, match="intensity"):
        summarise(table({"FP": np.ones(4000)}), ReflectionParameters())


def test_noise_has_no_resolution() -> None:
    with pytest.raises(ReflectionError, match="below 2"):
        summarise(table({"I": np.full(4000, 0.5), "SIGI": np.ones(4000)}), ReflectionParameters())
