"""Calculated scattering against gemmi's form factors, direct double sums, closed forms and slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from tasks.structure.kernels import assembly, debye, hydration, scattering, size, solution

Q = np.linspace(0.01, 0.5, 40)


def cloud(count=60, radius=12.0, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3)) * radius / 2


@pytest.mark.parametrize("element", ["H", "C", "N", "O", "S", "Fe", "Zn"])
def test_form_factors_are_those_of_the_international_tables(element):
    gemmi = pytest.importorskip("gemmi")
    table = gemmi.Element(element).it92
    expected = [table.calculate_sf(float((q / (4 * np.pi)) ** 2)) for q in Q]

    assert scattering.form_factor(element.upper(), Q) == pytest.approx(expected, rel=1e-5)


def test_volumes_of_groups_are_the_published_ones():
    # Fraser, MacRae and Suzuki: CH3 31.89, NH2 12.79, OH 14.28 cubic angstrom.
    groups = [scattering.volume("C", 3), scattering.volume("N", 2), scattering.volume("O", 1)]

    assert groups == pytest.approx([31.89, 12.79, 14.28])


def test_displaced_water_counts_its_electrons_at_zero():
    assert scattering.displaced(30.0, np.array([0.0])) == pytest.approx([0.334 * 30])


def test_partial_sums_are_the_double_sum_of_debye():
    positions, kinds = cloud(), np.arange(60) % 3
    amplitudes = np.array([[1.0, 2.0, 0.5]]).repeat(len(Q), axis=0)
    distance = cdist(positions, positions)
    strength = np.outer(amplitudes[0][kinds], amplitudes[0][kinds])
    expected = [(strength * np.sinc(q * distance / np.pi)).sum() for q in Q]

    found = debye.partials(positions, kinds, 3, Q).intensity(amplitudes)

    assert found == pytest.approx(expected, rel=3e-3)


def test_many_points_in_a_sphere_scatter_like_a_sphere():
    rng = np.random.default_rng(1)
    points = rng.uniform(-20, 20, (12000, 3))
    points = points[np.linalg.norm(points, axis=1) < 20]
    n = len(points)
    x = Q * 20
    expected = (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2

    pairs = debye.partials(points, np.zeros(n, int), 1, Q).intensity(np.ones((len(Q), 1)))

    # Random points add their own count as a constant.
    assert (pairs - n) / n**2 == pytest.approx(expected, abs=1e-3)


def test_the_radius_is_that_of_weighted_points():
    points, weights = cloud(), np.random.default_rng(2).uniform(0.5, 2, 60)
    pair = (np.outer(weights, weights) * cdist(points, points) ** 2).sum() / (2 * weights.sum() ** 2)

    assert size.radius_of_gyration(points, weights) == pytest.approx(np.sqrt(pair))
    with pytest.raises(ValueError, match="positive sum"):
        size.radius_of_gyration(points, -weights)


@pytest.mark.parametrize("points", [cloud(), cloud()[:3], cloud() * [1, 1, 0]])
def test_the_largest_distance_is_exact(points):
    assert size.largest_distance(points) == pytest.approx(pdist(points).max())


def test_the_shell_of_one_atom_has_the_volume_of_a_spherical_shell():
    points = hydration.shell_points(np.zeros((1, 3)), 3.0, 0.5)
    expected = 4 / 3 * np.pi * ((1.7 + 3.0) ** 3 - 1.7**3)

    assert len(points) * 0.5**3 == pytest.approx(expected, rel=0.02)


def test_a_gap_that_no_water_enters_stays_empty():
    axis = np.arange(-6, 7, 3.0)
    lattice = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)

    points = hydration.shell_points(lattice, 3.0, 1.0)

    assert (np.abs(points).max(axis=1) > 5.0).all()


@pytest.fixture(scope="module")
def ball():
    """Oxygen atoms in a ball, a particle that is known through and through."""
    axis = np.arange(-12, 13, 2.0)
    grid = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    atoms = grid[np.linalg.norm(grid, axis=1) < 11]
    shell = hydration.shell_points(atoms)
    return solution.particle(atoms, ["O"] * len(atoms), [0] * len(atoms), shell, hydration.SPACING, Q)


def test_hydration_makes_a_particle_larger(ball):
    radii = [ball.radius(contrast) for contrast in (0.0, 0.02, 0.04)]

    assert radii == sorted(radii)


def test_intensity_at_zero_is_the_square_of_the_excess_electrons(ball):
    amplitudes = ball.amplitudes(0.03)[0]
    counts = np.sqrt(np.diag(ball.partials.matrix[0]))

    assert ball.intensity(0.03)[0] == pytest.approx((amplitudes @ counts) ** 2, rel=1e-9)


def test_the_fit_finds_what_was_put_in(ball):
    rng = np.random.default_rng(4)
    true = 2e-6 * ball.intensity(0.035, 1.01)[2:] + 0.002
    errors = 0.002 * true + 1e-4

    found = solution.fit(ball, Q, true + errors * rng.normal(size=len(Q)), errors)

    assert found.chi2 < 1.6
    assert abs(found.radius - ball.radius(0.035, 1.01)) < 4 * found.radius_error + 0.02
    assert found.scale == pytest.approx(2e-6, rel=0.1)
    assert found.background == pytest.approx(0.002, abs=0.002)


def test_a_curve_beyond_the_model_is_refused(ball):
    with pytest.raises(ValueError, match="beyond"):
        solution.fit(ball, Q * 2, np.ones(40), np.ones(40))


def test_copies_upon_each_other_are_an_ensemble_and_copies_apart_are_not():
    near, apart = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([[0.0, 0, 0], [30, 0, 0]])

    assert assembly.superposed(near, 12.0)
    assert not assembly.superposed(apart, 12.0)
    assert assembly.same_places(apart, apart[::-1] + 0.2)
    assert not assembly.same_places(apart, apart + 3)
