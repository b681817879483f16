"""Averaging of labelled frames: what is kept, what is dropped, and what is said of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.saxs.curve import CurveError
from tasks.saxs.frames import average
from tasks.saxs.parameters import AveragingParameters

AXIS = np.linspace(0.01, 0.3, 200)
DEFAULT = AveragingParameters()


@pytest.fixture
def values():
    rng = np.random.default_rng(5)
    return np.exp(-10 * AXIS) + 0.01 * rng.normal(size=(6, 200)), np.full((6, 200), 0.01)


def codes(result):
    return {each.code: each.severity.word for each in result.flags}


def test_good_frames_are_all_averaged_with_smaller_errors(stack, values):
    found = average(stack(AXIS, *values), DEFAULT)

    assert found.kept == (0, 1, 2, 3, 4, 5)
    assert found.flags == ()
    assert found.curve["intensity_errors"].values == pytest.approx(0.01 / np.sqrt(6))
    assert found.curve["intensity"].attrs["units"] == "arbitrary"


def test_a_dropped_frame_is_named_by_its_label_with_the_reason(stack, values):
    values[0][2] += 0.3 * np.exp(-40 * AXIS)
    found = average(stack(AXIS, *values, first=101), AveragingParameters(largest_scale_change=0.5))

    assert [each.frame for each in found.dropped] == [103]
    assert "one side" in found.dropped[0].reason
    assert codes(found) == {"frames_dropped": "info"}
    assert found.curve["intensity"].values == pytest.approx(np.delete(values[0], 2, axis=0).mean(axis=0))


def test_frames_that_keep_growing_apart_look_like_radiation_damage(stack, values):
    values[0][4:] += 0.4 * np.exp(-40 * AXIS)
    found = average(stack(AXIS, *values), AveragingParameters(outliers="first"))

    assert found.kept == (0, 1, 2, 3)
    assert "radiation_damage_suspected" in codes(found)


def test_a_flickering_beam_is_flagged_and_its_frames_are_kept(stack, values):
    frames = values[0] * np.array([1, 1.02, 0.98, 1.03, 0.97, 1.0])[:, None]
    found = average(stack(AXIS, frames, values[1]), DEFAULT)

    assert found.dropped == ()
    assert codes(found) == {"scale_varies": "caution"}


def test_a_frame_of_quite_another_scale_is_dropped(stack, values):
    values[0][1] *= 0.7
    found = average(stack(AXIS, *values), DEFAULT)

    assert [each.frame for each in found.dropped] == [1]
    assert "scale" in found.dropped[0].reason


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_frames_does_not_matter(order):
    import xarray as xr

    rng = np.random.default_rng(5)
    frames = np.exp(-10 * AXIS) + 0.01 * rng.normal(size=(6, 200))
    frames[2] += 0.3 * np.exp(-40 * AXIS)
    unit = {"units": "arbitrary"}
    made = xr.Dataset(
        {
            "intensity": (("frame", "q"), frames, unit),
            "intensity_errors": (("frame", "q"), np.full((6, 200), 0.01), unit),
        },
        coords={"q": ("q", AXIS, {"units": "1/angstrom"}), "frame": np.arange(6)},
    )
    one, other = average(made, DEFAULT), average(made.isel(frame=list(order)), DEFAULT)

    assert sorted(other.kept) == sorted(one.kept)
    assert other.curve["intensity"].values == pytest.approx(one.curve["intensity"].values)


def test_keeping_all_says_that_nothing_was_compared(stack, values):
    values[0][2] += 1.0
    found = average(stack(AXIS, *values), AveragingParameters(outliers="keep_all"))

    assert len(found.kept) == 6
    assert "frames_not_compared" in codes(found)


def test_one_frame_is_its_own_mean(stack, values):
    found = average(stack(AXIS, values[0][:1], values[1][:1]), DEFAULT)

    assert found.curve["intensity"].values == pytest.approx(values[0][0])


def test_no_frames_are_refused(stack, values):
    with pytest.raises(CurveError, match="no frames"):
        average(stack(AXIS, values[0][:0], values[1][:0]), DEFAULT)
