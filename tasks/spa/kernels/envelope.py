"""The particle in a map: what stands above a level, how large it is, and where a level may lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Envelope:
    """Extent (angstrom; z, y, x), longest distance (angstrom) and volume (angstrom³) above a level.

    `parts` counts pieces that do not touch; extent and distance are those of the
    largest, volume and `share` (of the volume in the largest) tell of the others.
    """

    extent: tuple[float, float, float]
    longest: float
    volume: float
    parts: int
    share: float


def particle(density: Floats, level: float) -> tuple[Mask, int, float]:
    """The largest connected piece above `level`, the number of pieces, and its share of their voxels."""
    above = density >= level
    labels, count = ndimage.label(above)
    if count == 0:
        return above, 0, 0.0
    sizes = np.bincount(labels.ravel())[1:]
    largest = int(sizes.argmax()) + 1
    return labels == largest, int(count), float(sizes.max() / sizes.sum())


def envelope(density: Floats, voxel: Floats, level: float) -> Envelope | None:
    """Size of what is at `level` or above in a map (z, y, x) of voxels (3,) angstrom; None for nothing."""
    mask, parts, share = particle(density, level)
    if parts == 0:
        return None
    places = np.argwhere(mask)
    edges = (np.ptp(places, axis=0) + 1) * voxel
    corners = places * voxel
    try:
        corners = corners[ConvexHull(corners).vertices]
    except QhullError:
        # All in one plane: the hull has no volume, so the ends of every axis must do.
        corners = corners[np.unique(np.concatenate([corners.argmin(axis=0), corners.argmax(axis=0)]))]
    longest = float(pdist(corners).max()) if len(corners) > 1 else 0.0
    # From the outer face of one voxel to that of the other.
    longest += float(np.mean(voxel))
    volume = float((density >= level).sum() * np.prod(voxel))
    return Envelope(tuple(float(e) for e in edges), longest, volume, parts, share)  # type: ignore[arg-type]


def otsu(values: Floats, bins: int = 512) -> float:
    """The value that best parts `values` in two classes by their variance.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9, 62 (1979).
    """
    counts, edges = np.histogram(values, bins)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    moment = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (moment / below - (moment[-1] - moment) / above) ** 2
    return float(edges[1:][int(np.nanargmax(np.where(above > 0, between, np.nan)))])
