"""Exponential fits against another program, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from tasks.common.kernels.exponential import DECAY, RECOVERY, fit, fit_magnitude

ECHOES = np.arange(1, 9) * 0.01
DELAYS = np.array([0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0])


def decays(rows, noise=2.0):
    random = np.random.default_rng(5)
    amplitude, rate = random.uniform(50, 200, rows), random.uniform(5, 60, rows)
    clean = amplitude[:, None] * np.exp(-rate[:, None] * ECHOES)
    return rate, clean + random.normal(0, noise, clean.shape)


def recoveries(rows, noise=1.0):
    random = np.random.default_rng(6)
    rate = random.uniform(0.5, 2, rows)
    clean = 100 * (1 - 1.95 * np.exp(-rate[:, None] * DELAYS))
    return rate, clean + random.normal(0, noise, clean.shape)


def test_a_decay_is_that_of_curve_fit():
    _, signal = decays(40)
    found = fit(ECHOES, signal, parameters=DECAY)

    for row in range(40):
        values, covariance = curve_fit(
            lambda t, a, r: a * np.exp(-r * t), ECHOES, signal[row], p0=(signal[row, 0], 20), xtol=1e-12
        )
        np.testing.assert_allclose((found.amplitude[row], found.rate[row]), values, rtol=1e-5)
        errors = found.amplitude_error[row], found.rate_error[row]
        np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_a_recovery_is_that_of_curve_fit():
    _, signal = recoveries(20)
    found = fit(DELAYS, signal, parameters=RECOVERY)

    for row in range(20):
        values, covariance = curve_fit(
            lambda t, o, a, r: o + a * np.exp(-r * t), DELAYS, signal[row], p0=(100, -190, 1), xtol=1e-12
        )
        mine = found.offset[row], found.amplitude[row], found.rate[row]
        np.testing.assert_allclose(mine, values, rtol=1e-5)
        np.testing.assert_allclose(found.rate_error[row], np.sqrt(covariance[2, 2]), rtol=1e-3)


def test_known_noise_gives_uncertainties_that_hold():
    rate, signal = decays(4000)
    found = fit(ECHOES, signal, parameters=DECAY, noise=2.0)
    pull = (found.rate - rate) / found.rate_error

    assert found.found.all()
    assert np.std(pull) == pytest.approx(1.0, abs=0.05)


def test_magnitudes_give_what_signed_signals_give():
    _, signal = recoveries(50)
    signed = fit(DELAYS, signal, parameters=RECOVERY)
    found = fit_magnitude(DELAYS, np.abs(signal))

    np.testing.assert_allclose(found.rate, signed.rate, rtol=0.03)


def test_a_signal_without_decay_is_not_found():
    signal = np.array([np.ones(8), np.full(8, np.nan), np.zeros(8)])

    assert not fit(ECHOES, signal, parameters=DECAY).found.any()


def test_too_few_times_are_refused():
    with pytest.raises(ValueError, match="different times"):
        fit(np.array([0.1, 0.1, 0.2]), np.ones((1, 3)), parameters=RECOVERY)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e6), stretch=st.floats(0.01, 100), order=st.permutations(range(8)))
def test_scale_unit_of_time_and_order_change_nothing_else(scale, stretch, order):
    _, signal = decays(3)
    plain = fit(ECHOES, signal, parameters=DECAY)
    found = fit(ECHOES[list(order)] * stretch, scale * signal[:, list(order)], parameters=DECAY)

    np.testing.assert_allclose(found.rate * stretch, plain.rate, rtol=1e-5)
    np.testing.assert_allclose(found.amplitude / scale, plain.amplitude, rtol=1e-5)
