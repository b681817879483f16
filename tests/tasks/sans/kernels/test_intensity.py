"""I(q) and its covariance against closed forms and against chance; spectra over wavelength."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sans.kernels.intensity import Exposure, intensity, mean_transmission, ratio, rebinned, spectrum
from tasks.sans.kernels.table import H_OVER_M, NS

WAYS, BINS = 6, 4
ANGLES = np.random.default_rng(1).uniform(0.5, 2.0, (WAYS, BINS))
BEAM = np.linspace(40.0, 90.0, WAYS)


def test_errors_and_their_covariance_are_those_of_chance() -> None:
    random = np.random.default_rng(5)
    truth = np.array([1.0, 0.5, 2.0, 0.1])
    found = []
    for _ in range(4000):
        counts = random.poisson(ANGLES * BEAM[:, None] * truth).astype(float)
        seen = random.poisson(BEAM).astype(float)
        found.append(intensity([Exposure(counts, ANGLES, seen, seen)]))

    values = np.array([each.intensity for each in found])
    expected = np.mean([np.diag(each.variance) + each.common for each in found], axis=0)
    np.testing.assert_allclose(values.mean(axis=0), truth, rtol=0.02)
    np.testing.assert_allclose(np.cov(values.T), expected, rtol=0.12, atol=2e-5)


def test_two_halves_of_a_run_are_the_run() -> None:
    counts = np.random.default_rng(2).poisson(20.0, (WAYS, BINS)).astype(float)
    whole = intensity([Exposure(2 * counts, ANGLES, 2 * BEAM, 2 * BEAM)])

    halves = intensity([Exposure(counts, ANGLES, BEAM, BEAM)] * 2)

    np.testing.assert_allclose(halves.intensity, whole.intensity)
    np.testing.assert_allclose(halves.errors, whole.errors)


def test_wavelengths_without_beam_take_no_part() -> None:
    counts = np.ones((WAYS, BINS))
    beam = BEAM.copy()
    beam[[0, 3]] = np.nan, 0.0
    kept = np.isfinite(beam) & (beam > 0)

    found = intensity([Exposure(counts, ANGLES, beam, beam)])

    np.testing.assert_allclose(found.intensity, kept.sum() / (ANGLES[kept] * beam[kept, None]).sum(axis=0))


def test_nothing_counted_is_zero_and_uncertain_nothing_seen_is_unknown() -> None:
    angles = ANGLES.copy()
    angles[:, 0] = 0.0

    found = intensity([Exposure(np.zeros((WAYS, BINS)), angles, BEAM, BEAM)])

    assert np.isnan(found.intensity[0]) and found.intensity[1] == 0
    assert found.errors[1] == pytest.approx(1 / (ANGLES[:, 1] @ BEAM))


@given(st.integers(1, 60), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_rebinning_keeps_what_it_covers(bins: int, seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(30.0, 200).astype(float)
    edges = np.linspace(1e6, 9e7, 201)
    wavelength = edges * H_OVER_M * NS / 20.0

    found, variance = rebinned(counts, edges, 20.0, np.linspace(wavelength[0], wavelength[-1], bins + 1))

    assert found.sum() == pytest.approx(counts.sum())
    np.testing.assert_array_equal(variance, found)


def test_where_a_monitor_does_not_reach_nothing_is_known() -> None:
    edges = np.linspace(1e7, 5e7, 11)
    reach = edges[[0, -1]] * H_OVER_M * NS / 20.0

    found, _ = rebinned(np.ones(10), edges, 20.0, np.array([reach[0] / 2, reach[0], reach[1], 2 * reach[1]]))

    np.testing.assert_array_equal(np.isnan(found), [True, False, True])
    assert found[1] == pytest.approx(10.0)


def test_events_of_a_monitor_are_counted_by_wavelength() -> None:
    times = np.array([2.5, 2.6, 7.0]) / (H_OVER_M * NS) * 18.0

    np.testing.assert_array_equal(spectrum(times, 18.0, np.array([2.0, 3.0, 6.0, 8.0])), [2, 0, 1])


def test_a_transmission_has_the_error_of_its_four_counts() -> None:
    with_sample = ratio((np.array([800.0]), np.array([800.0])), (np.array([1e4]), np.array([1e4])))
    without = ratio((np.array([1000.0]), np.array([1000.0])), (np.array([1e4]), np.array([1e4])))

    value, variance = ratio(with_sample, without)

    assert value[0] == pytest.approx(0.8)
    assert np.sqrt(variance[0]) / 0.8 == pytest.approx(np.sqrt(1 / 800 + 1 / 1000 + 2e-4))
    assert mean_transmission(value, variance) == pytest.approx((0.8, np.sqrt(variance[0])))
