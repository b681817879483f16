"""Bragg peaks: the same as a slow search by labels, all of those that were put in, and no others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from tasks.sfx.kernels.peaks import find_peaks, hit_fraction, plan_peaks, ring_statistics

MODULES, HEIGHT, WIDTH = 2, 48, 64
LIMITS = {"threshold": 5.0, "snr": 5.0, "least": 2, "most": 40, "radius": 6.0, "most_peaks": 100}


def radii():
    module, y, x = np.meshgrid(np.arange(MODULES), np.arange(HEIGHT), np.arange(WIDTH), indexing="ij")
    return np.hypot(x - 10.0, y + 60.0 * module + 5.0)


def planned(bad=None, samples=None, **changed):
    bad = np.zeros((MODULES, HEIGHT, WIDTH), bool) if bad is None else bad
    return plan_peaks(radii(), bad, ring_width=2.0, samples=samples, seed=1, **{**LIMITS, **changed})


def background(seed, frames=1):
    falling = 20 + 40 * np.exp(-radii() / 40)
    return np.random.default_rng(seed).normal(falling, 2.0, (frames, MODULES, HEIGHT, WIDTH)).astype("f4")


def put(frame, module, y, x, height=120.0):
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    frame[module] += height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 0.9**2))


PLACES = [(0, 10.3, 12.2), (0, 30.0, 50.5), (1, 5.6, 40.0), (1, 40.1, 8.8), (1, 24.0, 30.0)]


def with_peaks(seed=3):
    frame = background(seed)[0]
    for place in PLACES:
        put(frame, *place)
    return frame


def slow_search(frame, plan):
    """The same definition by masks, labels and loops over rings; nothing is shared with the kernel."""
    rings = plan.rings.reshape(frame.shape)
    mean, upper = np.zeros(frame.shape), np.full(frame.shape, np.inf)
    for ring in range(plan.count):
        here = (rings == ring) & np.isfinite(frame)
        low, high = -np.inf, np.inf
        for _ in range(5):
            values = frame[here].astype(float)
            values = values[(values > low) & (values < high)]
            if not len(values):
                break
            low = values.mean() - plan.snr * values.std()
            high = max(values.mean() + plan.snr * values.std(), plan.threshold)
            mean[here], upper[here] = values.mean(), high
    above = frame > upper
    found = []
    for module in range(len(frame)):
        labels, count = ndimage.label(above[module], np.ones((3, 3)))
        for label in range(1, count + 1):
            rows, columns = np.nonzero(labels == label)
            if not plan.least <= len(rows) <= plan.most:
                continue
            values = frame[module][rows, columns].astype(float)
            weights = values - mean[module][rows, columns]
            y, x = np.average(rows, weights=weights), np.average(columns, weights=weights)
            away = np.hypot(np.arange(HEIGHT)[:, None] - y, np.arange(WIDTH) - x)
            around = (away <= plan.radius) & ~above[module] & (rings[module] < plan.count)
            around &= np.isfinite(frame[module])
            rest = frame[module][around].astype(float)
            net = values.sum() - len(values) * rest.mean()
            if net / rest.std() >= plan.snr:
                found.append((x, y + module * HEIGHT, net, values.max(), net / rest.std(), len(values)))
    return np.array(sorted(found)).reshape(-1, 6)


@pytest.mark.parametrize("seed", range(4))
def test_peaks_are_those_of_a_slow_search(seed):
    frame, plan = with_peaks(seed), planned()

    counts, peaks = find_peaks(frame[None], plan)

    expected = slow_search(frame, plan)
    assert counts[0] == len(expected) >= len(PLACES)
    np.testing.assert_allclose(np.array(sorted(map(tuple, peaks[:, 1:]))), expected, rtol=1e-4)


def test_missing_and_bad_pixels_change_neither_side():
    frame = with_peaks()
    bad = np.zeros(frame.shape, bool)
    bad[0, 28:33, 48:53] = True
    frame[1, 20:30, 25:35] = np.nan
    plan = planned(bad)

    _, peaks = find_peaks(frame[None], plan)

    expected = slow_search(np.where(bad, np.nan, frame), plan)
    np.testing.assert_allclose(np.array(sorted(map(tuple, peaks[:, 1:]))), expected, rtol=1e-4)
    assert len(peaks) == len(PLACES) - 2


def test_a_sample_of_each_ring_finds_what_was_put_in_and_nothing_else():
    frames = np.stack([with_peaks(seed) for seed in range(20)])
    empty = background(99, 20)
    plan = planned(samples=64)

    counts, peaks = find_peaks(frames, plan)
    false, _ = find_peaks(empty, plan)

    true = np.array([(x, y + module * HEIGHT) for module, y, x in PLACES])
    away = np.hypot(*(peaks[:, None, 1:3] - true).transpose(2, 0, 1)).min(axis=1)
    assert (away < 1.0).sum() >= 0.99 * 20 * len(PLACES)
    assert (away >= 1.0).sum() + false.sum() <= 2
    assert counts.sum() == len(peaks)


def test_a_peak_does_not_cross_to_the_next_module():
    frame = background(5)[0]
    put(frame, 0, HEIGHT - 1.0, 20.0)
    put(frame, 1, 0.0, 20.0)

    assert find_peaks(frame[None], planned())[0][0] == 2


def test_an_empty_frame_and_a_missing_one_have_no_peaks():
    frames = np.stack([np.zeros((MODULES, HEIGHT, WIDTH)), np.full((MODULES, HEIGHT, WIDTH), np.nan)])

    assert find_peaks(frames, planned())[0].tolist() == [0, 0]


def test_peaks_beyond_those_kept_are_counted():
    counts, peaks = find_peaks(with_peaks()[None], planned(most_peaks=2))

    assert counts[0] >= len(PLACES)
    assert len(peaks) == 2


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, 6))
def test_any_cut_into_blocks_gives_the_same_peaks(cut):
    frames = np.stack([with_peaks(seed) for seed in range(6)])
    plan = planned()
    counts, peaks = find_peaks(frames, plan)

    first, second = find_peaks(frames[:cut], plan), find_peaks(frames[cut:], plan)

    second[1][:, 0] += cut
    np.testing.assert_array_equal(np.concatenate([first[0], second[0]]), counts)
    np.testing.assert_array_equal(np.concatenate([first[1], second[1]]), peaks)


def test_wide_rings_lose_their_peaks():
    plan = planned()
    # Where a peak is a large share of its ring, no clipping can tell it from the rest.
    wide = np.bincount(plan.rings, minlength=plan.count)[: plan.count] > 150

    before, spread, _ = ring_statistics(background(3)[0], plan)
    after, _, _ = ring_statistics(with_peaks(3), plan)

    assert wide.sum() > 3
    assert np.all(np.abs(after - before)[wide] < 0.1 * spread[wide])


def test_frames_of_another_detector_are_refused():
    with pytest.raises(ValueError, match="do not match"):
        find_peaks(np.zeros((1, 3, HEIGHT, WIDTH)), planned())


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_uncertainty_of_a_fraction_is_that_of_a_beta_distribution(hits, misses):
    if hits + misses == 0:
        return
    share, error = hit_fraction(hits, hits + misses)

    assert share == hits / (hits + misses)
    assert error == pytest.approx(stats.beta(hits + 0.5, misses + 0.5).std())
    assert error > 0


@pytest.mark.parametrize(("hits", "frames"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_fraction_is_refused(hits, frames):
    with pytest.raises(ValueError, match="no fraction"):
        hit_fraction(hits, frames)
