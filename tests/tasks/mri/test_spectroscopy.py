"""Peaks of a voxel bear the names of metabolites; what may be noise is said to be doubtful."""

from __future__ import annotations

import re

import numpy as np

from adapters.registry import open_run
from adapters.testing.mri import write_rda
from tasks.mri.parameters import SpectroscopyParameters
from tasks.mri.spectroscopy import voxel_spectrum

MHZ, DWELL_S, CARRIER = 123.234655, 833e-6, 4.7
LINES = {"NAA": (2.008, 10.0), "creatine": (3.027, 8.0), "choline": (3.208, 6.0)}
WATER = (4.66, 400.0)


def voxel(folder, seed):
    """A voxel of three metabolites beside water, as a Siemens scanner writes it."""
    random, time = np.random.default_rng(seed), np.arange(1024) * DWELL_S
    decay = sum(
        height * np.exp(2j * np.pi * (shift - CARRIER) * MHZ * time - 12 * time)
        for shift, height in (*LINES.values(), WATER)
    )
    grain = random.normal(0, 0.3, 1024) + 1j * random.normal(0, 0.3, 1024)
    return open_run(write_rda(folder / f"{seed}.rda", decay + grain, dwell_us=DWELL_S * 1e6))


def test_a_name_that_noise_bears_is_doubtful_and_those_of_the_sample_are_not(tmp_path):
    wrong = set()
    for seed in (5, 15, 19, 21, 41, 69):
        found = voxel_spectrum(voxel(tmp_path, seed), SpectroscopyParameters(carrier_ppm=CARRIER))
        named = {each.method.removeprefix("1H of ") for each in found.findings}
        doubted = {
            name
            for flag in found.flags
            if flag.code == "peak_doubtful"
            for name in re.findall(r"(?:^|, )([\w -]+) at ", flag.message)
        }

        assert set(LINES) <= named
        assert doubted == named - set(LINES)
        wrong |= doubted

    assert wrong
