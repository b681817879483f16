"""Shells of resolution: how strong reflections are over their noise, from long to short spacings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shells:
    """For each shell its longest and shortest spacing, how many reflections it has, and mean I / sigma."""

    longest: Floats
    shortest: Floats
    count: NDArray[np.int_]
    mean_ratio: Floats
    mean_intensity: Floats


def shells(spacing: Floats, intensity: Floats, sigma: Floats, number: int) -> Shells:
    """`number` shells of equal volume in reciprocal space.

    Parameters
    ----------
    spacing : (n,) float, angstrom
    intensity, sigma : (n,) float
        A reflection without a finite intensity and a positive sigma does not count.
    """
    good = np.isfinite(intensity) & np.isfinite(sigma) & (sigma > 0)
    s, ratio, strength = 1.0 / spacing[good] ** 3, intensity[good] / sigma[good], intensity[good]
    edges = np.linspace(float(s.min()), float(s.max()), number + 1)
    place = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, number - 1)
    count = np.bincount(place, minlength=number)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_ratio = np.bincount(place, ratio, number) / count
        mean = np.bincount(place, strength, number) / count
    return Shells(edges[:-1] ** (-1 / 3), edges[1:] ** (-1 / 3), count, mean_ratio, mean)


def limit(found: Shells, least: float) -> float | None:
    """Spacing to which mean I / sigma stays at or above `least`; None if it never is.

    Where it falls below, the place is interpolated between the middles of the two shells.
    """
    usable = found.count > 0
    ratio = found.mean_ratio
    weak = np.flatnonzero(usable & ~(ratio >= least))
    if not len(weak):
        return float(found.shortest[usable].min())
    first = int(weak[0])
    if first == 0:
        return None
    middle = 0.5 * (found.longest**-3 + found.shortest**-3)
    part = (ratio[first - 1] - least) / (ratio[first - 1] - ratio[first])
    return float((middle[first - 1] + part * (middle[first] - middle[first - 1])) ** (-1 / 3))
