"""The correlation map against every sequence of coins, and against another program."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.saxs.kernels.correlation_map import compare, holm, longest_run, run_probability


def longest_by_hand(signs):
    best = run = 1
    for previous, here in pairwise(signs):
        run = run + 1 if here == previous else 1
        best = max(best, run)
    return best


@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_probability_counts_every_sequence_of_coins(n):
    runs = [longest_by_hand(signs) for signs in product((-1, 1), repeat=n)]

    for run in range(1, n + 2):
        assert run_probability(n, run) == pytest.approx(np.mean([each >= run for each in runs]), abs=1e-12)


@pytest.mark.parametrize(("n", "run"), [(50, 8), (430, 12), (1366, 20)])
def test_probability_is_that_of_freesas(n, run):
    cormap = pytest.importorskip("freesas.cormap")

    # Theirs counts runs above a length; ours, runs of it or longer.
    assert run_probability(n, run) == pytest.approx(cormap.LROH.probaLongerRun(n, run - 1), rel=1e-6)


@given(st.lists(st.sampled_from([-1.0, 1.0]), min_size=1, max_size=60))
def test_longest_run_is_that_found_by_hand(signs):
    assert longest_run(np.array(signs)) == longest_by_hand(signs)


def test_a_zero_difference_ends_a_run():
    assert longest_run(np.array([1.0, 1.0, 0.0, 1.0, np.nan, 1.0])) == 2


def test_equal_curves_show_no_difference():
    curve = np.linspace(1, 2, 30)

    assert compare(curve, curve) == (0, 1.0)


def test_probability_is_uniform_enough_for_equal_curves_with_noise():
    rng = np.random.default_rng(3)
    below = [compare(rng.normal(size=200), rng.normal(size=200))[1] < 0.05 for _ in range(600)]

    assert 0.01 < np.mean(below) < 0.08


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    assert holm(np.array([0.03, 0.01, 0.04])) == pytest.approx([0.06, 0.03, 0.06])
