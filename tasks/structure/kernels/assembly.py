"""Copies of a molecule moved by operators, and whether a file holds them already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def moved(positions: Floats, rotation: Floats, translation: Floats) -> Floats:
    """`positions` (n, 3) turned by `rotation` (3, 3), then shifted by `translation` (3,)."""
    return np.asarray(positions @ rotation.T + translation)


def superposed(centres: Floats, radius: float) -> bool:
    """Whether copies lie upon each other, as in an ensemble: centres (k, 3) closer than half of `radius`."""
    gaps = np.linalg.norm(centres[1:] - centres[0], axis=1)
    return bool((gaps < 0.5 * radius).any())


def same_places(centres: Floats, others: Floats, within: float = 1.0) -> bool:
    """Whether each of `centres` (k, 3) has one of `others` (k, 3) of its own within that distance."""
    if len(centres) != len(others):
        return False
    distance = np.linalg.norm(centres[:, None] - others[None], axis=2)
    nearest = distance.argmin(axis=1)
    return bool(len(set(nearest.tolist())) == len(centres) and (distance.min(axis=1) < within).all())
