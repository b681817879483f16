"""Traces with peaks and baselines made by hand."""

import numpy as np
import pytest

from tasks.saxs.kernels.elution import (
    baseline_region,
    constant_stretch,
    lag,
    linear_baseline,
    peaks,
    robust_noise,
    steady,
)

PLACE = np.arange(200.0)


def gauss(centre, width=5.0):
    return np.exp(-((PLACE - centre) ** 2) / 2 / width**2)


def test_two_peaks_are_found_highest_first_and_noise_is_not_one():
    noise = 0.01 * np.random.default_rng(0).normal(size=200)
    found = peaks(0.4 * gauss(60) + gauss(120) + noise, 0.01)

    assert [each.place for each in found] == [pytest.approx(120, abs=1), pytest.approx(60, abs=1)]
    assert found[0].last - found[0].first + 1 == pytest.approx(2.355 * 5, abs=1.5)


def test_pure_noise_has_no_peak():
    noise = np.random.default_rng(0).normal(size=200)

    assert peaks(noise, robust_noise(noise)) == ()


def test_noise_is_measured_under_a_drift():
    trace = 5 + PLACE / 50 + 0.02 * np.random.default_rng(1).normal(size=200)

    assert robust_noise(trace) == pytest.approx(0.02, rel=0.2)


def test_the_baseline_is_the_stretch_that_does_not_move():
    rng = np.random.default_rng(2)
    level = np.where(PLACE < 50, 1 + PLACE / 100, 1.0) + 3 * gauss(100)
    frames = level[:, None] * np.ones(40) + 0.01 * rng.normal(size=(200, 40))
    first, last = baseline_region(frames, np.full((200, 40), 0.01), width=20, peak=(85, 115))

    assert last - first + 1 == 20
    assert first >= 50
    assert last < 85 or first > 115
    assert steady(frames[first : last + 1])
    assert not steady(frames[:50])


def test_a_baseline_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="clear of the peak"):
        baseline_region(np.ones((20, 5)), np.ones((20, 5)), width=15, peak=(8, 12))


def test_a_drifting_baseline_is_followed_with_its_error():
    places = np.r_[np.arange(10.0), np.arange(90.0, 100.0)]
    errors = np.full((20, 3), 0.1)
    level, error = linear_baseline(
        (2 + 0.01 * places)[:, None] * np.ones(3), errors, places, np.array([49.5, 0.0])
    )

    assert level[:, 0] == pytest.approx([2.495, 2.0])
    assert error[0, 0] == pytest.approx(0.1 / np.sqrt(20))
    assert error[1, 0] > error[0, 0]


def test_the_constant_stretch_ends_where_values_leave():
    values = np.r_[np.full(5, 40.0), np.full(12, 30.0), np.linspace(31, 45, 8)]
    values = values + 0.2 * np.random.default_rng(3).normal(size=25)
    first, last = constant_stretch(values, np.full(25, 0.25), 10)

    assert (first, last) == (5, pytest.approx(16, abs=1))


@pytest.mark.parametrize("shift", [-7.3, 0.0, 12.6])
def test_the_lag_between_two_traces_is_found_within_its_error(shift):
    rng = np.random.default_rng(4)
    first = gauss(90) + 0.4 * gauss(60) + 0.01 * rng.normal(size=200)
    second = 3 * (gauss(90 + shift) + 0.4 * gauss(60 + shift)) + 0.03 * rng.normal(size=200)
    found, error = lag(first, second, 0.5)

    assert found == pytest.approx(0.5 * shift, abs=4 * error + 0.02)
    assert 0 < error < 0.2


def test_a_constant_trace_cannot_be_aligned():
    with pytest.raises(ValueError, match="constant"):
        lag(np.ones(20), gauss(5)[:20], 1.0)
