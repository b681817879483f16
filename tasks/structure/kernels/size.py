"""How large a set of points is: radius of gyration and largest distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

Floats = NDArray[np.float64]


def radius_of_gyration(positions: Floats, weights: Floats) -> float:
    """Root of the weighted mean square distance from the weighted centre, in the unit of `positions` (n, 3).

    Raises
    ------
    ValueError
        If the weights (n,) do not sum to something positive.
    """
    total = weights.sum()
    if not total > 0:
        raise ValueError("the weights must have a positive sum")
    centre = weights @ positions / total
    return float(np.sqrt(weights @ ((positions - centre) ** 2).sum(axis=1) / total))


def largest_distance(positions: Floats) -> float:
    """Largest distance between two of the points (n, 3), exact; both lie on the convex hull."""
    if len(positions) < 2:
        return 0.0
    try:
        corners = positions[ConvexHull(positions).vertices]
    except QhullError:
        # Fewer than four points, or all in one plane: the hull has no volume, so all points count.
        corners = positions
    return float(pdist(corners).max())
