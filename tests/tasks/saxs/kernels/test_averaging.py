"""Means and outliers of repeated frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.saxs.kernels.averaging import agreement, condensed, mean, relative_scale


@pytest.fixture
def frames():
    rng = np.random.default_rng(1)
    truth = np.exp(-np.linspace(0, 3, 200))
    return truth + 0.02 * rng.normal(size=(8, 200)), np.full((8, 200), 0.02)


def test_errors_shrink_with_the_root_of_the_number_of_frames(frames):
    _, error = mean(*frames)

    assert error == pytest.approx(0.02 / np.sqrt(8))


def test_a_missing_point_is_left_out_and_not_zero(frames):
    values, errors = frames[0].copy(), frames[1]
    values[0, 5] = np.nan
    centre, error = mean(values, errors)

    assert centre[5] == pytest.approx(values[1:, 5].mean())
    assert error[5] == pytest.approx(0.02 / np.sqrt(7))


def test_weights_are_inverse_variances():
    centre, error = mean(np.array([[1.0], [4.0]]), np.array([[1.0], [2.0]]), weighted=True)

    assert centre == pytest.approx([(1 + 4 / 4) / (1 + 1 / 4)])
    assert error == pytest.approx([(1 + 1 / 4) ** -0.5])


def test_frames_that_differ_by_noise_are_all_kept(frames):
    assert agreement(*frames).kept.all()


def test_identical_frames_are_all_kept():
    same = np.tile(np.linspace(2, 1, 50), (5, 1))

    assert agreement(same, np.ones_like(same)).kept.all()


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(8)), place=st.integers(0, 7))
def test_a_frame_of_another_shape_is_found_wherever_it_stands(order, place):
    rng = np.random.default_rng(1)
    axis = np.linspace(0, 3, 200)
    values = np.exp(-axis) + 0.01 * rng.normal(size=(8, 200))
    values[place] += 0.3 * np.exp(-4 * axis)
    order = list(order)

    kept = agreement(values[order], np.full((8, 200), 0.01)).kept
    assert np.flatnonzero(~kept).tolist() == [order.index(place)]


def test_a_frame_of_another_scale_is_kept_where_scale_is_free_and_dropped_where_not(frames):
    values, errors = frames[0].copy(), frames[1]
    values[3] *= 1.2

    assert agreement(values, errors, free_scale=True).kept.all()
    assert not agreement(values, errors, free_scale=False).kept[3]
    assert relative_scale(values, errors)[3] / np.median(relative_scale(values, errors)) == pytest.approx(
        1.2, abs=0.03
    )


def test_damage_drops_all_later_frames():
    rng = np.random.default_rng(2)
    axis = np.linspace(0, 3, 200)
    values = np.exp(-axis) + 0.01 * rng.normal(size=(6, 200))
    values[3] += 0.3 * np.exp(-4 * axis)

    found = agreement(values, np.full((6, 200), 0.01), against="first", cumulative=True)
    assert found.kept.tolist() == [True] * 3 + [False] * 3


def test_condensing_keeps_the_precision_of_the_whole():
    q, intensity, errors = np.linspace(1, 2, 100), np.linspace(3, 1, 100), np.linspace(0.1, 0.3, 100)
    few = condensed(q, intensity, errors, 13)

    assert len(few[0]) == 13
    assert (few[2] ** -2).sum() == pytest.approx((errors**-2).sum())
    assert np.average(few[1], weights=few[2] ** -2) == pytest.approx(
        np.average(intensity, weights=errors**-2)
    )


def test_frames_of_pure_noise_have_no_scale():
    noise = np.random.default_rng(0).normal(size=(5, 60))

    assert (relative_scale(noise, np.ones_like(noise)) == 1).all()


def test_a_harmed_first_frame_does_not_drop_all_others():
    rng = np.random.default_rng(2)
    axis = np.linspace(0, 3, 200)
    values = np.exp(-axis) + 0.01 * rng.normal(size=(6, 200))
    values[0] += 0.3 * np.exp(-4 * axis)

    found = agreement(values, np.full((6, 200), 0.01), cumulative=True)
    assert found.kept.tolist() == [False] + [True] * 5
