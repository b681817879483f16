"""One factor between two curves, and whether they agree once it is applied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """The factor with its standard error, how well it fits, and the chance of a worse fit."""

    factor: float
    error: float
    chi2: float
    probability: float
    points: int


def scale_between(reference: Floats, reference_errors: Floats, other: Floats, other_errors: Floats) -> Scale:
    r"""The factor k for which k times `other` is nearest to `reference`, both having errors.

    Minimises :math:`\sum_i (a_i - k b_i)^2 / (\sigma_{a,i}^2 + k^2 \sigma_{b,i}^2)` by
    repeated weighting. `chi2` is the minimum over n - 1; where it exceeds 1, `error` is
    widened by its root.

    Parameters
    ----------
    reference, other : (n,) float
        At the same q, any units.
    reference_errors, other_errors : (n,) float
        Standard deviations, positive, in the units of each.

    Raises
    ------
    ValueError
        If there are fewer than two points, or `other` is zero throughout.
    """
    if len(reference) < 2 or not np.any(other):
        raise ValueError("a scale needs two points or more that are not all zero")
    factor = float(reference @ other / (other @ other))
    for _ in range(50):
        weights = 1 / (reference_errors**2 + (factor * other_errors) ** 2)
        previous, factor = factor, _total_least_squares(reference, other, other_errors, weights, factor)
        if abs(factor - previous) <= 1e-12 * abs(factor):
            break
    weights = 1 / (reference_errors**2 + (factor * other_errors) ** 2)
    squared = float(weights @ (reference - factor * other) ** 2)
    freedom = len(reference) - 1
    error = float((weights @ other**2) ** -0.5) * max(1.0, (squared / freedom) ** 0.5)
    return Scale(factor, error, squared / freedom, float(chdtrc(freedom, squared)), len(reference))


def _total_least_squares(
    reference: Floats, other: Floats, other_errors: Floats, weights: Floats, factor: float
) -> float:
    # The place on the line nearest to each pair of measurements, then the line through these places;
    # weighting alone would pull the factor towards zero by the noise of `other`.
    nearest = other + weights * factor * other_errors**2 * (reference - factor * other)
    return float((weights * nearest) @ reference / ((weights * nearest) @ other))


def interpolated(at: Floats, q: Floats, intensity: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Linear interpolation of a curve at `at` (within q, increasing) with its propagated errors."""
    right = np.clip(np.searchsorted(q, at), 1, len(q) - 1)
    share = (at - q[right - 1]) / (q[right] - q[right - 1])
    value = (1 - share) * intensity[right - 1] + share * intensity[right]
    return value, np.hypot((1 - share) * errors[right - 1], share * errors[right])


def joined(
    low: tuple[Floats, Floats, Floats], high: tuple[Floats, Floats, Floats], scale: float
) -> tuple[Floats, Floats, Floats]:
    """All points of two ranges (q, intensity, errors) in order of q, `high` times `scale`.

    Where both have the very same q they are averaged by precision; other points stand as
    they were measured, so nothing is interpolated.
    """
    q = np.concatenate([low[0], high[0]])
    intensity = np.concatenate([low[1], high[1] * scale])
    weights = np.concatenate([low[2], high[2] * scale]) ** -2.0
    order = np.argsort(q, kind="stable")
    q, intensity, weights = q[order], intensity[order], weights[order]
    starts = np.flatnonzero(np.diff(q, prepend=-np.inf) > 1e-9 * np.abs(q))
    total = np.add.reduceat(weights, starts)
    return q[starts], np.add.reduceat(weights * intensity, starts) / total, total**-0.5
