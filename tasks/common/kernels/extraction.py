"""Currents of spectra that stand end to end: totals, and what lies near one m/z."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]


def totals(intensity: Floats, first: Integers, points: Integers) -> Floats:
    """Sum of `intensity` over the points of each scan, which begins at `first` (n,) and has `points` (n,)."""
    running = np.concatenate([[0.0], np.cumsum(intensity)])
    return np.asarray(running[first + points] - running[first])


def current_near(
    mz: Floats, intensity: Floats, first: Integers, points: Integers, centre: float, half: float
) -> Floats:
    """Sum of `intensity` of each scan within `half` of `centre` in m/z."""
    return totals(np.where(np.abs(mz - centre) <= half, intensity, 0.0), first, points)


def mean_spectrum(mz: Floats, intensity: Floats, step: float, scans: int) -> tuple[Floats, Floats]:
    """Mean intensity over `scans` spectra in bins of `step` m/z: centres and values (n,)."""
    low, high = float(mz.min()), float(mz.max())
    edges = low + step * np.arange(int(np.ceil((high - low) / step)) + 2) - step / 2
    summed, _ = np.histogram(mz, edges, weights=intensity)
    return (edges[1:] + edges[:-1]) / 2, summed / scans


def raster(x: Integers, y: Integers, values: Floats) -> tuple[Floats, Integers, Integers]:
    """Values (n,) at pixels (x, y) as an image (y, x), NaN where no pixel was measured, and its axes."""
    columns, rows = np.arange(x.min(), x.max() + 1), np.arange(y.min(), y.max() + 1)
    image = np.full((len(rows), len(columns)), np.nan)
    image[y - y.min(), x - x.min()] = values
    return image, rows, columns
