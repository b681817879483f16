"""Protomers by mass, and the radius a shell adds, against chance and points in space."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tasks.fusion.kernels.protomers import count
from tasks.fusion.kernels.shell import PROTEIN_CONTRAST, hydrated_radius


def test_a_clear_mass_gives_a_sure_number():
    found = count(172.8, 4.0, 43.2, 0.01)

    assert found.number == 4
    assert found.probability > 0.999999
    assert found.deviation == pytest.approx(0.0, abs=1e-9)


def test_probabilities_are_those_of_normal_errors():
    found = count(50.0, 10.0, 20.0, 0.0, highest=4)
    likely = norm.pdf(50.0, [20, 40, 60, 80], 10.0)

    assert found.probabilities == pytest.approx(likely / likely.sum())


def test_a_mass_between_two_numbers_is_far_from_both():
    found = count(65.0, 1.0, 43.2, 0.01)

    assert found.deviation > 20


def test_no_uncertainty_at_all_is_refused():
    with pytest.raises(ValueError, match="uncertainty"):
        count(40.0, 0.0, 20.0, 0.0)


def test_the_shell_adds_what_points_in_a_shell_add():
    rng = np.random.default_rng(5)
    radius, thickness, contrast = 20.0, 3.0, 0.03
    points = rng.uniform(-23, 23, (400_000, 3))
    distance = np.linalg.norm(points, axis=1)
    weights = np.where(
        distance < radius, PROTEIN_CONTRAST, np.where(distance < radius + thickness, contrast, 0)
    )
    expected = np.sqrt((weights * distance**2).sum() / weights.sum())

    assert hydrated_radius(radius * np.sqrt(0.6), contrast, thickness) == pytest.approx(expected, rel=2e-3)


def test_without_contrast_the_shell_adds_nothing():
    assert hydrated_radius(15.0, 0.0, 3.0) == pytest.approx(15.0)
