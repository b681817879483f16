"""Least squares with covariance against closed forms, hand-worked cases, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fusion.kernels.agreement import agreement, covariance, leave_out


def independent(values, errors):
    return agreement(np.array(values), covariance(np.array(errors), np.zeros((len(values), 1))))


def test_independent_claims_are_weighted_by_precision():
    found = independent([1.0, 4.0], [1.0, np.sqrt(2.0)])

    assert found.mean == pytest.approx(2.0)
    assert found.error == pytest.approx(np.sqrt(2 / 3))
    assert found.chi2 == pytest.approx(3.0)


@pytest.mark.parametrize("count", [2, 5, 9])
def test_equal_claims_shrink_by_the_root_of_their_number(count):
    found = independent([7.0] * count, [0.3] * count)

    assert found.error == pytest.approx(0.3 / np.sqrt(count))
    assert found.chi2 == pytest.approx(0.0, abs=1e-12)


def test_a_hand_worked_pair_with_a_common_part():
    # u = 5 and 5 with 3 in common: C = [[25, 9], [9, 25]], so the mean has variance (25 + 9) / 2 = 17
    # and a difference d has chi2 = d² / (25 + 25 - 18).
    matrix = covariance(np.array([5.0, 5.0]), np.array([[3.0], [3.0]]))
    found = agreement(np.array([10.0, 14.0]), matrix)

    assert matrix.tolist() == [[25.0, 9.0], [9.0, 25.0]]
    assert found.mean == pytest.approx(12.0)
    assert found.error == pytest.approx(np.sqrt(17.0))
    assert found.chi2 == pytest.approx(16 / 32)


def test_it_equals_the_textbook_formula_for_a_regular_covariance():
    rng = np.random.default_rng(3)
    errors, shared = rng.uniform(1, 2, 6), rng.uniform(0, 0.6, (6, 2))
    values, matrix = rng.normal(size=6), covariance(errors, shared)
    ones, inverse = np.ones(6), np.linalg.inv(matrix)
    mean = ones @ inverse @ values / (ones @ inverse @ ones)

    found = agreement(values, matrix)

    assert found.mean == pytest.approx(mean)
    assert found.error == pytest.approx(1 / np.sqrt(ones @ inverse @ ones))
    assert found.chi2 == pytest.approx((values - mean) @ inverse @ (values - mean))


def test_a_copy_that_shares_everything_does_not_shrink_the_error():
    alone = independent([3.0], [0.5])
    matrix = covariance(np.array([0.5, 0.5]), np.array([[0.5], [0.5]]))
    twice = agreement(np.array([3.0, 3.0]), matrix)

    assert twice.error == pytest.approx(alone.error)
    assert twice.mean == pytest.approx(alone.mean)
    assert twice.dof == alone.dof


def test_copies_that_contradict_each_other_are_impossible():
    matrix = covariance(np.array([0.5, 0.5]), np.array([[0.5], [0.5]]))

    found = agreement(np.array([3.0, 3.2]), matrix)

    assert found.chi2 == np.inf
    assert found.p == 0.0


def test_a_worse_method_on_the_same_data_adds_nothing_and_takes_nothing():
    matrix = covariance(np.array([1.0, 3.0]), np.array([[1.0], [3.0]]))

    found = agreement(np.array([10.0, 12.0]), matrix)

    assert found.weights == pytest.approx([1.0, 0.0])
    assert found.error == pytest.approx(1.0)


def test_shares_beyond_the_whole_are_refused():
    with pytest.raises(ValueError, match="exceeds"):
        covariance(np.array([1.0]), np.array([[0.8, 0.8]]))
    with pytest.raises(ValueError, match="positive"):
        covariance(np.array([0.0]), np.array([[0.0]]))


def test_stated_errors_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(11)
    own, common, trials = np.array([0.4, 0.9, 0.6]), 0.5, 4000
    matrix = covariance(np.hypot(own, common), np.full((3, 1), common))
    found = [agreement(5 + own * rng.normal(size=3) + common * rng.normal(), matrix) for _ in range(trials)]

    within = np.mean([abs(each.mean - 5) < each.error for each in found])
    tails = np.mean([each.p < 0.05 for each in found])

    # Three standard errors of a binomial share.
    assert within == pytest.approx(0.683, abs=3 * np.sqrt(0.683 * 0.317 / trials))
    assert tails == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / trials))


def test_the_outlier_is_the_one_without_which_all_is_well():
    values, errors = np.array([10.0, 10.1, 9.9, 14.0]), np.full(4, 0.2)
    matrix = covariance(errors, np.zeros((4, 1)))

    left = leave_out(values, matrix, [0, 1, 2, 3])

    assert int(np.argmin([each.rest.chi2 for each in left])) == 3
    assert left[3].difference == pytest.approx(4.0)
    assert left[3].deviation == pytest.approx(4.0 / np.hypot(0.2, 0.2 / np.sqrt(3)))


def test_claims_on_the_same_data_do_not_excuse_each_other():
    matrix = covariance(np.full(3, 0.2), np.zeros((3, 1)))

    left = leave_out(np.array([10.0, 14.0, 14.0]), matrix, [0, 1, 1])

    assert [each.rest.mean for each in left] == pytest.approx([14.0, 10.0, 10.0])
    assert all(each.alone for each in left)


claims = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5), st.floats(0, 1)), min_size=2, max_size=7)


@settings(max_examples=60, deadline=None)
@given(claims, st.floats(0.01, 1000), st.randoms(use_true_random=False))
def test_order_and_unit_do_not_matter(rows, factor, shuffle):
    values, errors, shares = (np.array(column) for column in zip(*rows, strict=True))
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    plain = agreement(values, covariance(errors, (errors * shares)[:, None]))

    scaled = errors[order] * factor
    other = agreement(values[order] * factor, covariance(scaled, (scaled * shares[order])[:, None]))

    assert other.mean == pytest.approx(plain.mean * factor, rel=1e-6, abs=1e-6 * factor)
    assert other.error == pytest.approx(plain.error * factor, rel=1e-6)
    assert plain.error <= errors.min() * (1 + 1e-9)
