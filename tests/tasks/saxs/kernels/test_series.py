"""Lines to zero concentration."""

import numpy as np
import pytest

from tasks.saxs.kernels.series import extrapolated, line, second_virial


def test_the_line_is_that_of_numpy():
    x, y, errors = np.array([1.0, 2, 4, 8]), np.array([2.1, 2.9, 5.2, 8.8]), np.array([0.1, 0.2, 0.1, 0.3])
    slope, intercept = np.polyfit(x, y, 1, w=1 / errors)
    found = line(x, y, errors)

    assert (found.slope, found.intercept) == (pytest.approx(slope), pytest.approx(intercept))


def test_the_error_at_zero_is_the_scatter_of_repeated_series():
    rng = np.random.default_rng(0)
    x, errors = np.array([1.0, 2, 4, 8]), np.full(4, 0.1)
    found = [line(x, 3 - 0.1 * x + errors * rng.normal(size=4), errors) for _ in range(300)]

    assert np.std([each.intercept for each in found]) == pytest.approx(
        np.median([each.intercept_error for each in found]), rel=0.2
    )


def test_each_point_of_the_curve_is_its_own_line():
    c = np.array([1.0, 2.0, 5.0])
    curves = c[:, None] * (np.array([3.0, 2.0, 1.0]) - c[:, None] * np.array([0.2, 0.1, 0.0]))
    found, errors = extrapolated(c, curves, np.full((3, 3), 0.1))

    assert found == pytest.approx([3.0, 2.0, 1.0])
    assert errors == pytest.approx(line(c, curves[:, 0] / c, 0.1 / c).intercept_error, rel=1e-6)


def test_second_virial_coefficient_of_a_made_series():
    c, mass, virial = np.array([1.0, 2, 4, 8]), 14300.0, 3e-4
    inverse = (1 + 2 * virial * mass * c / 1000) / 7.0

    assert second_virial(line(c, inverse, 0.01 * inverse), mass)[0] == pytest.approx(virial)


def test_one_concentration_is_refused():
    with pytest.raises(ValueError, match="two different"):
        line(np.array([2.0, 2.0]), np.ones(2), np.ones(2))
