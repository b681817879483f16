"""How far resonances move between two states, and which of them move more than the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_ROUNDS = 100


def distance(proton: Floats, nitrogen: Floats, weight: Floats | float) -> Floats:
    r"""Weighted distance (n,) in ppm of shift differences (n,) in ppm.

    .. math:: d = \sqrt{\Delta\delta_H^2 + (w \Delta\delta_N)^2}

    References
    ----------
    M. P. Williamson, *Prog. Nucl. Magn. Reson. Spectrosc.* 73 (2013) 1, who takes 0.14 as
    weight of nitrogen, 0.20 in glycine, and half the sum of squares, which is this
    distance over the root of two.
    """
    found: Floats = np.hypot(proton, np.asarray(weight) * nitrogen)
    return found


def distance_error(
    proton: Floats, nitrogen: Floats, weight: Floats | float, errors: tuple[Floats, Floats]
) -> Floats:
    """Standard uncertainty (n,) of :func:`distance` for those of both differences.

    To first order, and at no distance, where there is no direction, that of the larger part.
    """
    weight = np.broadcast_to(np.asarray(weight, float), proton.shape)
    parts = errors[0], weight * errors[1]
    length = distance(proton, nitrogen, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.hypot(proton * parts[0], weight * nitrogen * parts[1]) / length
    found: Floats = np.where(length > 0, along, np.maximum(*parts))
    return found


def background(distances: Floats, deviations: float = 3.0) -> float:
    """Root mean square (ppm) of the `distances` (n,) that do not stand out.

    Those above `deviations` times it are left out until none is, since resonances at a binding
    site are not part of the spread of the others: F. H. Schumann et al., *J. Biomol. NMR* 39
    (2007) 275. Zero if nothing moved.
    """
    kept = distances[np.isfinite(distances)]
    for _ in range(MOST_ROUNDS):
        spread = float(np.sqrt(np.mean(kept**2))) if len(kept) else 0.0
        fresh = kept[kept <= deviations * spread]
        if len(fresh) == len(kept) or not len(fresh):
            return spread
        kept = fresh
    return spread
