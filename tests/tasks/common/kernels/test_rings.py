"""Azimuthal integration against a slow loop, against pyFAI, and by its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.model import Geometry, Orientation
from tasks.common.geometry import pixel_maps
from tasks.common.kernels.rings import (
    RingPlan,
    mean_intensity,
    ring_numbers,
    ring_sums,
    ring_totals,
)

SHAPE = (23, 31)
TILTED = Geometry(
    distance_m=0.2,
    poni1_m=1.1e-3,
    poni2_m=0.7e-3,
    pixel1_m=1e-4,
    pixel2_m=1.2e-4,
    wavelength_angstrom=1.1,
    rot1_rad=0.05,
    rot2_rad=-0.08,
    rot3_rad=0.3,
    orientation=Orientation.AS_STORED,
)


def plan(rings=12, *, low=0.0, high=1e9, weights=None, **more):
    q = pixel_maps(TILTED, SHAPE).q
    edges = np.linspace(q.min(), q.max(), rings + 1)
    numbers = ring_numbers(q, edges, np.zeros(SHAPE, bool))
    weights = np.ones(SHAPE) if weights is None else weights
    totals = ring_totals(weights, numbers, rings)
    return RingPlan(numbers, weights.astype(np.float32), totals, low, high, **more), edges


def slow(frames, plan, variances=None):
    sums = np.zeros((len(frames), 3, len(plan.ring_weights)))
    for n, y, x in np.ndindex(*frames.shape):
        ring, value = plan.rings[y, x], float(frames[n, y, x])
        if ring == len(plan.ring_weights) or not plan.low <= value <= plan.high:
            continue
        dark = 0.0 if plan.background is None else plan.background[y, x]
        spread = value if variances is None else variances[n, y, x]
        sums[n, 0, ring] += value - dark
        sums[n, 1, ring] += plan.weights[y, x]
        sums[n, 2, ring] += spread + (
            0.0 if plan.background_variance is None else plan.background_variance[y, x]
        )
    return sums


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4", ">u2", "f4", "f8"])
def test_sums_are_those_of_a_slow_loop(dtype):
    frames = np.random.default_rng(1).poisson(3, (4, *SHAPE)).astype(dtype)
    prepared, _ = plan(weights=np.random.default_rng(2).uniform(0.5, 1, SHAPE))

    np.testing.assert_allclose(ring_sums(frames, prepared), slow(frames, prepared), rtol=1e-6)


def test_dark_and_given_variances_enter_like_in_a_slow_loop():
    random = np.random.default_rng(3)
    frames = random.poisson(9, (3, *SHAPE)).astype("u4")
    variances = random.uniform(1, 2, frames.shape)
    prepared, _ = plan(
        background=random.uniform(0, 2, SHAPE), background_variance=random.uniform(0, 1, SHAPE)
    )

    np.testing.assert_allclose(
        ring_sums(frames, prepared, variances), slow(frames, prepared, variances), rtol=1e-6
    )


def test_pixels_that_are_no_counts_take_their_weight_with_them():
    frames = np.full((1, *SHAPE), 5, "u4")
    frames[0, 3, 4], frames[0, 10, 10] = 2**32 - 1, 2**32 - 2
    prepared, _ = plan(high=2**32 - 3)

    sums = ring_sums(frames, prepared)
    intensity, _ = mean_intensity(sums[:, 0], sums[:, 1], sums[:, 2])

    np.testing.assert_allclose(intensity, 5.0, rtol=1e-6)
    assert sums[0, 1].sum() == pytest.approx(np.prod(SHAPE) - 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_never_count(bad):
    frames = np.full((1, *SHAPE), 2.0)
    frames[0, 5, 5] = bad
    farthest = np.finfo(float).max
    prepared, _ = plan(low=-farthest, high=farthest)

    sums = ring_sums(frames, prepared)

    assert np.isfinite(sums).all()
    assert sums[0, 1].sum() == pytest.approx(np.prod(SHAPE) - 1)


def test_intensity_and_error_are_those_of_pyfai_on_a_tilted_detector():
    from pyFAI.detectors import Detector
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    # pyFAI takes a pixel without counts to have variance 1, so none is empty here.
    frame = np.random.default_rng(5).poisson(40, SHAPE) + 1
    maps = pixel_maps(TILTED, SHAPE)
    weights = maps.solid_angle * maps.polarization(0.95)
    prepared, edges = plan(9, weights=weights)
    detector = Detector(TILTED.pixel1_m, TILTED.pixel2_m, max_shape=SHAPE, orientation=3)
    peer = AzimuthalIntegrator(
        TILTED.distance_m,
        TILTED.poni1_m,
        TILTED.poni2_m,
        TILTED.rot1_rad,
        TILTED.rot2_rad,
        TILTED.rot3_rad,
        detector=detector,
        wavelength=1.1e-10,
    )
    theirs = peer.integrate1d(
        frame,
        9,
        unit="q_A^-1",
        radial_range=(edges[0], edges[-1]),
        method=("no", "csr", "cython"),
        polarization_factor=0.95,
        error_model="poisson",
    )

    sums = ring_sums(frame[None].astype("u4"), prepared)[0]
    intensity, sigma = mean_intensity(*sums)

    # The outermost pixel lies on the last edge, which pyFAI leaves out.
    np.testing.assert_allclose(intensity[:-1], theirs.intensity[:-1], rtol=1e-5)
    np.testing.assert_allclose(sigma[:-1], theirs.sigma[:-1], rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 7), max_size=3), seed=st.integers(0, 3))
def test_any_cutting_into_blocks_gives_the_same_sums(cuts, seed):
    frames = np.random.default_rng(seed).poisson(2, (8, *SHAPE)).astype("u2")
    prepared, _ = plan()
    pieces = np.split(frames, sorted(set(cuts)))

    np.testing.assert_array_equal(
        np.concatenate([ring_sums(piece, prepared) for piece in pieces if len(piece)]),
        ring_sums(frames, prepared),
    )


@settings(max_examples=20, deadline=None)
@given(level=st.integers(1, 60000))
def test_a_flat_field_stays_flat(level):
    maps = pixel_maps(TILTED, SHAPE)
    prepared, _ = plan(weights=np.ones(SHAPE))
    sums = ring_sums(np.full((1, *SHAPE), level, "u2"), prepared)[0]

    intensity, sigma = mean_intensity(*sums)

    np.testing.assert_allclose(intensity, level)
    np.testing.assert_allclose(sigma, np.sqrt(level / sums[1]))
    assert maps.q.shape == SHAPE


def test_a_ring_that_no_pixel_saw_is_missing_not_zero():
    q = np.array([[0.1, 0.3]])
    numbers = ring_numbers(q, np.array([0.0, 0.2, 0.25, 0.4]), np.zeros((1, 2), bool))
    weights = np.ones((1, 2))
    prepared = RingPlan(numbers, weights.astype("f4"), ring_totals(weights, numbers, 3), 0, 1e9)

    intensity, sigma = mean_intensity(*ring_sums(np.array([[[4, 0]]], "u4"), prepared)[0])

    assert intensity[0] == 4
    assert np.isnan([intensity[1], sigma[1]]).all()
    assert intensity[2] == 0


def test_the_outermost_pixel_belongs_to_the_last_ring():
    numbers = ring_numbers(np.array([[0.1, 0.2]]), np.array([0.1, 0.15, 0.2]), np.zeros((1, 2), bool))

    assert numbers.tolist() == [[0, 1]]


@pytest.mark.parametrize("edges", [[0.1], [0.2, 0.1], [0.1, 0.1, 0.2]])
def test_edges_that_do_not_ascend_are_refused(edges):
    with pytest.raises(ValueError, match="ascend"):
        ring_numbers(np.zeros((2, 2)), np.array(edges), np.zeros((2, 2), bool))


def test_frames_of_another_size_are_refused():
    prepared, _ = plan()

    with pytest.raises(ValueError, match="do not match"):
        ring_sums(np.zeros((1, 5, 5), "u4"), prepared)
