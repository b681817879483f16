"""Virtual detectors and centres of mass against scipy, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tasks.stem.kernels import detectors

SHAPE = (48, 40)


def disc_pattern(centre, radius, height=50.0, size=96):
    """A disc of even brightness, its edge pixels by the share of them that it covers."""
    fine = (np.arange(8 * size) + 0.5) / 8 - 0.5
    inside = np.hypot(fine[:, None] - centre[0], fine[None] - centre[1]) < radius
    return height * inside.reshape(size, 8, size, 8).mean(axis=(1, 3))


def test_sums_on_rings_are_those_of_scipy():
    patterns = np.random.default_rng(0).poisson(5, (7, *SHAPE)).astype("u2")
    rings = np.digitize(detectors.radius_map(SHAPE, (20.3, 18.9)), [0.0, 8.0, 9.5, 17.0])
    weights = np.stack(
        [detectors.annulus(SHAPE, (20.3, 18.9), *ends) for ends in ((0, 8), (8, 9.5), (9.5, 17))]
    )

    found = detectors.pattern_sums(patterns, weights).rows
    expected = [ndimage.sum_labels(pattern, rings, [1, 2, 3]) for pattern in patterns]

    np.testing.assert_array_equal(found, expected)


def test_centres_of_mass_are_those_of_scipy():
    patterns = np.random.default_rng(1).poisson(3, (5, *SHAPE)).astype("u1")
    sums = detectors.pattern_sums(patterns, detectors.moment_weights(SHAPE))

    found, _ = detectors.centre_of_mass(sums.rows)

    assert found == pytest.approx(np.array([ndimage.center_of_mass(each) for each in patterns]))


def test_the_error_of_a_centre_is_its_scatter_over_many_patterns():
    truth = disc_pattern((20.0, 22.0), 8.0, height=2.0, size=44)
    patterns = np.random.default_rng(2).poisson(truth, (3000, 44, 44))
    sums = detectors.pattern_sums(patterns, detectors.moment_weights((44, 44)))
    centre, variance = detectors.centre_of_mass(sums.rows)

    assert centre.std(axis=0) == pytest.approx(np.sqrt(variance.mean(axis=0)), rel=0.05)


def test_a_pattern_without_counts_has_no_centre():
    sums = detectors.pattern_sums(np.zeros((2, *SHAPE)), detectors.moment_weights(SHAPE))

    assert np.isnan(detectors.centre_of_mass(sums.rows)[0]).all()


@pytest.mark.parametrize(("centre", "radius"), [((47.3, 50.8), 12.4), ((40.0, 44.5), 20.0)])
def test_the_disc_is_found_to_a_fraction_of_a_pixel(centre, radius):
    noisy = np.random.default_rng(3).poisson(disc_pattern(centre, radius) + 1.0, (60, 96, 96)).mean(axis=0)
    found = detectors.disc(noisy)

    assert found.centre == pytest.approx(centre, abs=0.15)
    assert found.radius == pytest.approx(radius, abs=0.15)
    assert abs(found.radius - radius) < 3 * found.error


def test_noise_has_no_disc():
    assert detectors.disc(np.random.default_rng(4).normal(size=(64, 64))) is None
    assert detectors.disc(np.ones((64, 64))) is None


@given(cut=st.integers(1, 6))
def test_any_chunking_gives_the_whole_answer(cut):
    patterns = np.random.default_rng(5).poisson(4, (7, 10, 12)).astype("u2")
    weights = detectors.moment_weights((10, 12))
    whole = detectors.pattern_sums(patterns, weights)
    parts = detectors.added(
        [detectors.pattern_sums(each, weights) for each in (patterns[:cut], patterns[cut:])]
    )

    np.testing.assert_array_equal(parts.rows, whole.rows)
    np.testing.assert_array_equal(parts.total, whole.total)
    np.testing.assert_array_equal(parts.most, whole.most)


def test_a_pattern_with_a_missing_value_is_missing_and_does_not_dim_the_mean():
    patterns = np.ones((3, 4, 5))
    patterns[1, 2, 3] = np.nan
    found = detectors.pattern_sums(patterns, detectors.moment_weights((4, 5)))

    assert np.isnan(found.rows[:, 0]).tolist() == [False, True, False]
    assert (found.total / found.used == 1).all()


def test_what_is_left_of_a_plane_is_nothing():
    rows, columns = np.indices((6, 7))
    values = 3.0 + 0.2 * rows - 0.7 * columns
    values[2, 3] = np.nan

    assert np.nanmax(np.abs(detectors.without_plane(values))) < 1e-12
