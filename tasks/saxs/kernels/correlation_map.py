"""Whether two curves differ by more than noise, from the signs of their difference alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Longer runs of fair coins are ever so close to impossible that their chance underflows.
CERTAIN_RUN = 400


def longest_run(difference: Floats) -> int:
    """Length of the longest run of one sign in `difference`; a zero or NaN ends a run."""
    signs = np.nan_to_num(np.sign(difference))
    if signs.size == 0:
        return 0
    starts = np.flatnonzero(np.diff(signs, prepend=np.nan) != 0)
    lengths = np.diff(starts, append=signs.size)
    return int(np.max(np.where(signs[starts] == 0, 0, lengths)))


@lru_cache(maxsize=4096)
def run_probability(n: int, run: int) -> float:
    r"""Chance that `n` tosses of a fair coin hold a run, of either side, of `run` or more.

    Tosses without such a run are counted by their first run: with
    :math:`A(n)` the number of sequences of one side's first differences,

    .. math:: A(n) = \sum_{j=1}^{c-1} A(n - j), \quad A(0) = 1, \quad
              P = 1 - 2 A(n) / 2^n

    in exact integers, so that no tail is lost to rounding.

    Parameters
    ----------
    n : int
        Number of points compared, at least 1.
    run : int
        Length of run, 1 or more.

    Returns
    -------
    float
        Probability, 0 to 1; exactly 1 for ``run <= 1`` and 0 for ``run > n``.

    References
    ----------
    M. F. Schilling, College Math. J. 21, 196 (1990); its use for scattering curves:
    D. Franke, C. M. Jeffries and D. I. Svergun, Nature Methods 12, 419 (2015).
    """
    if run <= 1:
        return 1.0
    if run > n:
        return 0.0
    if run > CERTAIN_RUN:
        return 0.0
    # compositions[m]: ways to write m as runs shorter than `run`
    compositions = [1] + [0] * n
    window = 1
    for m in range(1, n + 1):
        compositions[m] = window
        window += compositions[m]
        if m - run + 1 >= 0:
            window -= compositions[m - run + 1]
    total = 1 << (n - 1)
    return (total - compositions[n]) / total


def compare(first: Floats, second: Floats) -> tuple[int, float]:
    """Longest run of one sign in ``first - second`` and the chance of one as long or longer.

    Both are (n,) in the same unit; points where either is NaN are left out. Needs no
    uncertainties, only that they are independent from point to point.
    """
    difference = np.asarray(first) - np.asarray(second)
    # The sign of a rounding error is no evidence.
    difference = np.where(np.abs(difference) > 1e-12 * np.abs(first), difference, 0.0 * difference)
    difference = difference[np.isfinite(difference)]
    # Where there is no difference at all there is no evidence of one.
    if difference.size == 0 or not difference.any():
        return 0, 1.0
    run = longest_run(difference)
    return run, run_probability(difference.size, run)


def holm(probabilities: Floats) -> Floats:
    """Probabilities (k,) adjusted for having looked k times (S. Holm, Scand. J. Stat. 6, 65, 1979)."""
    order = np.argsort(probabilities)
    factors = np.arange(len(order), 0, -1)
    stepped = np.maximum.accumulate(np.asarray(probabilities)[order] * factors)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
