"""Volumes of spheres in closed form, and the place of the Kratky maximum."""

import numpy as np
import pytest

from tasks.saxs.kernels.invariant import (
    KRATKY_PEAK_HEIGHT,
    KRATKY_PEAK_Q,
    kratky,
    moment,
    porod_volume,
    truncated_porod_volume,
    volume_of_correlation,
)

KNOWN = {"forward": 1.0, "forward_error": 0.01, "radius": np.sqrt(0.6) * 40}


def test_moments_of_an_exponential_are_in_closed_form():
    q = np.linspace(0.001, 0.4, 4000)
    intensity = np.exp(-((q * 30) ** 2) / 3)
    first, _ = moment(q, intensity, 1e-3 * intensity, power=1, forward=1, radius=30, q_max=0.4)
    second, _ = moment(q, intensity, 1e-3 * intensity, power=2, forward=1, radius=30, q_max=0.4)

    assert first == pytest.approx(1.5 / 30**2, rel=1e-4)
    assert second == pytest.approx(np.sqrt(np.pi) / 4 * (3 / 30**2) ** 1.5, rel=1e-4)


def test_porod_volume_of_a_sphere_is_its_volume_whatever_the_constant(sphere):
    q, intensity, errors = sphere(noise=1e-4, q_max=0.2)

    for constant in (0.0, 3e-5):
        found = porod_volume(q, intensity + constant, errors, q_max=8 / KNOWN["radius"], **KNOWN)
        assert found.value == pytest.approx(4 / 3 * np.pi * 40**3, abs=2 * found.error)
        assert found.error < 0.35 * found.value


def test_a_truncated_invariant_approaches_the_volume_from_above(sphere):
    q, intensity, errors = sphere(noisy=False, q_max=2.0, points=8000)
    volume = 4 / 3 * np.pi * 40**3
    near, far = (truncated_porod_volume(q, intensity, errors, q_max=end, **KNOWN).value for end in (0.2, 2.0))

    assert near > far > volume
    assert far == pytest.approx(volume, rel=0.03)


def test_volume_of_correlation_of_a_sphere(sphere):
    q, intensity, errors = sphere(noisy=False, q_max=3.0, points=12000)
    found = volume_of_correlation(q, intensity, errors, q_max=3.0, **KNOWN)

    # The integral of x phi(x)^2 over all x is 9/4 for the sphere's amplitude phi.
    assert found.value == pytest.approx(40**2 / 2.25, rel=0.01)


def test_too_much_background_is_refused(sphere):
    q, intensity, errors = sphere()

    with pytest.raises(ValueError, match="not positive"):
        volume_of_correlation(q, intensity - 0.5, errors, q_max=0.2, **KNOWN)


def test_a_guinier_particle_peaks_at_root_three():
    q = np.linspace(0.005, 0.15, 400)
    intensity = np.exp(-((q * 30) ** 2) / 3)
    found = kratky(q, intensity, np.full(400, 1e-3), forward=1.0, radius=30.0, radius_error=0.0)

    assert found.peak_x == pytest.approx(KRATKY_PEAK_Q, abs=0.03)
    assert found.peak_y == pytest.approx(KRATKY_PEAK_HEIGHT, abs=0.01)


def test_a_chain_has_no_kratky_peak():
    q = np.linspace(0.005, 0.3, 400)
    x = (q * 30) ** 2
    chain = 2 * (np.exp(-x) + x - 1) / x**2
    found = kratky(q, chain, np.full(400, 1e-3), forward=1.0, radius=30.0, radius_error=0.3)

    assert np.isnan(found.peak_x)
