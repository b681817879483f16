"""Noise, baselines, peaks and integrals of spectra whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.common.kernels import decay
from tasks.common.kernels.resonances import (
    baseline,
    integral,
    line_noise,
    line_peaks,
    noise_level,
    plane_peaks,
    regions,
)

PLACE = np.arange(4096.0)


def lorentzian(at, width=6.0, height=1.0):
    return height / (1 + ((PLACE - at) / (width / 2)) ** 2)


def noise(seed=0, size=4096):
    return np.random.default_rng(seed).normal(0, 0.01, size)


def test_peaks_do_not_count_as_noise():
    crowded = sum(lorentzian(at) for at in range(100, 4000, 60))

    assert noise_level(noise()) == pytest.approx(0.01, rel=0.05)
    assert noise_level(crowded + noise()) == pytest.approx(0.01, rel=1.0)


def test_places_scatter_as_their_errors_say():
    pulls = []
    for seed in range(60):
        truth = 2000 + seed / 60
        found = line_peaks(lorentzian(truth, 8.0) + noise(seed), 0.01, 20)
        assert len(found) == 1
        pulls.append((found.place[0, 0] - truth) / found.place_error[0, 0])

    assert np.std(pulls) == pytest.approx(1.0, abs=0.4)


def test_negative_peaks_count_only_if_asked_for():
    values = lorentzian(1000) - lorentzian(3000) + noise()

    assert np.sign(line_peaks(values, 0.01, 20).height).tolist() == [1, -1]
    assert len(line_peaks(values, 0.01, 20, both_signs=False)) == 1


def test_the_width_is_that_of_the_line():
    found = line_peaks(lorentzian(2000, 10.0), 0.001, 20)

    assert found.width[0] == pytest.approx(10.0, rel=0.02)


def test_a_polynomial_below_peaks_is_found():
    slope = 0.5 + 0.2 * np.linspace(-1, 1, 4096) ** 2
    found = baseline(slope + lorentzian(1000, height=5) + lorentzian(2500, height=20) + noise(), 2)

    np.testing.assert_allclose(found, slope, atol=0.02)


def test_an_integral_is_the_area_of_the_line():
    start, stop = 1000, 3000
    found, error = integral(lorentzian(2000.3, 6.0)[start:stop], 0.5, 0.01)

    assert found == pytest.approx(0.5 * np.pi * 3.0, rel=0.003)
    assert error == pytest.approx(0.5 * 0.01 * np.sqrt(2000))


def test_stretches_of_signal_that_touch_are_one():
    values = np.zeros(100)
    values[[20, 24, 60]] = 1.0

    assert regions(values, 0.01, 5, 3) == [(17, 28), (57, 64)]


def test_peaks_of_a_plane_are_found_between_points_and_ridges_are_not():
    y, x = np.mgrid[0:128, 0:128]
    values = np.exp(-0.5 * (((y - 40.3) / 2) ** 2 + ((x - 90.7) / 3) ** 2))
    values += np.random.default_rng(2).normal(0, 0.01, values.shape)
    values[:, 20] += np.random.default_rng(3).normal(0, 0.3, 128)
    found = plane_peaks(values, 0.01, 8)

    assert len(found) == 1
    np.testing.assert_allclose(found.place[0], [40.3, 90.7], atol=0.15)


WIDTH_HZ, POINTS = 5000.0, 8192


def made(lines, *, sigma=0.0, seed=0, phase=0.0, kept=POINTS):
    """A spectrum (n,) of lines (offset in Hz, height, decay rate), cut after `kept` points, and its noise."""
    time = np.arange(POINTS) / WIDTH_HZ
    random = np.random.default_rng(seed)
    fid = sum(
        height * rate * np.exp((2j * np.pi * offset - rate) * time + 1j * np.radians(phase))
        for offset, height, rate in lines
    )
    fid = np.where(np.arange(POINTS) < kept, fid, 0) / WIDTH_HZ
    grain = sigma * (random.normal(size=POINTS) + 1j * random.normal(size=POINTS)) / np.sqrt(2 * POINTS)
    size = 2 * POINTS
    return (
        decay.spectrum((fid + grain)[None], size, 0.0, first=0.5)[0].real,
        decay.spectrum(grain[None], size, 0.0, first=0.5)[0].real.std(),
    )


def offsets(found, size=2 * POINTS):
    return decay.offsets(size)[np.rint(found.place[:, 0]).astype(int)] * WIDTH_HZ


# Lines of three orders of magnitude, the first with the satellites of carbon-13 at half a percent.
LINES = [(-900.0, 1.0, 4.0), (-959.0, 0.0055, 4.0), (-841.0, 0.0055, 4.0), (300.0, 0.05, 4.0),
         (307.0, 0.1, 4.0), (314.0, 0.05, 4.0), (1500.0, 0.01, 4.0), (-200.0, 0.6, 6.0)]  # fmt: skip


@pytest.mark.parametrize("bend", [0.0, 0.3])
def test_the_noise_of_a_line_is_not_that_of_its_baseline(bend):
    values, sigma = made(LINES, sigma=0.01)
    rolling = bend * np.sin(np.linspace(0, 9, len(values)))

    assert line_noise(values + rolling) == pytest.approx(sigma, rel=0.1)


def test_stretches_without_values_of_their_own_are_no_noise():
    values = noise()
    values[1000:3000] = 0.0

    assert line_noise(values) == pytest.approx(0.01, rel=0.1)
    assert line_noise(np.zeros(4096)) == 0.0


@pytest.mark.parametrize("phase", [0.0, 3.0, -3.0])
@pytest.mark.parametrize("kept", [POINTS, 5500])
def test_lists_hold_the_lines_and_no_wiggles(phase, kept):
    values, _ = made(LINES, sigma=2e-4, phase=phase, kept=kept)
    rolling = 0.002 * np.sin(np.linspace(0, 9, len(values)))
    spread = line_noise(values)

    found = line_peaks(values + rolling, spread, 10, skirt=0.1, window=len(values) // 40)

    np.testing.assert_allclose(sorted(offsets(found)), sorted(line[0] for line in LINES), atol=0.5)


def test_without_a_skirt_wiggles_are_listed():
    values, _ = made(LINES, sigma=2e-5, phase=3.0, kept=5500)
    spread = line_noise(values)

    assert len(line_peaks(values, spread, 10)) > len(line_peaks(values, spread, 10, skirt=0.1)) == len(LINES)


def test_a_true_negative_line_stays():
    values, _ = made([*LINES, (-500.0, -0.02, 4.0)], sigma=2e-4)
    found = line_peaks(values, line_noise(values), 10, skirt=0.1)

    assert offsets(found)[found.height < 0] == pytest.approx([-500.0], abs=0.5)


def test_a_dip_between_lines_is_none():
    values = lorentzian(1900) + lorentzian(2100) + noise() / 100 - 0.001

    assert (line_peaks(values, 1e-4, 10).height > 0).all()


def plane(*peaks, seed=0, sigma=0.01):
    rows, columns = np.arange(256.0)[:, None], np.arange(512.0)[None, :]
    found = np.random.default_rng(seed).normal(0, sigma, (256, 512))
    for row, column, height in peaks:
        found = found + height * np.exp(-(((rows - row) / 3) ** 2) - ((columns - column) / 4) ** 2)
    return found


def test_crowds_of_peaks_do_not_hide_weak_ones():
    crowd = [(row, column, 1.0) for row in range(60, 190, 14) for column in range(150, 360, 16)]
    weak = (67.0, 158.0, 0.2)

    found = plane_peaks(plane(*crowd, weak), 0.01, 10)

    assert len(found) == len(crowd) + 1


def test_ridges_of_noise_along_a_strong_line_are_no_peaks():
    values = plane((100.0, 200.0, 50.0))
    values[:, 195:206] += np.random.default_rng(1).normal(0, 0.5, (256, 1))

    assert len(plane_peaks(values, 0.01, 10)) == 1


def test_lobes_of_a_strong_peak_are_no_peaks():
    rows, columns = np.arange(256.0)[:, None], np.arange(512.0)[None, :]
    values = 5 * np.sinc((rows - 100) / 4) * np.exp(-(((columns - 200) / 4) ** 2)) + plane(
        (160.0, 200.0, 0.5)
    )

    assert len(plane_peaks(values, 0.01, 10)) > 5
    kept = plane_peaks(values, 0.01, 10, skirt=0.5)
    # A lobe below the weak one moves its top by less than a point.
    np.testing.assert_allclose(kept.place, [[100, 200], [160, 200]], atol=1.0)
