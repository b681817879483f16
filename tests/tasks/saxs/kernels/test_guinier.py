"""Guinier's law against exact exponentials, spheres, and the statistics of many noisy curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.saxs.kernels.guinier import fit, search


def exponential(radius=30.0, forward=5.0, *, noise=0.01, seed=0, points=150):
    q = np.linspace(0.2, 3.0, points) / radius
    exact = forward * np.exp(-((q * radius) ** 2) / 3)
    errors = np.full(points, noise * forward)
    return q, exact + errors * np.random.default_rng(seed).normal(size=points), errors


def test_fit_of_an_exact_law_returns_its_numbers():
    q, _, errors = exponential()
    log_forward, squared, _ = fit(q, 5.0 * np.exp(-((q * 30) ** 2) / 3), errors)

    assert (np.exp(log_forward), np.sqrt(squared)) == (pytest.approx(5.0), pytest.approx(30.0))


def test_fit_is_not_biased_where_many_points_are_negative():
    radii = []
    for seed in range(200):
        q, intensity, errors = exponential(noise=0.3, seed=seed)
        radii.append(fit(q, intensity, errors)[1])

    assert np.mean(radii) == pytest.approx(900, abs=4 * np.std(radii) / np.sqrt(200))


@pytest.mark.parametrize("radius", [15.0, 40.0, 90.0])
def test_a_sphere_has_its_radius_of_gyration(sphere, radius):
    found = search(*sphere(radius, q_min=0.3 / radius, q_max=10 / radius))

    whole = np.hypot(found.radius_error, found.radius_truncation)
    assert found.radius == pytest.approx(np.sqrt(0.6) * radius, abs=3 * whole)
    assert found.radius_truncation < 0.015 * radius
    assert found.forward == pytest.approx(1.0, abs=4 * found.forward_error)
    assert found.quality > 0.5


def test_the_range_ends_at_the_limit():
    q, intensity, errors = exponential()

    for limit in (0.8, 1.3):
        found = search(q, intensity, errors, limit=limit)
        assert q[found.last] * found.radius <= limit * 1.05


def test_errors_of_radius_match_the_scatter_of_repeated_measurements():
    found = [search(*exponential(seed=seed)) for seed in range(150)]
    pulls = np.array([(each.radius - 30) / each.radius_error for each in found])

    assert abs(pulls.mean()) < 0.35
    assert 0.6 < pulls.std() < 1.4


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 5))
def test_scaling_intensity_scales_only_the_forward_intensity(factor, seed):
    q, intensity, errors = exponential(seed=seed)
    one, other = search(q, intensity, errors), search(q, intensity * factor, errors * factor)

    assert other.radius == pytest.approx(one.radius, rel=1e-6)
    assert other.forward == pytest.approx(factor * one.forward, rel=1e-6)
    assert (other.first, other.last) == (one.first, one.last)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.05, 20.0), seed=st.integers(0, 5))
def test_scaling_q_scales_the_radius_inversely(factor, seed):
    q, intensity, errors = exponential(seed=seed)
    one, other = search(q, intensity, errors), search(q * factor, intensity, errors)

    assert other.radius * factor == pytest.approx(one.radius, rel=1e-6)


def test_a_wrong_scale_of_the_errors_leaves_the_radius_nearly_alone():
    q, intensity, errors = exponential()
    one, other = search(q, intensity, errors), search(q, intensity, errors / 3)

    assert other.radius == pytest.approx(one.radius, rel=0.02)
    assert other.radius_error > 0.5 * one.radius_error


def test_points_spoiled_by_the_beamstop_are_left_out(sphere):
    q, intensity, errors = sphere(noise=0.003)
    intensity = intensity + 2 * np.exp(-((q / 0.0015) ** 2) / 30)
    found = search(q, intensity, errors)

    assert found.first > 3
    assert found.radius == pytest.approx(np.sqrt(0.6) * 40, rel=0.04)


@pytest.mark.parametrize("curve", [lambda q: q, np.ones_like, lambda q: -np.exp(-q)])
def test_a_curve_that_does_not_fall_has_no_range(curve):
    q = np.linspace(0.01, 0.2, 100)
    found = search(q, curve(q), np.full(100, 1e-3))

    assert found is None or found.quality < 0.1
