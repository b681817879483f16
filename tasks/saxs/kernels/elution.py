"""Size exclusion: where the baseline lies, where the peaks are, how far the UV trace is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.saxs.kernels.correlation_map import compare

Floats = NDArray[np.float64]


def total_intensity(q: Floats, frames: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Integral of q I(q) of each frame (k, n) over q (n,), and its error: unit of I times unit of q²."""
    weights = q * np.gradient(q)
    return frames @ weights, np.sqrt(errors**2 @ weights**2)


def robust_noise(trace: Floats) -> float:
    """Standard deviation of the point-to-point noise of a trace that changes slowly."""
    steps = np.diff(trace, 2)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(6))


def baseline_region(frames: Floats, errors: Floats, *, width: int, peak: tuple[int, int]) -> tuple[int, int]:
    """First and last index of the stretch of `width` frames that agree best with one another.

    Parameters
    ----------
    frames, errors : (k, n) float
        The whole run.
    width : int
        Number of frames wanted.
    peak : (first, last)
        Indices that the stretch must not touch.

    Returns
    -------
    first, last : int
        Of the stretch with the least reduced chi-square of its frames about their mean;
        of equals the one nearest to the peak.

    Raises
    ------
    ValueError
        If no stretch of `width` frames lies clear of the peak.
    """
    starts = np.arange(max(len(frames) - width + 1, 0))
    clear = (starts + width <= peak[0]) | (starts > peak[1])
    if not clear.any():
        raise ValueError(f"no {width} frames of buffer lie clear of the peak, frames {peak[0]} to {peak[1]}")
    scaled = frames / np.median(errors, axis=0)
    first = np.concatenate([np.zeros((1, scaled.shape[1])), np.cumsum(scaled, axis=0)])
    second = np.concatenate([[0.0], np.cumsum((scaled**2).sum(axis=1))])
    sums = first[width:] - first[:-width]
    about_mean = second[width:] - second[:-width] - (sums**2).sum(axis=1) / width
    chi2 = about_mean / ((width - 1) * scaled.shape[1])
    distance = np.minimum(np.abs(starts + width - 1 - peak[0]), np.abs(starts - peak[1]))
    best = starts[clear][np.lexsort((distance[clear], np.round(chi2[clear], 3)))[0]]
    return int(best), int(best) + width - 1


def steady(frames: Floats, *, significance: float = 0.01) -> bool:
    """Whether the two halves of a stretch of frames (k, n) have the same mean, by the correlation map."""
    half = len(frames) // 2
    _, probability = compare(frames[:half].mean(axis=0), frames[half:].mean(axis=0))
    return probability >= significance


def linear_baseline(frames: Floats, errors: Floats, places: Floats, at: Floats) -> tuple[Floats, Floats]:
    """A straight line through baseline frames, point by point of q, at the frame numbers `at`.

    Parameters
    ----------
    frames, errors : (k, n) float
        Baseline frames, from before and after the peak.
    places : (k,) float
        Their frame numbers.
    at : (m,) float
        Frame numbers wanted.

    Returns
    -------
    baseline, error : (m, n) float
    """
    centred = places - places.mean()
    spread = centred @ centred
    level, slope = frames.mean(axis=0), (centred @ frames) / spread
    coefficients = 1 / len(places) + np.outer(at - places.mean(), centred) / spread
    return level + np.outer(at - places.mean(), slope), np.sqrt(coefficients**2 @ errors**2)


@dataclass(frozen=True, slots=True)
class Peak:
    """A maximum of a trace: its index, height above the baseline, and the half-height indices."""

    place: int
    height: float
    first: int
    last: int


def peaks(trace: Floats, noise: float, *, least: float = 0.05, significance: float = 6.0) -> tuple[Peak, ...]:
    """Maxima of a baseline-subtracted trace, highest first.

    A peak stands at least `significance` times `noise`, and `least` of the highest, above
    the saddle towards any higher one.
    """
    from scipy.signal import find_peaks

    smooth = np.convolve(np.pad(trace, 2, mode="edge"), np.array([1, 4, 6, 4, 1]) / 16, "valid")
    needed = max(significance * noise, least * float(smooth.max()))
    if not smooth.max() > needed * 0.999:
        return ()
    places, _ = find_peaks(smooth, height=needed, prominence=needed)
    found = [_at_half_height(smooth, int(place)) for place in places]
    return tuple(sorted(found, key=lambda each: -each.height))


def _at_half_height(trace: Floats, place: int) -> Peak:
    below = trace < trace[place] / 2
    before, after = np.flatnonzero(below[:place]), np.flatnonzero(below[place:])
    first = int(before[-1]) + 1 if before.size else 0
    last = place + int(after[0]) - 1 if after.size else len(trace) - 1
    return Peak(place, float(trace[place]), first, last)


def constant_stretch(
    values: Floats, errors: Floats, centre: int, *, significance: float = 0.01
) -> tuple[int, int]:
    """The longest stretch around `centre` over which values (k,) agree within errors, NaN ending it.

    It grows by the neighbour that fits better, as long as chi-square of all against their
    weighted mean and of a slope along the stretch are likely enough.
    """
    from scipy.special import chdtrc

    first = last = centre
    while True:
        options = [(first - 1, last), (first, last + 1)]
        options = [(a, b) for a, b in options if a >= 0 and b < len(values)]
        scored = [(_agree(values[a : b + 1], errors[a : b + 1], chdtrc), a, b) for a, b in options]
        likely = [each for each in scored if each[0] >= significance]
        if not likely:
            return first, last
        _, first, last = max(likely)


def _agree(values: Floats, errors: Floats, tail: object) -> float:
    if not (np.isfinite(values).all() and np.isfinite(errors).all()):
        return -1.0
    weights = errors**-2.0
    pulls = (values - np.average(values, weights=weights)) / errors
    place = np.arange(len(values)) - np.average(np.arange(len(values)), weights=weights)
    trend = float((weights * place) @ values / np.sqrt(weights @ place**2))
    # A drift hides in the scatter of many frames but not in their slope.
    return float(min(tail(len(values) - 1, pulls @ pulls), tail(1, trend**2)))  # type: ignore[operator]


def lag(reference: Floats, other: Floats, step: float) -> tuple[float, float]:
    """By how much `other` trails `reference`, both (k,) on one even axis of spacing `step`.

    The maximum of the cross-correlation with a parabola through its top; the error is that
    of the place of the maximum given the scatter about the best scaled match.

    Raises
    ------
    ValueError
        If a trace is constant, so that nothing can be aligned.
    """
    a, b = reference - reference.mean(), other - other.mean()
    if not (a.any() and b.any()):
        raise ValueError("a constant trace cannot be aligned")
    correlation = np.correlate(b, a, "full")
    top = int(np.argmax(correlation))
    move = 0.0
    if 0 < top < len(correlation) - 1:
        left, middle, right = correlation[top - 1 : top + 2]
        move = float(0.5 * (left - right) / (left - 2 * middle + right))
    shift = top - (len(a) - 1) + move
    place = np.arange(len(a), dtype=float)
    moved = np.interp(place + shift, place, b)
    scale = float(moved @ a / (a @ a))
    scatter = float(np.std(moved - scale * a))
    steepness = float(np.sum(np.gradient(scale * a) ** 2))
    return shift * step, scatter / np.sqrt(steepness) * step
