"""Two ranges of one curve on one scale."""

import numpy as np
import pytest

from tasks.saxs.curve import CurveError, labelled
from tasks.saxs.merging import merge
from tasks.saxs.parameters import MergingParameters


def part(q, scale=1.0, seed=0, unit="1/cm", tilt=0.0):
    exact = np.exp(-((q * 15) ** 2) / 3) + 0.02
    errors = 0.01 * exact
    noisy = exact * (1 + tilt * (q - 0.25)) + errors * np.random.default_rng(seed).normal(size=q.size)
    return labelled(q, scale * noisy, scale * errors, unit)


LOW, HIGH = np.linspace(0.01, 0.3, 150), np.linspace(0.2, 0.8, 200)


def test_the_factor_is_found_in_the_overlap():
    found = merge(part(LOW), part(HIGH, 1e4, seed=1, unit="arbitrary"), MergingParameters())

    assert found.scale == pytest.approx(1e-4, abs=4 * found.scale_error)
    assert found.overlap == pytest.approx((0.2, 0.3))
    assert 0.5 < found.overlap_chi2 < 1.6
    assert found.curve.sizes["q"] == 350
    assert found.curve["intensity"].attrs["units"] == "1/cm"
    assert [each.code for each in found.flags] == ["merged"]


def test_an_overlap_that_disagrees_is_flagged():
    found = merge(part(LOW), part(HIGH, seed=1, tilt=2.0), MergingParameters())

    assert "overlap_disagrees" in {each.code for each in found.flags}


def test_a_given_factor_that_the_overlap_contradicts_is_used_and_flagged():
    found = merge(part(LOW), part(HIGH, seed=1), MergingParameters(scale=1.2))

    assert (found.scale, found.scale_error) == (1.2, 0.0)
    assert "scale_contradicts_overlap" in {each.code for each in found.flags}


def test_ranges_that_do_not_meet_are_refused():
    with pytest.raises(CurveError, match="do not overlap"):
        merge(part(LOW), part(HIGH + 0.2), MergingParameters())
