"""Noise, baseline, peaks and integrals of spectra in one and two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.signal import find_peaks, peak_widths

Floats = NDArray[np.float64]
NORMAL = 1.4826
MOST_ROUNDS = 50
# Windows in which noise is told, the share of the quietest, and how far others may be above them.
WINDOW, QUIETEST, ALIKE = 128, 0.2, 1.35
# Windows of a row of a plane: how many, and points of one at least.
PIECES, PIECE = 16, 8
# A line reaches to so many of its half widths; what is nearer is told from it by the valley between alone.
OWN = 2.0
# Half widths are not taken larger than so many of the typical one: overlap makes lines look broad.
BROAD = 3.0
MOST_SOURCES = 500


@dataclass(frozen=True)
class Peaks:
    """Places (k, d) in points along each axis with standard uncertainties, and signed heights (k,).

    `width` (k,) is the full width at half height along the last axis, in points;
    NaN where it was not measured.
    """

    place: Floats
    place_error: Floats
    height: Floats
    width: Floats

    def __len__(self) -> int:
        return len(self.height)


def noise_level(values: Floats, beyond: float = 4.0) -> float:
    """Standard deviation of the noise of real `values` of any shape, signal left out.

    The median absolute deviation, again and again without what is further than
    `beyond` deviations from the median, so that many or broad peaks do not count.
    """
    kept = np.asarray(values, float).ravel()
    kept = kept[np.isfinite(kept)]
    sigma = np.inf
    for _ in range(MOST_ROUNDS):
        if not len(kept):
            return 0.0
        middle = np.median(kept)
        fresh = NORMAL * float(np.median(np.abs(kept - middle)))
        if not fresh < sigma * (1 - 1e-3):
            return min(fresh, sigma)
        sigma = fresh
        kept = kept[np.abs(kept - middle) <= beyond * sigma]
    return sigma


def baseline(values: Floats, order: int, beyond: float = 3.0) -> Floats:
    """A polynomial (n,) through the signal-free points of a spectrum (n,).

    Points further than `beyond` deviations of the noise from the last polynomial
    are left out of the next, until the same points stay.
    """
    place = np.linspace(-1.0, 1.0, len(values))
    # Peaks rise over several points: a running mean tells their feet from noise.
    smooth = np.convolve(np.pad(values, 8, mode="edge"), np.ones(17) / 17, mode="valid")
    free = np.ones(len(values), bool)
    line = np.zeros(len(values))
    for _ in range(MOST_ROUNDS):
        line = np.polynomial.Chebyshev.fit(place[free], values[free], order, domain=[-1, 1])(place)
        away = smooth - line
        spread = noise_level(away)
        fresh = np.abs(away - np.median(away)) <= beyond * spread
        if fresh.sum() < 10 * (order + 1) or (fresh == free).all():
            break
        free = fresh
    return line


def line_noise(values: Floats) -> float:
    """Standard deviation of the noise of spectra (..., n), where their baseline may bend and lines may lie.

    Each window of 128 points is taken off its own parabola. Those as quiet as the quietest
    fifth hold no lines, and the median of their deviations is the noise; so a fifth of the
    spectrum must be free of lines, or the answer is too large. Zero for windows that never change.
    """
    rows = np.atleast_2d(np.asarray(values, float))
    size = min(WINDOW, rows.shape[-1])
    count = rows.shape[-1] // size
    parts = rows[..., : count * size].reshape(-1, size)
    parts = parts[np.isfinite(parts).all(axis=1)]
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, size), 2))
    left = parts - (parts @ basis) @ basis.T
    spread = np.sqrt((left**2).sum(axis=1) / max(size - 3, 1))
    # Stretches that were set to a number hold no noise.
    spread = spread[spread > 1e-12 * np.abs(rows[np.isfinite(rows)]).max(initial=0.0)]
    if not len(spread):
        return 0.0
    return float(np.median(spread[spread <= ALIKE * np.quantile(spread, QUIETEST)]))


def line_peaks(
    values: Floats,
    noise: float,
    threshold: float,
    both_signs: bool = True,
    prominence: float | None = None,
    skirt: float = 0.0,
    window: int | None = None,
) -> Peaks:
    """Peaks of a spectrum (n,) that are `threshold` deviations of the noise high, in order of place.

    They rise above their surroundings, or above 0 where those are of the other sign, by
    `prominence` deviations, by `threshold` unless given, within `window` points: what rises
    over more is baseline. `skirt` leaves out wiggles beside stronger lines, see :func:`wiggles`.
    """
    rise = (threshold if prominence is None else prominence) * noise
    found = []
    for sign in (1.0, -1.0) if both_signs else (1.0,):
        # A dip between two lines is no deeper than it falls below 0.
        one = np.maximum(sign * values, 0.0) if both_signs else values
        places, told = find_peaks(one, height=threshold * noise, prominence=rise, wlen=window)
        with np.errstate(invalid="ignore"):
            widths = peak_widths(one, places, rel_height=0.5)[0] if len(places) else np.empty(0)
        found += list(zip(places, np.full(len(places), sign), widths, told["prominences"], strict=True))
    found.sort()
    table = np.array(found, float).reshape(-1, 4)
    rows = table[:, 0].astype(int)
    if skirt > 0 and len(rows):
        kept = ~wiggles(table[:, 0], values[rows], table[:, 2], table[:, 3], skirt)
        rows, table = rows[kept], table[kept]
    place, error, top = _refined(values, rows[:, None], noise)
    return Peaks(place, error, top, table[:, 2])


def wiggles(place: Floats, height: Floats, width: Floats, rise: Floats, skirt: float) -> NDArray[np.bool_]:
    """Which peaks (k,) are wiggles that stronger lines leave around them.

    Errors of phase, shimming and truncation leave traces that fall off with the distance d
    from a line of height H and half width w: below ``skirt H w / d`` a rise is no line of its
    own. Of the sign of the line it must also be less than twice as high as the flank of a
    Lorentzian and its trace there; of the other sign, the traces of all lines add up.
    `place` and `width` (full, at half height) in points, `height` signed, `rise` above the surroundings.
    """
    order = np.argsort(-np.abs(height), kind="stable")
    half = np.minimum(width, BROAD * np.median(width[order[:20]])) / 2
    found = np.zeros(len(place), bool)
    sources: list[int] = []
    for number in order:
        known = np.array(sources, int)
        away = np.maximum(np.abs(place[known] - place[number]), 1.0) / np.maximum(half[known], 0.5)
        strong = np.abs(height[known])
        trace = np.where(away > OWN, skirt * strong / away, 0.0)
        same = np.sign(height[known]) == np.sign(height[number])
        flank = np.abs(height[number]) < 2 * (strong / away**2 + trace)
        least = max(trace[same & flank].max(initial=0.0), trace[~same].sum())
        found[number] = rise[number] <= least
        if not found[number] and len(sources) < MOST_SOURCES:
            sources.append(int(number))
    return found


def plane_peaks(
    values: Floats,
    noise: float,
    threshold: float,
    apart: tuple[int, int] = (2, 2),
    both_signs: bool = True,
    skirt: float = 0.0,
) -> Peaks:
    """Peaks of a plane (m, n) above `threshold` deviations, none with a higher one within `apart` points.

    Strong lines leave ridges of noise along both axes, so the noise of a point is the largest of
    that of the plane, of its row and of its column, each where that is quiet: crowds of peaks are
    no noise. `skirt` leaves out what stronger peaks leave in their own row or column, as
    :func:`wiggles` does along a line.
    """
    along = np.maximum(ridges(values)[:, None], ridges(values.T)[None, :])
    limit = threshold * np.maximum(noise, along)
    size = tuple(2 * each + 1 for each in apart)
    places = []
    for sign in (1.0, -1.0) if both_signs else (1.0,):
        one = sign * values
        top = (one == maximum_filter(one, size, mode="constant", cval=-np.inf)) & (one > limit)
        places.append(np.argwhere(top))
    rows = np.concatenate(places)
    rows = rows[((rows > 0) & (rows < np.array(values.shape) - 1)).all(axis=1)]
    if skirt > 0 and len(rows):
        rows = rows[~_lobes(values, rows, apart, skirt)]
    place, error, height = _refined(values, rows, noise)
    order = np.argsort(-np.abs(height), kind="stable")
    return Peaks(place[order], error[order], height[order], np.full(len(order), np.nan))


def _lobes(values: Floats, rows: NDArray[np.int_], apart: tuple[int, int], skirt: float) -> NDArray[np.bool_]:
    height = np.abs(values[tuple(rows.T)])
    half = np.stack([_half_width(values, rows, axis) for axis in (0, 1)], axis=1)
    found = np.zeros(len(rows), bool)
    sources: list[int] = []
    for number in np.argsort(-height, kind="stable"):
        known = np.array(sources, int)
        away = np.abs(rows[known] - rows[number])
        for axis in (0, 1):
            beside = away[:, 1 - axis] <= apart[1 - axis]
            trace = skirt * height[known] * half[known, axis] / np.maximum(away[:, axis], 1)
            if (beside & (away[:, axis] > 0) & (height[number] <= trace)).any():
                found[number] = True
        if not found[number] and len(sources) < MOST_SOURCES:
            sources.append(int(number))
    return found


def _half_width(values: Floats, rows: NDArray[np.int_], axis: int, most: int = 40) -> Floats:
    """Half of the width at half height (k,) of peaks of a plane along one axis, in points, one at least."""
    found = np.empty(len(rows))
    for number, (row, column) in enumerate(rows):
        line, at = (values[:, column], row) if axis == 0 else (values[row], column)
        below = np.sign(line[at]) * line < np.abs(line[at]) / 2
        sides = below[at : at + most], below[at::-1][:most]
        found[number] = sum(int(side.argmax()) if side.any() else most for side in sides) / 2
    return np.maximum(found, 1.0)


def ridges(values: Floats) -> Floats:
    """Noise (m,) of each row of a plane (m, n), told in its quiet windows.

    Of 16 windows of a row, each off its own slope, the quietest fifth counts.
    """
    size = max(PIECE, values.shape[1] // PIECES)
    count = values.shape[1] // size
    if count < 2:
        return np.zeros(len(values))
    parts = values[:, : count * size].reshape(len(values), count, size)
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, size), 1))
    left = parts - (parts @ basis) @ basis.T
    spread = np.sqrt((left**2).sum(axis=2) / (size - 2))
    found: Floats = np.quantile(spread, QUIETEST, axis=1)
    return found


def _refined(values: Floats, rows: NDArray[np.int_], noise: float) -> tuple[Floats, Floats, Floats]:
    """Vertices of parabolas through each extreme point and its neighbours along each axis.

    The vertex is at half the difference of the neighbours over the curvature; its
    error follows from that of the three points.
    """
    here = values[tuple(rows.T)] if len(rows) else np.empty(0)
    place, error = np.empty(rows.shape), np.empty(rows.shape)
    height = here.astype(float)
    for axis in range(rows.shape[1]):
        step = np.zeros(rows.shape[1], int)
        step[axis] = 1
        limit = np.array(values.shape) - 1
        before = values[tuple(np.clip(rows - step, 0, limit).T)]
        after = values[tuple(np.clip(rows + step, 0, limit).T)]
        bend = before - 2 * here + after
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(bend != 0, (before - after) / (2 * bend), 0.0)
            shift = np.clip(shift, -1.0, 1.0)
            spread = np.where(bend != 0, noise / np.abs(bend) * np.sqrt(0.5 + 6 * shift**2), 0.5)
        place[:, axis] = rows[:, axis] + shift
        error[:, axis] = np.minimum(spread, 0.5)
        height = height + (after - before) * shift / 4
    return place, error, height


def regions(values: Floats, noise: float, threshold: float, margin: int) -> list[tuple[int, int]]:
    """Stretches [start, stop) of a spectrum (n,) with signal, each widened by `margin` points and merged."""
    loud = np.abs(values) > threshold * noise
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    merged: list[tuple[int, int]] = []
    for start, stop in zip(edges[0::2], edges[1::2], strict=True):
        low, high = max(0, int(start) - margin), min(len(values), int(stop) + margin)
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def integral(values: Floats, step: float, noise: float) -> tuple[float, float]:
    """Sum times step over a stretch (n,), and its standard uncertainty for independent noise of a point."""
    return float(values.sum()) * step, float(np.sqrt(len(values))) * noise * step
