"""Gain references in every orientation and use."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.spa.kernels.gain import corrected, gain_of, oriented

REFERENCE = np.random.default_rng(0).uniform(0.8, 1.25, (12, 12))


def test_turns_are_counter_clockwise_and_flips_come_after():
    image = np.array([[1, 2], [3, 4]])

    assert oriented(image, 1, "none").tolist() == [[2, 4], [1, 3]]
    assert oriented(image, 1, "left_right").tolist() == [[4, 2], [3, 1]]
    assert oriented(image, 0, "up_down").tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("use", ["multiply", "divide"])
def test_an_even_scene_comes_out_even(use):
    scene = 40.0
    frame = scene / REFERENCE if use == "multiply" else scene * REFERENCE
    found = corrected(frame, gain_of(REFERENCE, use))

    assert found.std() / found.mean() < 1e-5


def test_dead_pixels_get_what_is_around_them():
    reference = REFERENCE.copy()
    reference[4, 5], reference[7, 2] = 0.0, np.nan
    frame = np.where(
        np.isfinite(reference) & (reference > 0), 40.0 / np.where(reference > 0, reference, 1), 9e9
    )
    found = corrected(frame, gain_of(reference, "multiply"))

    assert found == pytest.approx(np.full((12, 12), 40.0), rel=1e-4)
