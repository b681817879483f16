"""Electrons to a volume: what falls in each cell adds up, over blocks in any order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def counted(columns: Sequence[Floats], edges: Sequence[Floats]) -> tuple[NDArray[np.int64], int]:
    """How many electrons fall in each cell, and how many in none.

    Parameters
    ----------
    columns : d arrays (n,)
        One value of each electron for each axis; NaN falls in no cell.
    edges : d arrays (bins + 1,)
        Ascending edges; a bin holds its lower edge, the last one also its upper edge.

    Returns
    -------
    counts : d-dimensional int
        They add over blocks.
    outside : int
        Electrons that fall in no cell.
    """
    shape = tuple(len(each) - 1 for each in edges)
    inside = np.ones(len(columns[0]), bool)
    flat = np.zeros(len(columns[0]), np.int64)
    for values, bounds, size in zip(columns, edges, shape, strict=True):
        place = np.searchsorted(bounds, values, side="right") - 1
        place[values == bounds[-1]] = size - 1
        inside &= (place >= 0) & (place < size) & np.isfinite(values)
        flat = flat * size + np.clip(place, 0, size - 1)
    counts = np.bincount(flat[inside], minlength=int(np.prod(shape)))
    return counts.reshape(shape), int((~inside).sum())


def carried_forward(values: Floats) -> tuple[Floats, int]:
    """Values (n,), each gap from the last value before it, and how many were; a leading gap stays."""
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    filled = np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
    return filled, int((~known & np.isfinite(filled)).sum())


def poisson_errors(counts: NDArray[np.int64]) -> Floats:
    """Standard uncertainty of counts: their square root; an empty cell has 0 and no claim to it."""
    return np.asarray(np.sqrt(counts.astype(np.float64)))
