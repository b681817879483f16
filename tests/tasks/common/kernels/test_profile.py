"""Peaks on a slope: positions come back within their errors, backgrounds stay below, noise has no peaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import voigt_profile

from tasks.common.kernels.profile import background, candidates, fit_peak, fitted, profile

X = np.linspace(0.0, 20.0, 800)


@given(position=st.floats(8.0, 12.0), width=st.floats(0.4, 2.0), mixing=st.floats(0.05, 0.95))
@settings(max_examples=25, deadline=None)
def test_a_profile_without_noise_is_found_exactly(position: float, width: float, mixing: float) -> None:
    y = profile(X, position, width, 100.0, mixing) + 5.0 + 0.3 * X
    found = fit_peak(X, y, np.ones_like(X), round(position), 1.0, gauss=False)

    assert found is not None
    assert found.position == pytest.approx(position, abs=1e-4)
    assert found.width == pytest.approx(width, rel=1e-2)


def test_the_area_is_that_of_the_curve() -> None:
    for mixing in (0.0, 0.4, 1.0):
        y = profile(X, 10.0, 0.5, 10.0, mixing)
        wide = np.linspace(-2000, 2020, 2_000_001)
        whole = np.trapezoid(profile(wide, 10.0, 0.5, 10.0, mixing), wide)
        found = fit_peak(X, y + 1e-9 * X, np.full_like(X, 0.01), 10.0, 0.5, gauss=mixing == 0.0)

        assert found is not None
        assert found.area == pytest.approx(whole, rel=2e-3)


def test_positions_scatter_as_their_errors_say() -> None:
    random = np.random.default_rng(3)
    truth = profile(X, 10.2, 0.8, 400.0, 0.3) + 50.0
    pulls = []
    for _ in range(60):
        y = random.poisson(truth).astype(float)
        found = fit_peak(X, y, np.sqrt(np.maximum(y, 1)), 10.0, 0.7, gauss=False)
        assert found is not None
        pulls.append((found.position - 10.2) / found.position_error)

    assert abs(np.mean(pulls)) < 0.45
    assert 0.7 < np.std(pulls) < 1.4


def test_a_true_voigt_profile_is_centred_as_well() -> None:
    y = 1e4 * voigt_profile(X - 9.5, 0.25, 0.15) + 20.0
    found = fit_peak(X, y, np.sqrt(y), 9.4, 0.6, gauss=False)

    assert found is not None
    assert found.position == pytest.approx(9.5, abs=1e-3)


def test_noise_alone_has_no_peaks() -> None:
    y = np.random.default_rng(1).poisson(200, 2000).astype(float)
    places, _ = candidates(y, np.sqrt(y), half_width=60, least_snr=8.0, apart=5)

    assert len(places) == 0


def test_two_peaks_are_two_and_their_slope_is_none() -> None:
    truth = profile(X, 6.0, 0.4, 300.0, 0.2) + profile(X, 12.0, 0.6, 100.0, 0.2) + 200 * np.exp(-X / 8)
    y = np.random.default_rng(2).poisson(truth).astype(float)
    errors = np.sqrt(np.maximum(y, 1))
    places, widths = candidates(y, errors, half_width=60, least_snr=8.0, apart=5)
    found = fitted(X, y, errors, places, widths, gauss=False)

    assert [round(peak.position) for peak in found] == [6, 12]


@given(seed=st.integers(0, 1000), reach=st.integers(2, 80))
@settings(max_examples=25, deadline=None)
def test_a_background_is_never_above_the_values(seed: int, reach: int) -> None:
    y = np.random.default_rng(seed).gamma(2.0, 30.0, 300)

    assert (background(y, reach) <= y * (1 + 1e-9) + 1e-6).all()


def test_a_background_stays_below_a_peak() -> None:
    y = profile(X, 10.0, 0.5, 1000.0, 0.0) + 100.0

    assert background(y, 60)[400] == pytest.approx(100.0, rel=0.05)


def test_a_window_without_a_peak_gives_none() -> None:
    assert fit_peak(X[:50], np.full(50, 3.0), np.ones(50), 0.6, 0.2, gauss=False) is None
