"""Diffraction patterns of a scanned beam on detectors that are chosen afterwards, and their moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Rows of the moments: total, first moments in y and x, second moments yy and xx.
MOMENTS = 5
ROUNDS, ROUND = 5, 0.85


def radius_map(shape: tuple[int, int], centre: tuple[float, float]) -> Floats:
    """Distance (ky, kx; pixels) of the middle of each pixel from `centre` (y, x)."""
    y, x = np.arange(shape[0])[:, None] - centre[0], np.arange(shape[1])[None] - centre[1]
    return np.asarray(np.hypot(y, x))


def annulus(shape: tuple[int, int], centre: tuple[float, float], inner: float, outer: float) -> Floats:
    """Weights (ky, kx) of a ring: 1 where the middle of a pixel is at `inner` or beyond, before `outer`."""
    radius = radius_map(shape, centre)
    return ((radius >= inner) & (radius < outer)).astype(float)


def moment_weights(shape: tuple[int, int]) -> Floats:
    """Weights (5, ky, kx) that give total, moments in y and x, and second moments yy and xx."""
    y, x = (each.astype(float) for each in np.indices(shape))
    return np.stack([np.ones(shape), y, x, y**2, x**2])


@dataclass(frozen=True)
class Sums:
    """What a block of patterns gives: one row a pattern, and images that add or compare.

    `rows` (k, m) are the patterns on each of m weights, NaN where a pattern has a value
    that is not finite; `total` (ky, kx) is the sum of the finite patterns, `most` the
    highest value of each pixel, and `used` how many patterns are in them.
    """

    rows: Floats
    total: Floats
    most: Floats
    used: int


def pattern_sums(patterns: NDArray[Any], weights: Floats) -> Sums:
    """Patterns (k, ky, kx) on weights (m, ky, kx), one after the other so that each stays in cache.

    Sums over counts are exact below 2^53. A pattern with a value that is not finite gives
    no row and does not enter the sum: its missing pixel would stand for zero.
    """
    shape = patterns.shape[1:]
    flat = weights.reshape(len(weights), -1)
    rows = np.full((len(patterns), len(weights)), np.nan)
    total, most, used = np.zeros(shape), np.full(shape, -np.inf), 0
    for number, pattern in enumerate(patterns):
        values = pattern.astype(np.float64)
        if patterns.dtype.kind == "f" and not np.isfinite(values).all():
            continue
        rows[number] = flat @ values.ravel()
        total += values
        np.maximum(most, values, out=most)
        used += 1
    return Sums(rows, total, most, used)


def added(parts: list[Sums]) -> Sums:
    """Blocks in the order of the scan as one."""
    return Sums(
        np.concatenate([each.rows for each in parts]),
        np.sum([each.total for each in parts], axis=0),
        np.max([each.most for each in parts], axis=0),
        sum(each.used for each in parts),
    )


def centre_of_mass(moments: Floats) -> tuple[Floats, Floats]:
    r"""Centre (n, 2; y, x; pixels) of each pattern and its variance for counts that follow Poisson.

    .. math:: \bar y = \frac{\sum I y}{\sum I}, \quad
              \sigma^2_{\bar y} = \frac{\sum I (y - \bar y)^2}{(\sum I)^2}

    `moments` (n, 5) are sums on :func:`moment_weights`. NaN where a pattern's total is not
    above zero. The variance means nothing where values are no counts.
    """
    total = moments[:, :1]
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(total > 0, moments[:, 1:3] / total, np.nan)
        spread = np.maximum(moments[:, 3:5] / total - centre**2, 0)
        variance = np.where(total > 0, spread / total, np.nan)
    return centre, variance


@dataclass(frozen=True)
class Disc:
    """The disc of the direct beam in pixels; `error` is that of radius and centre."""

    centre: tuple[float, float]
    radius: float
    error: float


def disc(pattern: Floats) -> Disc | None:
    """Centre and radius of the bright disc of a mean pattern; None where it has none of even brightness.

    The area above half of the brightness between background and plateau is that of the
    disc, however blurred its edge. The plateau is the median of that area, found in rounds.
    How the radius changes between a quarter and three quarters is the width of the edge,
    whose standard deviation is the error, never below a tenth of a pixel. A disc whose
    edge is wider than half its radius, or that reaches the border, is none.

    References
    ----------
    B. H. Savitzky et al., Microsc. Microanal. 27, 712 (2021), on the size of the probe.
    """
    low = float(np.median(pattern))
    high = float(np.sort(pattern, axis=None)[-max(4, pattern.size // 1000) :].mean())
    for _ in range(ROUNDS):
        above = pattern[pattern > 0.5 * (low + high)]
        if not high > low or not above.size:
            return None
        high = float(np.median(above))
    (wide, _), (radius, centre), (narrow, _) = (
        _above(pattern, low + level * (high - low)) for level in (0.25, 0.5, 0.75)
    )
    edge = wide - narrow
    if radius < 1 or edge > 0.5 * radius or radius > 0.48 * min(pattern.shape):
        return None
    # Bright pixels that lie about are no disc.
    here = radius_map((pattern.shape[0], pattern.shape[1]), (centre[0], centre[1])) < radius
    if (pattern[here] > 0.5 * (low + high)).mean() < ROUND:
        return None
    return Disc((float(centre[0]), float(centre[1])), radius, max(0.1, edge / np.sqrt(12)))


def _above(pattern: Floats, level: float) -> tuple[float, Floats]:
    """Radius of the circle of the area above a level, and the centre of that area."""
    y, x = np.nonzero(pattern > level)
    if not len(y):
        return 0.0, np.zeros(2)
    return float(np.sqrt(len(y) / np.pi)), np.array([y.mean(), x.mean()])


def without_plane(values: Floats) -> Floats:
    """Values (rows, columns) less the plane that fits them best: what moving the beam back leaves."""
    rows, columns = np.indices(values.shape)
    known = np.isfinite(values)
    terms = np.stack([np.ones(values.shape), rows, columns], axis=-1)
    if known.sum() < 3:
        return np.asarray(values - np.nanmean(values)) if known.any() else values
    plane, *_ = np.linalg.lstsq(terms[known], values[known], rcond=None)
    return np.asarray(values - terms @ plane)
