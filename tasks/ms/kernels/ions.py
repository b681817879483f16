"""Single ions of charge detection: how much signal a charge gives, and the masses that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

from tasks.ms.kernels.charges import PROTON, Ladder

Floats = NDArray[np.float64]

LEAST_IONS = 20
# An ion belongs to a rung if it is nearer than this share of the way to the next charge.
NEAR = 0.35


@dataclass(frozen=True)
class Response:
    """Signal for one charge, its standard error, and by rung: charge, signal, ions (n,).

    `departure` is how far, relatively, rungs lie from one proportion of signal to charge.
    """

    per_charge: float
    error: float
    charges: Floats
    signals: Floats
    ions: NDArray[np.int_]
    departure: float = 0.0


def response(mz: Floats, signal: Floats, found: Sequence[Ladder]) -> Response | None:
    """Signal per charge from ladders, whose charges are known without it; None for too few ions.

    Parameters
    ----------
    mz, signal : (n,) float
        Of each ion.
    found : ladders of the histogram of m/z

    Notes
    -----
    The median signal on a rung, over its charge, is one estimate; their median is taken,
    because a rung on which one of another species lies tells of both. The error is that
    of a median, by the median deviation; that all charges of a ladder may be off by one
    is in it too.
    """
    rungs = [(number, *each) for number, ladder in enumerate(found) for each in _rungs(mz, signal, ladder)]
    if not rungs:
        return None
    _, charge, middle, ions = (np.array(column) for column in zip(*rungs, strict=True))
    each = middle / charge
    mean = float(np.median(each))
    spread = float(1.4826 * np.median(np.abs(each - mean)))
    error = spread * 1.2533 / float(np.sqrt(len(each)))
    error = float(np.hypot(error, mean * min(charge_doubt(each) for each in found)))
    return Response(mean, error, charge.astype(float), middle, ions.astype(int), spread / mean)


def charge_doubt(ladder: Ladder, carrier: float = PROTON, farthest: int = 3) -> float:
    """Relative standard uncertainty of the mass because all charges of a ladder may be shifted by a few.

    A shift spreads the masses that the rungs give. It is as likely as that spread is,
    judged by the spread of the best assignment, and is off by the shift over the charge.
    """
    if len(ladder.charges) < 3:
        return 1.0 / float(ladder.charges.min())
    shifts = np.arange(-farthest, farthest + 1)
    shifts = shifts[shifts + ladder.charges.min() > 0]
    squares = np.array([_spread(ladder, int(shift), carrier) for shift in shifts])
    scale = squares.min() / (len(ladder.charges) - 2)
    likely = np.exp(-(squares - squares.min()) / (2 * scale))
    away = shifts / float(np.average(ladder.charges, weights=ladder.heights))
    return float(np.sqrt((likely * away**2).sum() / likely.sum()))


def _spread(ladder: Ladder, shift: int, carrier: float) -> float:
    """Weighted squares of the relative deviations of the rungs' masses from their mean."""
    masses = (ladder.charges + shift) * (ladder.mz - carrier)
    weights = ladder.heights / ladder.heights.sum() * len(masses)
    mean = float(np.average(masses, weights=weights))
    return float((weights * (masses / mean - 1) ** 2).sum())


def _rungs(mz: Floats, signal: Floats, ladder: Ladder) -> list[tuple[int, float, int]]:
    found = []
    for charge, place in zip(ladder.charges, ladder.mz, strict=True):
        near = np.abs(mz - place) < NEAR * ladder.mass / charge / (charge + 1)
        # Other species may lie below the same rung with another charge: keep to the main heap.
        on_it = _main_heap(signal[near])
        if len(on_it) >= LEAST_IONS:
            found.append((int(charge), float(np.median(on_it)), len(on_it)))
    return found


def _main_heap(signal: Floats) -> Floats:
    """The values within 3 robust standard deviations of the densest place."""
    if len(signal) < LEAST_IONS:
        return signal
    ordered = np.sort(signal)
    half = max(1, len(ordered) // 2)
    widths = ordered[half:] - ordered[:-half]
    start = int(widths.argmin())
    centre = float(np.median(ordered[start : start + half + 1]))
    spread = float(widths.min()) / 1.349
    return signal[np.abs(signal - centre) <= 3 * spread]


def masses_of_ions(
    mz: Floats, signal: Floats, per_charge: float, carrier: float = PROTON
) -> tuple[Floats, Floats]:
    """Mass (Da) and charge of each ion; charges are not rounded, so their noise stays visible."""
    charge = signal / per_charge
    return np.asarray(charge * (mz - carrier)), np.asarray(charge)


@dataclass(frozen=True)
class Mode:
    """A peak of a mass histogram: centre and its standard error (Da), width (Da), and share of all counts."""

    mass: float
    error: float
    width: float
    share: float


def histogram(masses: Floats, step: float, top: float) -> tuple[Floats, Floats]:
    """Centres (Da) of even bins from 0 to `top`, and how many `masses` lie in each."""
    edges = np.arange(0, top + step, step)
    counts, _ = np.histogram(masses, edges)
    return (edges[1:] + edges[:-1]) / 2, counts.astype(float)


def modes(mass: Floats, counts: Floats, least: float, smoothing: float = 1.0) -> list[Mode]:
    """Peaks of a histogram (n,) that stand out by `least` of the highest, the largest share first.

    The centre is the mean over the upper half of the peak, its error that of a mean of
    as many counts as stand there, and not below a tenth of a bin. `smoothing` is in bins.
    """
    smooth = gaussian_filter1d(counts, smoothing, mode="constant")
    places, _ = find_peaks(np.pad(smooth, 1), prominence=least * smooth.max())
    places = places - 1
    _, _, left, right = peak_widths(smooth, places, rel_height=0.5)
    step = float(mass[1] - mass[0])
    found = []
    for start, stop in zip(np.floor(left).astype(int), np.ceil(right).astype(int), strict=True):
        part = slice(max(start, 0), stop + 1)
        weights = counts[part]
        total = float(weights.sum())
        if total <= 0:
            continue
        centre = float(np.average(mass[part], weights=weights))
        variance = float(np.average((mass[part] - centre) ** 2, weights=weights))
        error = float(np.hypot(np.sqrt(variance / max(total, 1.0)), 0.1 * step))
        found.append(Mode(centre, error, float((stop - start) * step), total / float(counts.sum())))
    return sorted(found, key=lambda each: -each.share)
