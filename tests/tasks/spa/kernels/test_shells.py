"""Fourier shells against closed forms and chance."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.spa.kernels.shells import (
    Shells,
    crossing,
    gaussian,
    low_passed,
    shell_correlation,
    shell_power,
)


def noise(seed, size=32):
    return np.random.default_rng(seed).normal(size=(size,) * 3)


def test_a_map_correlates_with_itself_and_against_its_negative():
    density = noise(0)

    np.testing.assert_allclose(shell_correlation(density, density, 2.0).correlation, 1.0)
    np.testing.assert_allclose(shell_correlation(density, -3 * density, 2.0).correlation, -1.0)


def test_scatter_of_unlike_maps_is_that_of_the_stated_error():
    found = [shell_correlation(noise(2 * i), noise(2 * i + 1), 1.0) for i in range(40)]
    scatter = np.std([each.correlation for each in found], axis=0)

    np.testing.assert_allclose(scatter[2:] / found[0].errors[2:], 1.0, atol=0.35)
    assert np.mean(scatter[2:] / found[0].errors[2:]) == pytest.approx(1.0, abs=0.1)


def test_signal_to_noise_gives_the_expected_correlation():
    signal = noise(1)
    both = [signal + 0.5 * noise(seed) for seed in (2, 3)]

    assert np.mean(shell_correlation(*both, 1.0).correlation[5:]) == pytest.approx(1 / 1.25, abs=0.02)


def test_terms_count_every_fourier_term_once():
    found = shell_correlation(noise(0, 16), noise(1, 16), 1.0)
    axis = np.fft.fftfreq(16, 1 / 16)
    radius = np.rint(np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2))

    assert found.terms.tolist() == [int((radius == shell).sum()) for shell in range(1, 9)]


def test_a_line_through_the_threshold_crosses_where_it_does():
    frequency = np.arange(1, 11) / 100
    found = crossing(Shells(frequency, 1 - 10 * frequency, np.full(10, 10000)), 0.45)

    assert found is not None
    assert found.resolution == pytest.approx(1 / 0.055)
    assert 0 < found.error < 2


def test_a_fall_that_is_taken_back_is_no_crossing():
    values = np.array([1.0, 0.9, 0.1, 0.9, 0.8, 0.1, 0.05])
    found = crossing(Shells(np.arange(1, 8) / 100, values, np.full(7, 1000)), 0.5)

    assert found is not None
    assert 1 / 0.06 < found.resolution < 1 / 0.05
    assert crossing(Shells(np.arange(1, 8) / 100, np.full(7, 0.9), np.full(7, 1000)), 0.5) is None


def test_a_blur_is_a_gaussian_of_its_width():
    point = np.zeros((32, 32, 32))
    point[16, 16, 16] = 1.0
    blurred = low_passed(point, 2.0, 5.0)
    away = (np.arange(32) - 16) * 2.0

    assert blurred.sum() == pytest.approx(1.0)
    assert np.sqrt((blurred.sum(axis=(0, 1)) * away**2).sum()) == pytest.approx(5.0, rel=0.01)
    assert gaussian((8, 8, 8), 1.0, 0.0).min() == 1.0


def test_white_noise_has_even_power():
    _, power, error = shell_power(noise(0), 1.0)

    np.testing.assert_allclose((power / 32**3 - 1) / (error / 32**3), 0, atol=4)
