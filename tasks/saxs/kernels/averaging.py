"""Means of repeated frames, and which of the frames do not belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.saxs.kernels.correlation_map import compare, holm

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

# Signal to noise of a whole frame above which its scale means something.
TELLING = 10.0


def mean(frames: Floats, errors: Floats, *, weighted: bool = False) -> tuple[Floats, Floats]:
    r"""Mean over frames with the error propagated.

    .. math:: \bar I = \sum_k w_k I_k / \sum_k w_k, \quad
              \sigma^2 = \sum_k w_k^2 \sigma_k^2 / (\sum_k w_k)^2

    with equal weights, or :math:`w_k = 1/\sigma_k^2`.

    Parameters
    ----------
    frames : (k, n) float, any unit
        NaN marks a missing point and is left out.
    errors : (k, n) float, same unit
        Standard deviations.
    weighted : bool
        Weight by 1/errors². Where the errors were themselves estimated from few counts
        this pulls the mean down; equal weights do not.

    Returns
    -------
    mean, error : (n,) float
        NaN where every frame misses the point.

    Raises
    ------
    ValueError
        If the shapes differ, or weights are asked for and an error is not positive.
    """
    if frames.shape != errors.shape or frames.ndim != 2:
        raise ValueError(f"frames {frames.shape} and errors {errors.shape} must be two equal (k, n) arrays")
    there = np.isfinite(frames) & np.isfinite(errors)
    if weighted and not (errors[there] > 0).all():
        raise ValueError("weights need positive errors")
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(there, errors**-2.0 if weighted else 1.0, 0.0)
        total = weights.sum(axis=0)
        centre = np.where(there, weights * frames, 0.0).sum(axis=0) / total
        variance = np.where(there, weights * errors, 0.0) ** 2
        error = np.sqrt(variance.sum(axis=0)) / total
    return np.where(total > 0, centre, np.nan), np.where(total > 0, error, np.nan)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which frames (k,) were kept, the chance of each to agree after k looks, its run, and its scale."""

    kept: Booleans
    probability: Floats
    run: NDArray[np.intp]
    scale: Floats


def relative_scale(frames: Floats, errors: Floats) -> Floats:
    """The factor (k,) by which each frame (k, n) exceeds the mean of all, weighted by precision.

    Points where a frame or an error is not finite count for none of the frames. Where the
    mean does not stand out of the noise of a frame there is no scale to tell: then 1.
    """
    good = np.isfinite(frames).all(axis=0) & (errors > 0).all(axis=0) & np.isfinite(errors).all(axis=0)
    centre = frames[:, good].mean(axis=0)
    weights = np.mean(errors[:, good] ** 2, axis=0) ** -1.0
    signal = float(weights @ centre**2)
    if signal < TELLING**2:
        return np.ones(len(frames))
    found: Floats = frames[:, good] @ (weights * centre) / signal
    return found


def agreement(
    frames: Floats,
    errors: Floats,
    *,
    against: Literal["consensus", "first"] = "consensus",
    significance: float = 0.01,
    free_scale: bool = True,
    cumulative: bool = False,
) -> Agreement:
    """Frames that agree with each other, by the correlation map and Holm's correction.

    Parameters
    ----------
    frames, errors : (k, n) float
        Same q, same unit; NaN points are left out of a comparison.
    against : "consensus" or "first"
        "consensus" compares each frame with the mean of the other kept ones, drops the
        worst, and repeats: the order of frames does not matter. "first" compares each
        with frame 0, which radiation has harmed least.
    significance : float
        Corrected probability below which a frame is dropped.
    free_scale : bool
        Compare shapes, each frame divided by its `relative_scale`: a flickering beam
        changes the scale of frames, harm by radiation their shape.
    cumulative : bool
        Drop also all frames after the first dropped one, as harm by radiation only grows.

    References
    ----------
    D. Franke, C. M. Jeffries and D. I. Svergun, Nature Methods 12, 419 (2015).
    """
    scale = relative_scale(frames, errors)
    shapes = frames / scale[:, None] if free_scale else frames
    found = _from_first(shapes, significance) if against == "first" else _consensus(shapes, significance)
    kept, probability, run = found
    if cumulative and not kept.all():
        place = np.arange(len(frames))
        harmed = np.flatnonzero(~kept & (place > int(np.argmax(kept))))
        kept = kept & (place < (harmed[0] if harmed.size else len(frames)))
    return Agreement(kept, probability, run, scale)


def _from_first(frames: Floats, significance: float) -> tuple[Booleans, Floats, NDArray[np.intp]]:
    compared = [compare(frames[0], each) for each in frames[1:]]
    probability = np.concatenate([[1.0], holm(np.array([p for _, p in compared]))])
    run = np.array([0, *(run for run, _ in compared)], dtype=np.intp)
    return probability >= significance, probability, run


def _consensus(frames: Floats, significance: float) -> tuple[Booleans, Floats, NDArray[np.intp]]:
    kept = np.ones(len(frames), dtype=bool)
    probability = np.ones(len(frames))
    run = np.zeros(len(frames), dtype=np.intp)
    while kept.sum() > 2:
        members = np.flatnonzero(kept)
        total = frames[members].sum(axis=0)
        compared = [compare(frames[k], (total - frames[k]) / (len(members) - 1)) for k in members]
        run[members] = [length for length, _ in compared]
        probability[members] = holm(np.array([p for _, p in compared]))
        worst = members[_worst(frames, members, compared)]
        if probability[worst] >= significance:
            break
        kept[worst] = False
    return kept, probability, run


def _worst(frames: Floats, members: NDArray[np.intp], compared: list[tuple[int, float]]) -> int:
    # Equal probabilities are told apart by distance from the median, never by place in the stack.
    centre = np.median(frames[members], axis=0)
    distance = np.nansum((frames[members] - centre) ** 2, axis=1)
    return int(np.lexsort((-distance, [p for _, p in compared]))[0])


def condensed(q: Floats, intensity: Floats, errors: Floats, most: int) -> tuple[Floats, Floats, Floats]:
    """The curve with neighbours averaged by precision so that at most `most` points remain."""
    factor = -(-len(q) // most)
    if factor == 1:
        return q, intensity, errors
    starts = np.arange(0, len(q), factor)
    weights = errors**-2.0
    total = np.add.reduceat(weights, starts)

    def averaged(values: Floats) -> Floats:
        found: Floats = np.add.reduceat(values * weights, starts) / total
        return found

    return averaged(q), averaged(intensity), total**-0.5
