"""From decays to spectra: closed forms, and what another program makes of the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.common.kernels import decay

POINTS = 512


def signal(frequency, rate=0.01, phase=0.0):
    time = np.arange(POINTS)
    return np.exp(2j * np.pi * frequency * time - rate * time + 1j * phase)


@settings(max_examples=30, deadline=None)
@given(st.integers(-255, 255))
def test_a_line_lies_at_its_frequency(place):
    frequency = place / POINTS
    found = decay.spectrum(signal(frequency), POINTS).real

    assert decay.offsets(POINTS)[found.argmax()] == pytest.approx(frequency)


def test_the_spectrum_of_a_decay_is_the_closed_form():
    found = decay.spectrum(signal(0.1), 4096)
    z = np.exp(2j * np.pi * (0.1 - decay.offsets(4096)) - 0.01)

    np.testing.assert_allclose(found, (1 - z**POINTS) / (1 - z), rtol=1e-9, atol=1e-9)


def test_a_digital_filter_is_taken_back_also_by_fractions():
    late = 67.5
    padded = np.pad(signal(0.1, 0.03), (0, 512))
    plain = decay.spectrum(padded, 1024)
    shifted = np.fft.ifft(np.fft.fft(padded) * np.exp(-2j * np.pi * late * np.fft.fftfreq(1024)))
    found = decay.spectrum(shifted, 1024, late)

    np.testing.assert_allclose(found, plain, atol=1e-6 * np.abs(plain).max())


def test_phases_that_are_given_are_taken_back():
    plain = decay.spectrum(signal(0.1), 1024)

    np.testing.assert_allclose(decay.phased(decay.phased(plain, 40.0, -70.0), -40.0, 70.0), plain)


@pytest.mark.parametrize(("zero", "first"), [(50.0, 0.0), (-120.0, 30.0), (170.0, -40.0)])
def test_phases_are_found_by_themselves(zero, first):
    lines = signal(0.3) + 0.6 * signal(-0.2, 0.008) + 0.8 * signal(0.05, 0.012)
    clean = decay.spectrum(lines, 2048, first=0.5)
    found = decay.phased(turned := decay.phased(clean, zero, first), *decay.automatic_phase(turned)).real

    assert np.corrcoef(found, clean.real)[0, 1] > 0.998


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_quarter_turn_is_noticed(turn):
    clean = decay.spectrum(signal(0.3) + signal(-0.1), 2048, first=0.5)

    assert decay.quarter_turns(decay.phased(clean, -turn, 0.0), 0.02) == turn


@pytest.mark.parametrize("kind", ["states", "states_tppi", "echo_antiecho"])
def test_every_indirect_mode_puts_a_peak_at_its_frequency(kind):
    direct, indirect = 0.125, 0.25
    time = np.arange(64)
    rows = np.empty((128, POINTS), complex)
    if kind == "echo_antiecho":
        # The echo comes first, turned as receivers do it, so that the phase of the direct dimension is 0.
        rows[0::2] = -1j * np.outer(np.exp(-2j * np.pi * indirect * time), signal(direct))
        rows[1::2] = -1j * np.outer(np.exp(2j * np.pi * indirect * time), signal(direct))
    else:
        sign = (-1.0) ** time if kind == "states_tppi" else np.ones(64)
        rows[0::2] = np.outer(sign * np.cos(2 * np.pi * indirect * time), signal(direct))
        rows[1::2] = np.outer(sign * np.sin(2 * np.pi * indirect * time), signal(direct))

    one, two = decay.even_pairs(decay.spectrum(rows, POINTS), kind)
    plane = decay.spectrum((one.real + 1j * two.real).T, 64).real.T
    at = np.unravel_index(plane.argmax(), plane.shape)

    assert (decay.offsets(64)[at[0]], decay.offsets(POINTS)[at[1]]) == (indirect, direct)


def test_nmrglue_makes_the_same_spectrum():
    process = pytest.importorskip("nmrglue.process.proc_base")
    found = decay.spectrum(signal(0.1), 1024)
    other = process.rev(process.fft(process.zf_size(signal(0.1), 1024)))

    np.testing.assert_allclose(np.roll(other, 1), found, atol=1e-9)
