"""Motion and transfer function on images whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from tasks.common.kernels.electron import electron_wavelength
from tasks.spa.kernels import ctf, motion

OPTICS = ctf.Optics(pixel=1.2, voltage_kv=300, spherical_mm=2.7, amplitude=0.07)


def micrograph(u, v, angle, seed=0, size=1024):
    """White noise seen through a lens with these defoci, and ten times as much noise after it."""
    random = np.random.default_rng(seed)
    ky, kx = fft.fftfreq(size, OPTICS.pixel)[:, None], fft.rfftfreq(size, OPTICS.pixel)[None]
    k, azimuth = np.hypot(ky, kx), np.arctan2(ky, kx)
    defocus = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (azimuth - angle))
    phase = ctf.phase_shift(k, defocus, OPTICS.wavelength, OPTICS.spherical_mm, OPTICS.amplitude)
    transfer = -np.sin(phase) * np.exp(-60 * k**2)
    seen = fft.irfft2(fft.rfft2(random.normal(size=(size, size))) * transfer, (size, size))
    return seen / seen.std() * np.sqrt(0.1) + random.normal(size=(size, size))


def test_wavelengths_are_the_tabulated_ones():
    assert electron_wavelength(300) == pytest.approx(0.019687, rel=1e-4)
    assert electron_wavelength(200) == pytest.approx(0.025079, rel=1e-4)
    assert electron_wavelength(100) == pytest.approx(0.037014, rel=1e-4)


def test_the_first_zero_lies_where_the_formula_puts_it():
    """Without aberration and amplitude contrast the zeros are at k² = n / (wavelength x defocus)."""
    k = np.sqrt(1 / (OPTICS.wavelength * 10000))

    assert np.sin(ctf.phase_shift(k, np.array(1e4), OPTICS.wavelength, 0, 0)) == pytest.approx(0, abs=1e-9)


def test_power_is_symmetric_about_its_middle():
    power = ctf.mean_power(np.random.default_rng(0).normal(size=(128, 160)), 64)

    np.testing.assert_allclose(power[1:, 1:], power[1:, 1:][::-1, ::-1])


@pytest.mark.parametrize(("u", "v", "angle"), [(15000, 14400, 0.5), (24000, 22500, 2.0)])
def test_defocus_is_found_within_two_percent(u, v, angle):
    power = ctf.mean_power(micrograph(u, v, angle), 512)
    found = ctf.fit(power, OPTICS, coarsest=30, finest=4.0, least=3000, most=50000)

    assert found.defocus_u == pytest.approx(u, rel=0.02)
    assert found.defocus_v == pytest.approx(v, rel=0.02)
    assert (found.defocus_u + found.defocus_v) / 2 == pytest.approx((u + v) / 2, rel=0.01)
    assert found.significance > 6
    assert found.rival is None


def in_ice(truth, seed, size=1024):
    """A micrograph as they are: structure that falls with frequency, fading rings, noise of the camera."""
    random = np.random.default_rng(seed)
    ky, kx = fft.fftfreq(size, OPTICS.pixel)[:, None], fft.rfftfreq(size, OPTICS.pixel)[None]
    k = np.hypot(ky, kx)
    structure = np.exp(-30 * k**2) / (0.02 + k)
    seen = fft.irfft2(
        fft.rfft2(random.normal(size=(size, size))) * structure * np.sin(OPTICS.phase(k, truth)), (size, size)
    )
    camera = fft.rfft2(random.normal(size=(size, size))) * np.exp(-3 * k**2)
    steep = fft.rfft2(random.normal(size=(size, size))) * np.exp(-(((k - 0.01) / 0.02) ** 2)) * 4
    return seen / seen.std() + fft.irfft2(camera * 3 + steep, (size, size)) + 30.0


@pytest.mark.parametrize("truth", [9000.0, 15000.0, 28000.0])
def test_a_background_does_not_pass_for_rings(truth):
    """The claimed error holds the truth, and is not so wide that it says nothing."""
    found = [
        ctf.fit(ctf.mean_power(in_ice(truth, seed), 512), OPTICS, coarsest=30, finest=4, least=3000, most=5e4)
        for seed in range(3)
    ]

    assert [each.mean for each in found] == pytest.approx([truth] * 3, rel=0.02)
    assert max(abs(each.mean - truth) / each.error for each in found) < 4
    assert max(each.error for each in found) < 0.02 * truth
    assert [each.rival for each in found] == [None] * 3


def test_too_few_circles_give_nothing():
    power = ctf.mean_power(np.random.default_rng(0).normal(size=(128, 128)), 64)

    assert ctf.fit(power, OPTICS, coarsest=30, finest=8, least=3000, most=50000) is None


def test_noise_alone_has_no_rings():
    power = ctf.mean_power(np.random.default_rng(0).normal(size=(768, 768)), 384)
    found = ctf.fit(power, OPTICS, coarsest=30, finest=4.0, least=3000, most=50000)

    assert found.significance < 6 or found.rival is not None


@pytest.fixture(scope="module")
def movie():
    """Sixteen frames of counted electrons on a drifting specimen, and how it drifted (y, x)."""
    random = np.random.default_rng(1)
    size = 320
    specimen = ndimage.gaussian_filter(random.normal(size=(size, size)), 2)
    terms = fft.rfft2(specimen / specimen.std())
    fy, fx = fft.fftfreq(size)[:, None], fft.rfftfreq(size)[None]
    drift = np.stack([[4 * (1 - np.exp(-k / 4)), -0.3 * k] for k in range(16)])
    clean = [fft.irfft2(terms * np.exp(-2j * np.pi * (fy * y + fx * x)), (size, size)) for y, x in drift]
    frames = random.poisson(np.clip(4 * (1 + 0.25 * np.stack(clean)), 0, None)).astype(float)
    return frames, drift


def test_drift_is_found_to_a_tenth_of_a_pixel(movie):
    frames, drift = movie
    found = motion.align(np.stack([motion.cropped_transform(frame, 1) for frame in frames]), (320, 320))

    # Shifts have no zero of their own: frames are upon each other if all are off alike.
    off = found.shifts - drift
    assert np.hypot(*(off - off.mean(axis=0)).T).max() < 0.1


def test_dose_weights_fade_fine_detail_first():
    first, last = (motion.dose_weight((64, 64), 1.2, dose) for dose in (1.0, 40.0))

    assert (last[0, 1:] < first[0, 1:]).all() and (np.diff(last[0, 1:]) < 0).all()
    # At 3.3 angstrom the published curve gives a critical dose of 4.63 electrons.
    assert motion.critical_dose(np.array([0.3]))[0] == pytest.approx(0.24499 * 0.3**-1.6649 + 2.8141)
    assert motion.dose_weight((64, 64), 1.2, 8.0, 0.8)[3, 5] == pytest.approx(
        motion.dose_weight((64, 64), 1.2, 10.0)[3, 5]
    )
