"""Cubic lattices: reflections as tabulated, edges and offsets as put in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.powder.kernels.lattice import (
    fit_in_angle,
    fit_in_q,
    offset_shape,
    reflections,
    scattering_angle,
    spacing,
)

# The sums h² + k² + l² that each centring allows, as in any table.
SUMS = {
    "P": [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16],
    "I": [2, 4, 6, 8, 10, 12, 14, 16],
    "F": [3, 4, 8, 11, 12, 16],
    "diamond": [3, 8, 11, 16],
}


@pytest.mark.parametrize("centring", SUMS)
def test_a_centring_has_its_reflections(centring) -> None:
    hkl, d = reflections(4.0, centring, 4.0 / np.sqrt(16.5))

    assert (hkl**2).sum(axis=1).tolist() == SUMS[centring]
    np.testing.assert_allclose(d, 4.0 / np.sqrt(SUMS[centring]))


def test_silicon_is_where_pyfai_says() -> None:
    from pyFAI.calibrant import get_calibrant

    _, d = reflections(5.431179, "diamond", 0.9)
    table = np.array(get_calibrant("Si").dspacing)

    np.testing.assert_allclose(d, table[table >= 0.9][: len(d)], rtol=1e-4)


@given(st.floats(0.3, 2.0), st.floats(1.2, 8.0))
def test_angle_and_spacing_are_inverse(wavelength: float, d: float) -> None:
    angle = scattering_angle(np.array([d]), wavelength)

    assert spacing(angle, wavelength)[0] == pytest.approx(d)


@given(
    edge=st.floats(3.9, 6.0),
    shift=st.floats(-0.01, 0.01),
    offset=st.sampled_from(["zero", "displacement"]),
)
@settings(max_examples=40)
def test_edge_and_offset_come_back(edge: float, shift: float, offset) -> None:
    _, d = reflections(edge, "F", 0.7)
    angle = scattering_angle(d, 0.7)
    squares = (edge / d) ** 2
    measured = angle + shift * offset_shape(angle, offset)
    found = fit_in_angle(measured, np.full(len(d), 1e-5), squares, 0.7, edge * 1.002, offset)

    assert found.edge == pytest.approx(edge, rel=1e-5)
    assert found.offset == pytest.approx(shift, abs=2e-5)


def test_both_fits_agree_on_one_pattern() -> None:
    random = np.random.default_rng(5)
    _, d = reflections(5.4, "F", 0.8)
    q = 2 * np.pi / d + random.normal(0, 1e-3, len(d))
    squares = (5.4 / d) ** 2
    angle = scattering_angle(2 * np.pi / q, 0.5)
    sigma = 1e-3 * 0.5 / (2 * np.pi) / np.cos(angle / 2)
    in_q = fit_in_q(q, np.full(len(q), 1e-3), squares)
    in_angle = fit_in_angle(angle, sigma, squares, 0.5, 5.41, "none")

    assert in_angle.edge == pytest.approx(in_q.edge, rel=1e-6)
    assert in_angle.edge_error == pytest.approx(in_q.edge_error, rel=1e-2)


def test_edges_scatter_as_their_errors_say() -> None:
    random = np.random.default_rng(8)
    _, d = reflections(5.4, "F", 0.8)
    squares = (5.4 / d) ** 2
    pulls = []
    for _ in range(200):
        q = 2 * np.pi / d + random.normal(0, 1e-3, len(d))
        found = fit_in_q(q, np.full(len(q), 1e-3), squares)
        pulls.append((found.edge - 5.4) / found.edge_error)

    assert 0.8 < np.std(pulls) < 1.1
