"""P(r) against bodies in closed form."""

import numpy as np
import pytest

from tasks.saxs.kernels.indirect import distances, solve, transform_matrix


def sphere_distances(r, radius):
    x = r / (2 * radius)
    return np.where(x < 1, r**2 * (1 - 1.5 * x + 0.5 * x**3), 0.0)


def ellipsoid(q, short, long):
    u = (np.arange(200) + 0.5) / 200
    x = q[:, None] * np.sqrt(short**2 * (1 - u**2) + long**2 * u**2)
    return ((3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2).mean(axis=1)


def test_transform_of_a_spheres_distances_is_its_form_factor(sphere):
    q, exact, _ = sphere(noisy=False)
    r = np.linspace(0, 80, 400)[1:-1]
    transformed = transform_matrix(q, r) @ sphere_distances(r, 40)

    assert transformed / transformed[0] == pytest.approx(exact / exact[0], abs=1e-4)


def test_a_sphere_gives_back_its_size_and_distances(sphere):
    found = distances(*sphere(), smallest=60, largest=170)
    exact = sphere_distances(found.r, 40)
    exact *= 1 / (4 * np.pi * np.trapezoid(exact, found.r))

    assert found.radius == pytest.approx(np.sqrt(0.6) * 40, abs=4 * found.radius_error)
    assert found.forward == pytest.approx(1.0, abs=4 * found.forward_error)
    assert found.dimension == pytest.approx(80, abs=2 * found.dimension_error)
    assert 0.8 < found.chi2 < 1.25
    assert np.abs(found.p - exact).max() < 0.05 * exact.max()


def test_a_long_ellipsoid_gives_back_its_radius_of_gyration():
    q = np.linspace(0.008, 0.35, 300)
    exact = ellipsoid(q, 20, 50)
    errors = 0.01 * np.sqrt((exact + 1e-4) * 0.1 / q)
    noisy = exact + errors * np.random.default_rng(4).normal(size=300)
    found = distances(q, noisy, errors, smallest=50, largest=140)

    assert found.radius == pytest.approx(np.sqrt((2 * 20**2 + 50**2) / 5), abs=3 * found.radius_error)
    # The tip of an ellipsoid holds too few pairs to be seen: the dimension is a lower estimate.
    assert 75 < found.dimension < 103


def test_errors_of_radius_match_the_scatter_of_repeated_measurements(sphere):
    pulls = []
    for seed in range(40):
        found = distances(*sphere(seed=seed, points=150), smallest=60, largest=150)
        pulls.append((found.radius - np.sqrt(0.6) * 40) / found.radius_error)

    assert abs(np.mean(pulls)) < 0.6
    assert 0.6 < np.std(pulls) < 1.4


def test_scaling_the_intensity_scales_everything_but_sizes(sphere):
    q, intensity, errors = sphere()
    one = distances(q, intensity, errors, smallest=60, largest=150)
    other = distances(q, intensity * 1e5, errors * 1e5, smallest=60, largest=150)

    assert (other.radius, other.dimension) == (pytest.approx(one.radius), pytest.approx(one.dimension))
    assert other.p == pytest.approx(one.p * 1e5, abs=1e-6 * one.p.max() * 1e5)


def test_scaling_q_scales_sizes_inversely(sphere):
    q, intensity, errors = sphere()
    one = distances(q, intensity, errors, smallest=60, largest=150)
    other = distances(q * 10, intensity, errors, smallest=6, largest=15)

    assert other.radius * 10 == pytest.approx(one.radius, rel=1e-6)
    assert other.dimension * 10 == pytest.approx(one.dimension, rel=1e-6)


def test_the_evidence_is_that_of_the_gaussian_model():
    rng = np.random.default_rng(0)
    q = np.linspace(0.02, 0.2, 12)
    intensity, errors = np.exp(-((q * 20) ** 2) / 3), np.full(12, 0.05)
    intensity = intensity + errors * rng.normal(size=12)
    one, other = (solve(q, intensity, errors, size, non_negative=False) for size in (40.0, 60.0))

    assert one.log_evidence - other.log_evidence == pytest.approx(
        evidence_by_hand(q, intensity, errors, 40.0) - evidence_by_hand(q, intensity, errors, 60.0), abs=1e-6
    )


def evidence_by_hand(q, intensity, errors, size):
    """The data are normal with covariance of noise plus prior: no linear algebra shared with the kernel."""
    from scipy.stats import multivariate_normal

    from tasks.saxs.kernels.indirect import DISTANCES, LOG_SMOOTHNESS

    n = DISTANCES - 2
    r = np.linspace(0, size, DISTANCES)[1:-1]
    second = (2 * np.eye(n + 2) - np.eye(n + 2, k=1) - np.eye(n + 2, k=-1))[:, 1:-1]
    prior = np.linalg.inv(second.T @ second * (n + 1) ** 3) * (intensity.max() / (4 * np.pi * size)) ** 2
    matrix = transform_matrix(q, r)
    logs = [
        multivariate_normal(
            cov=matrix @ prior @ matrix.T / np.exp(log) + np.diag(errors**2), allow_singular=False
        ).logpdf(intensity)
        for log in LOG_SMOOTHNESS
    ]
    return np.logaddexp.reduce(logs)


def test_a_known_dimension_is_not_sought(sphere):
    found = distances(*sphere(), smallest=60, largest=150, size=82.0)

    assert (found.dimension, found.dimension_error) == (82.0, 0.0)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="ten points"):
        distances(np.arange(1, 6.0), np.ones(5), np.ones(5), smallest=1, largest=2)
