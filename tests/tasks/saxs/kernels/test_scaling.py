"""One factor between two curves."""

import numpy as np
import pytest

from tasks.saxs.kernels.scaling import interpolated, joined, scale_between


def pair(factor, seed, noise=0.05, points=200):
    rng = np.random.default_rng(seed)
    truth = np.linspace(2, 1, points)
    errors = np.full(points, noise)
    return (
        factor * truth + errors * rng.normal(size=points),
        errors,
        truth + errors * rng.normal(size=points),
        errors,
    )


def test_the_factor_is_found_without_bias_and_with_its_error():
    found = [scale_between(*pair(1.5, seed, noise=0.3)) for seed in range(200)]
    pulls = np.array([(each.factor - 1.5) / each.error for each in found])

    assert abs(pulls.mean()) < 0.3
    assert 0.8 < pulls.std() < 1.25


def test_the_minimum_is_the_one_a_general_optimiser_finds():
    from scipy.optimize import minimize_scalar

    a, ea, b, eb = pair(0.7, 1, noise=0.2)
    best = minimize_scalar(lambda k: np.sum((a - k * b) ** 2 / (ea**2 + (k * eb) ** 2)), bounds=(0.1, 3))

    assert scale_between(a, ea, b, eb).factor == pytest.approx(best.x, rel=1e-4)


def test_curves_that_differ_by_more_than_a_factor_are_improbable():
    a, ea, b, eb = pair(1.0, 0)

    assert scale_between(a, ea, b, eb).probability > 0.001
    assert scale_between(a + np.linspace(0, 0.2, 200), ea, b, eb).probability < 1e-6


def test_interpolation_of_a_line_is_exact_and_its_error_smaller_midway():
    value, error = interpolated(
        np.array([1.5, 2.0]), np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0]), np.ones(3)
    )

    assert value == pytest.approx([2.0, 3.0])
    assert error == pytest.approx([np.sqrt(0.5), 1.0])


def test_joined_ranges_keep_every_point_and_average_equal_q():
    low = (np.array([1.0, 2.0]), np.array([5.0, 4.0]), np.array([0.1, 0.1]))
    high = (np.array([2.0, 3.0]), np.array([2.0, 1.0]), np.array([0.05, 0.05]))
    q, intensity, errors = joined(low, high, 2.0)

    assert q.tolist() == [1.0, 2.0, 3.0]
    assert intensity == pytest.approx([5.0, 4.0, 2.0])
    assert errors == pytest.approx([0.1, 0.1 / np.sqrt(2), 0.1])
