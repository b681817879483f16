"""Relaxation of a rigid vector and its inverse, against closed forms and limits; and what counts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata, Provenance
from tasks.nmr.kernels import tumbling as kernel
from tasks.nmr.parameters import RelaxationParameters
from tasks.nmr.parameters_dynamics import NoeParameters, TumblingParameters
from tasks.nmr.spectrum import ResonanceError
from tasks.nmr.tumbling import tumbling

UNIT = {"units": "dimensionless"}
FIELD = 600.0


def kay(ratio, proton_mhz):
    """The closed form for dipole and slow tumbling alone: sqrt(6 T1/T2 - 7) / (4 pi nu_N)."""
    nitrogen = proton_mhz * 1e6 * abs(kernel.GAMMA_N) / kernel.GAMMA_H
    return np.sqrt(6 * ratio - 7) / (4 * np.pi * nitrogen)


@pytest.mark.parametrize("nanoseconds", [5.0, 10.0, 20.0])
def test_slow_tumbling_has_the_closed_form(nanoseconds):
    vector = kernel.Vector(anisotropy_ppm=0.0)
    found = kernel.rates(np.array(nanoseconds * 1e-9), FIELD, vector)

    assert kay(found.r2 / found.r1, FIELD) * 1e9 == pytest.approx(nanoseconds, rel=0.03)


def test_fast_tumbling_has_equal_rates_and_the_known_noe():
    found = kernel.rates(np.array(1e-13), FIELD, kernel.Vector(anisotropy_ppm=0.0))

    assert found.r2 / found.r1 == pytest.approx(1.0, abs=1e-4)
    assert found.noe == pytest.approx(1 + kernel.GAMMA_H / (2 * kernel.GAMMA_N), abs=1e-3)


def test_the_dipole_is_that_of_a_bond_of_this_length():
    found = kernel.rates(np.array(1e-13), FIELD, kernel.Vector(1.02, 0.0))

    # The coupling of N and H at 1.02 angstrom is 11.47 kHz, and R1 in the fast limit its square times tau.
    assert np.sqrt(found.r1 / 1e-13) / (2 * np.pi) == pytest.approx(11.47e3, rel=2e-3)


def test_slow_tumbling_comes_to_the_known_noe():
    assert float(kernel.rates(np.array(10e-9), FIELD).noe) == pytest.approx(0.82, abs=0.01)


@pytest.mark.parametrize("nanoseconds", [0.5, 3.0, 8.5, 60.0])
def test_the_inverse_gives_the_time_back(nanoseconds):
    rates = kernel.rates(np.array(nanoseconds * 1e-9), FIELD)
    time, slope = kernel.correlation_time(float(rates.r2 / rates.r1), FIELD)
    more, _ = kernel.correlation_time(float(rates.r2 / rates.r1) + 1e-4, FIELD)

    assert time * 1e9 == pytest.approx(nanoseconds, rel=1e-6)
    assert slope == pytest.approx((more - time) / 1e-4, rel=1e-2)


def test_a_ratio_that_no_rigid_vector_has_gives_none():
    assert np.isnan(kernel.correlation_time(0.9, FIELD)[0])
    assert np.isnan(kernel.correlation_time(float("nan"), FIELD)[0])


def test_scatter_beyond_the_errors_makes_the_mean_as_uncertain():
    mean, error, ratio = kernel.mean_of(np.array([1.0, 3.0]), np.array([0.1, 0.1]))

    assert (mean, error) == pytest.approx((2.0, 1.0))
    assert ratio == pytest.approx(200.0)


def product(kind, rates, errors=0.01, field=FIELD):
    """A table as nmr-relaxation leaves it."""
    names = [f"ALA{number}N-H" for number in range(1, len(rates) + 1)]
    data = xr.Dataset(
        {
            "height": (("row", "peak"), np.ones((2, len(rates))), UNIT),
            "assignment": ("peak", np.array(names), UNIT),
            "rate": ("peak", np.array(rates, float), {"units": "1/s"}),
            "rate_errors": ("peak", errors * np.array(rates, float), {"units": "1/s"}),
            "refused": ("peak", np.array([""] * len(rates)), UNIT),
        },
        attrs={"quantity": kind, **({"proton_mhz": field} if field else {})},
    )
    return Measurement(data, Metadata("nmr"), Provenance(f"{kind}.nxs", "halos_product", "1"))


def asked(runs, **parameters):
    return tumbling(runs, TumblingParameters(**parameters), RelaxationParameters(), NoeParameters())


def test_products_of_both_rates_give_the_time_they_were_made_with():
    rates = kernel.rates(np.array(6e-9), FIELD)
    random = np.random.default_rng(3)
    slow, fast = (float(each) * (1 + 0.01 * random.normal(size=12)) for each in (rates.r1, rates.r2))

    found = asked([product("t1", slow), product("t2", fast)])

    (claim,) = found.findings
    assert claim.quantity == "rotational_correlation_time"
    assert claim.value == pytest.approx(6.0, abs=4 * claim.uncertainty)
    assert claim.uncertainty < 0.1


def test_a_residue_that_exchanges_does_not_count():
    rates = kernel.rates(np.array(6e-9), FIELD)
    slow, fast = [float(rates.r1)] * 12, [float(rates.r2)] * 12
    fast[4] *= 2.5

    found = asked([product("t1", slow), product("t2", fast)])

    assert found.tables["tumbling"]["left_out"].values[4] == "R2 stands out: exchange"
    assert found.findings[0].value == pytest.approx(6.0, rel=1e-3)
    assert {flag.code for flag in found.flags} == {"residues_left_out", "flexibility_unknown"}


def test_a_field_that_nobody_says_is_asked_for():
    runs = [product(kind, [1.5, 1.6], field=None) for kind in ("t1", "t2")]

    with pytest.raises(MissingMetadataError, match=r"tumbling\.proton_mhz"):
        asked(runs)
    assert asked(runs, proton_mhz=500.0).facts["proton_mhz"] == 500.0


def test_rates_of_two_fields_are_not_mixed():
    with pytest.raises(ResonanceError, match="no one field"):
        asked([product("t1", [1.5]), product("t2", [9.0], field=800.0)])


def test_one_rate_alone_is_refused():
    with pytest.raises(ResonanceError, match="0 of the 1 files hold T2"):
        asked([product("t1", [1.5])])
