"""Noise, baselines, peaks and integrals of spectra whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.common.kernels.resonances import (
    baseline,
    integral,
    line_peaks,
    noise_level,
    plane_peaks,
    regions,
)

PLACE = np.arange(4096.0)


def lorentzian(at, width=6.0, height=1.0):
    return height / (1 + ((PLACE - at) / (width / 2)) ** 2)


def noise(seed=0, size=4096):
    return np.random.default_rng(seed).normal(0, 0.01, size)


def test_peaks_do_not_count_as_noise():
    crowded = sum(lorentzian(at) for at in range(100, 4000, 60))

    assert noise_level(noise()) == pytest.approx(0.01, rel=0.05)
    assert noise_level(crowded + noise()) == pytest.approx(0.01, rel=1.0)


def test_places_scatter_as_their_errors_say():
    pulls = []
    for seed in range(60):
        truth = 2000 + seed / 60
        found = line_peaks(lorentzian(truth, 8.0) + noise(seed), 0.01, 20)
        assert len(found) == 1
        pulls.append((found.place[0, 0] - truth) / found.place_error[0, 0])

    assert np.std(pulls) == pytest.approx(1.0, abs=0.4)


def test_negative_peaks_count_only_if_asked_for():
    values = lorentzian(1000) - lorentzian(3000) + noise()

    assert np.sign(line_peaks(values, 0.01, 20).height).tolist() == [1, -1]
    assert len(line_peaks(values, 0.01, 20, both_signs=False)) == 1


def test_the_width_is_that_of_the_line():
    found = line_peaks(lorentzian(2000, 10.0), 0.001, 20)

    assert found.width[0] == pytest.approx(10.0, rel=0.02)


def test_a_polynomial_below_peaks_is_found():
    slope = 0.5 + 0.2 * np.linspace(-1, 1, 4096) ** 2
    found = baseline(slope + lorentzian(1000, height=5) + lorentzian(2500, height=20) + noise(), 2)

    np.testing.assert_allclose(found, slope, atol=0.02)


def test_an_integral_is_the_area_of_the_line():
    start, stop = 1000, 3000
    found, error = integral(lorentzian(2000.3, 6.0)[start:stop], 0.5, 0.01)

    assert found == pytest.approx(0.5 * np.pi * 3.0, rel=0.003)
    assert error == pytest.approx(0.5 * 0.01 * np.sqrt(2000))


def test_stretches_of_signal_that_touch_are_one():
    values = np.zeros(100)
    values[[20, 24, 60]] = 1.0

    assert regions(values, 0.01, 5, 3) == [(17, 28), (57, 64)]


def test_peaks_of_a_plane_are_found_between_points_and_ridges_are_not():
    y, x = np.mgrid[0:128, 0:128]
    values = np.exp(-0.5 * (((y - 40.3) / 2) ** 2 + ((x - 90.7) / 3) ** 2))
    values += np.random.default_rng(2).normal(0, 0.01, values.shape)
    values[:, 20] += np.random.default_rng(3).normal(0, 0.3, 128)
    found = plane_peaks(values, 0.01, 8)

    assert len(found) == 1
    np.testing.assert_allclose(found.place[0], [40.3, 90.7], atol=0.15)
