"""Statistics of stacks, against numpy image by image and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.registry import open_run
from adapters.testing.em import write_mrc
from tasks.spa.errors import ImageError
from tasks.spa.kernels import stack
from tasks.spa.parameters import StackParameters
from tasks.spa.particles import statistics


def noise(count=40, size=48, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size, size)).astype("f4")


def reduced(tmp_path, images, **chosen):
    path = write_mrc(
        tmp_path / "particles.mrcs", images, space_group=0, grid=(48, 48, 1), cell=(72.0, 72.0, 1.5)
    )
    return statistics(open_run(path), StackParameters(**chosen))


def test_moments_are_those_of_numpy_and_power_obeys_parseval():
    images = noise(5)
    found = stack.moments(images, stack.plan((48, 48), 18.0))

    assert found[:, 0] == pytest.approx(images.mean(axis=(1, 2), dtype=float))
    assert found[:, 1] == pytest.approx(images.astype(float).var(axis=(1, 2)))
    # White noise has the power of its variance times its pixels at every frequency.
    assert found[:, 6:].mean() == pytest.approx(48 * 48, rel=0.05)


def test_an_image_that_stands_out_is_named_and_left_out_of_the_mean(tmp_path):
    images = noise()
    images[7] *= 4.0
    images[11] += 3.0
    images[20, 3, 3] = np.nan
    found = reduced(tmp_path, images)
    plain = reduced(tmp_path, np.delete(images, [7, 11, 20], axis=0))

    assert found.facts["outliers"] == [7, 11, 20]
    assert found.tables["power"].intensity.values == pytest.approx(plain.tables["power"].intensity.values)
    assert {"images_stand_out", "images_not_finite"} <= {flag.code for flag in found.flags}
    assert "stack_not_normalised" not in {flag.code for flag in found.flags}


def test_a_stack_that_is_not_normalised_says_so(tmp_path):
    found = reduced(tmp_path, noise() * 3 + 10)

    assert "stack_not_normalised" in {flag.code for flag in found.flags}
    assert found.facts["background_deviation"] == pytest.approx(3, rel=0.02)


def test_a_particle_larger_than_its_box_is_refused(tmp_path):
    with pytest.raises(ImageError, match="fills its box"):
        reduced(tmp_path, noise(), diameter_angstrom=80.0)


@pytest.mark.measured
def test_measured_particles_are_normalised_as_the_record_says(measured):
    run = open_run(measured / "em/empiar_10076/empiar_10076_7.mrc")
    found = statistics(run, StackParameters(diameter_angstrom=340.0))

    values = run.data.image.values
    assert found.facts["pixel_angstrom"] == pytest.approx(1.31, abs=0.001)
    assert found.tables["images"].image_mean.values.mean() == pytest.approx(-0.003, abs=0.0006)
    assert np.sqrt(found.tables["images"].image_variance.values.mean()) == pytest.approx(
        values.std(), rel=1e-3
    )
    assert found.facts["outliers"] == []
