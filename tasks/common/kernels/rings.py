"""Azimuthal integration: what each ring of pixels adds up to, and the mean that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.common.kernels.compiled import compiled

Floats = NDArray[np.float64]

MAX_RINGS = 65535

# Compiled on first use, kept on disk; releases the GIL so that threads count side by side.


def ring_numbers(q: Floats, edges: Floats, bad: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Which ring each pixel belongs to; pixels that are bad or outside go to a spare last one.

    Parameters
    ----------
    q : (y, x) float, 1/angstrom
        Momentum transfer at the pixel centres.
    edges : (rings + 1,) float, 1/angstrom
        Ascending ring edges; a ring holds its lower edge, the last one also its upper edge.
    bad : (y, x) bool
        True where a pixel must not count.

    Returns
    -------
    (y, x) uint16
        0 to rings - 1, or `rings` for the spare one.

    Raises
    ------
    ValueError
        If edges do not ascend, or are more than 65535.
    """
    rings = len(edges) - 1
    if rings < 1 or rings >= MAX_RINGS or not np.all(np.diff(edges) > 0):
        raise ValueError(f"ring edges must ascend and make 1 to {MAX_RINGS - 1} rings")
    found = np.searchsorted(edges, q, side="right") - 1
    found[q == edges[-1]] = rings - 1
    outside = (found < 0) | (found >= rings) | bad | ~np.isfinite(q)
    return np.where(outside, rings, found).astype(np.uint16)


@dataclass(frozen=True)
class RingPlan:
    """What all frames of a run share when they are integrated.

    Attributes
    ----------
    rings : (y, x) uint16
        Ring of each pixel as from `ring_numbers`; ``len(ring_weights)`` is the spare one.
    weights : (y, x) float32, dimensionless
        What a pixel collects relative to the others: solid angle x polarisation x flat field.
    ring_weights : (r,) float
        Sum of `weights` over each ring.
    low, high : float, count
        Pixel values outside are not counts: gaps, dead pixels, overflow.
    background, background_variance : (y, x) float or None, count and count²
        Dark counts expected in a frame and their variance; None subtracts nothing.
    """

    rings: NDArray[np.uint16]
    weights: NDArray[np.float32]
    ring_weights: Floats
    low: float
    high: float
    background: Floats | None = None
    background_variance: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "background", "background_variance"):
            array = getattr(self, name)
            if array is not None and array.shape != self.rings.shape:
                raise ValueError(f"{name} is {array.shape}, the detector is {self.rings.shape}")


def ring_sums(frames: NDArray[Any], plan: RingPlan, variances: NDArray[Any] | None = None) -> Floats:
    r"""Sum the valid pixels of every ring of every frame.

    .. math:: S_r = \sum_{i \in r} (n_i - b_i), \quad W_r = \sum_{i \in r} w_i, \quad
              V_r = \sum_{i \in r} (v_i + v^b_i)

    The sums run over pixels with ``low <= n <= high``. Since they add, no way of
    cutting a run into blocks can change what follows from them.

    Parameters
    ----------
    frames : (n, y, x) integer or float, count
        NaN counts as invalid.
    plan : RingPlan
        Rings, weights and background of the detector.
    variances : (n, y, x) float, count², or None
        Variance of each pixel; None takes the counts as their own variance (Poisson).

    Returns
    -------
    (n, 3, r) float
        Sum of counts, of weights, and of variances. Sums of integers are exact below 2**53.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    A pixel belongs wholly to the ring of its centre, so that rings stay statistically
    independent. Four histograms in turn keep an addition from waiting for the one before it.
    """
    if frames.ndim != 3 or frames.shape[1:] != plan.rings.shape:
        raise ValueError(f"frames {frames.shape} do not match a detector of {plan.rings.shape}")
    if variances is not None and variances.shape != frames.shape:
        raise ValueError(f"variances {variances.shape} do not match frames {frames.shape}")
    sums = np.empty((len(frames), 3, len(plan.ring_weights)))
    for index, frame in enumerate(frames):
        pixels = _flat(frame)
        if pixels.dtype.kind in "iub" and plan.background is None and variances is None:
            _add_counts(pixels, *_shared(plan), *_whole_bounds(plan), sums[index])
        else:
            spread = pixels if variances is None else _flat(variances[index])
            _add_corrected(
                pixels, spread, *_backgrounds(plan), *_shared(plan), plan.low, plan.high, sums[index]
            )
    return sums


def _flat(frame: NDArray[Any]) -> NDArray[Any]:
    native = frame if frame.dtype.isnative else frame.astype(frame.dtype.newbyteorder("="))
    return np.ascontiguousarray(native).ravel()


def _shared(plan: RingPlan) -> tuple[Any, ...]:
    return plan.rings.ravel(), plan.weights.ravel(), plan.ring_weights


def _whole_bounds(plan: RingPlan) -> tuple[int, int]:
    # Compared as integers, which is quicker than as floats and exact beyond 2**53.
    limits = np.iinfo(np.int64)
    low = int(np.ceil(max(plan.low, limits.min)))
    high = limits.max if plan.high >= limits.max else int(np.floor(plan.high))
    return low, high


def _backgrounds(plan: RingPlan) -> tuple[Floats, Floats]:
    zeros = np.zeros(plan.rings.size)
    mean = zeros if plan.background is None else plan.background.ravel()
    spread = zeros if plan.background_variance is None else plan.background_variance.ravel()
    return mean, spread


@compiled()
def _add_counts(pixels, rings, weights, ring_weights, low, high, out):  # type: ignore[no-untyped-def]
    count = ring_weights.size
    partial = np.zeros((4, count + 1), np.int64)
    lost = np.zeros(count + 1)
    for i in range(pixels.size):
        value = np.int64(pixels[i])
        ring = rings[i]
        if low <= value <= high:
            partial[i & 3, ring] += value
        elif ring < count:
            lost[ring] += weights[i]
    for ring in range(count):
        out[0, ring] = partial[0, ring] + partial[1, ring] + partial[2, ring] + partial[3, ring]
        out[1, ring] = ring_weights[ring] - lost[ring]
        out[2, ring] = out[0, ring]


@compiled()
def _add_corrected(  # type: ignore[no-untyped-def]
    pixels, spread, background, background_variance, rings, weights, ring_weights, low, high, out
):
    count = ring_weights.size
    signal = np.zeros(count + 1)
    variance = np.zeros(count + 1)
    lost = np.zeros(count + 1)
    for i in range(pixels.size):
        value = np.float64(pixels[i])
        ring = rings[i]
        if low <= value <= high:
            signal[ring] += value - background[i]
            variance[ring] += spread[i] + background_variance[i]
        elif ring < count:
            lost[ring] += weights[i]
    for ring in range(count):
        out[0, ring] = signal[ring]
        out[1, ring] = ring_weights[ring] - lost[ring]
        out[2, ring] = variance[ring]


def ring_totals(values: Floats, rings: NDArray[np.uint16], count: int) -> Floats:
    """Sum of `values` (y, x) over each of `count` rings, the spare one left out."""
    totals: Floats = np.bincount(rings.ravel(), values.ravel(), minlength=count + 1).astype(float)
    return totals[:count]


def mean_intensity(signal: Floats, weight: Floats, variance: Floats) -> tuple[Floats, Floats]:
    r"""Mean intensity of rings and its standard uncertainty.

    .. math:: I = S / W, \qquad \sigma = \sqrt{V} / W

    Parameters
    ----------
    signal, weight, variance : (..., r) float
        Sums over the pixels of each ring: counts (dark subtracted), weights, variance of the counts.

    Returns
    -------
    intensity, sigma : (..., r) float
        NaN where a ring has no weight: no pixel looked there, which is not zero intensity.

    Notes
    -----
    With counts as their own variance, a ring without a single count has sigma 0; a
    weighted fit must leave such rings out or add frames first.
    """
    seen = weight > np.finfo(np.float32).eps * np.max(weight, initial=0.0)
    safe = np.where(seen, weight, 1.0)
    intensity = np.where(seen, signal / safe, np.nan)
    sigma = np.where(seen, np.sqrt(np.maximum(variance, 0.0)) / safe, np.nan)
    return intensity, sigma
