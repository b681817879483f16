"""Charges and masses of spectra made from known ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ms.kernels.charges import PROTON, ladders, weighted_mean
from tasks.ms.kernels.peaks import Peaks, even_profile, pick


def peaks_of(*species, jitter=0.0, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (mass / z + PROTON + jitter * rng.normal(), height * np.exp(-0.5 * ((z - middle) / 2) ** 2))
        for mass, middle, height in species
        for z in range(middle - 3, middle + 4)
    ]
    mz, height = np.array(sorted(rows)).T
    return Peaks(mz, height, np.ones(len(mz)))


def test_a_mass_is_found_with_its_charges():
    found = ladders(peaks_of((66430.0, 15, 1.0)))

    assert len(found) == 1
    assert found[0].mass == pytest.approx(66430.0, abs=1e-6)
    assert found[0].charges.tolist() == list(range(12, 19))


def test_two_species_are_told_apart():
    found = ladders(peaks_of((66430.0, 15, 1.0), (147500.0, 26, 0.6)))

    assert sorted(ladder.mass for ladder in found) == pytest.approx([66430.0, 147500.0], abs=0.5)


@settings(max_examples=25, deadline=None)
@given(st.floats(8e3, 9e5), st.integers(0, 1000))
def test_any_mass_is_found_within_its_error(mass, seed):
    middle = max(5, round(0.077 * mass**0.5))
    found = ladders(peaks_of((mass, middle, 1.0), jitter=0.02, seed=seed))

    # Seven rungs: five of Student's standard errors are rarer than one in a hundred.
    assert abs(found[0].mass - mass) < 6 * found[0].error + 1e-3 * middle
    assert found[0].charges.tolist() == list(range(middle - 3, middle + 4))


def test_noise_without_a_ladder_gives_no_mass():
    rng = np.random.default_rng(8)
    noise = Peaks(np.sort(rng.uniform(1000, 1100, 3)), np.ones(3), np.ones(3))

    assert ladders(noise, highest_charge=3) == []


def test_the_error_for_equal_weights_is_the_textbook_one():
    values = np.array([10.0, 11.0, 13.0, 14.0])

    mean, error = weighted_mean(values, np.ones(4))

    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / 2)


def test_centroids_of_a_profile_are_those_of_its_peaks():
    mz = np.linspace(1000, 1100, 4001)
    profile = np.exp(-0.5 * ((mz - 1030.3) / 1.5) ** 2) + 0.4 * np.exp(-0.5 * ((mz - 1071.7) / 1.5) ** 2)

    found = pick(*even_profile(mz, profile, 0.1), 0.02)

    assert found.mz == pytest.approx([1030.3, 1071.7], abs=0.02)
    assert found.width == pytest.approx(2.3548 * np.hypot(1.5, 0.1), rel=0.02)
