"""Signs that a curve is not that of single, equal, independent particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.saxs.kernels.guinier import Guinier
from tasks.saxs.kernels.indirect import Distances, transform_matrix

Floats = NDArray[np.float64]

# A body with a deep first minimum at q has Rg of at most 3.5/q (sphere 3.48, thin shell 3.14);
# compact assemblies such as tetramers reach 4.
ROUND_BODY = 4.2
DEEP = 1.5


def low_q_deviation(q: Floats, intensity: Floats, errors: Floats, fit: Guinier) -> tuple[float, float]:
    """How far the points before the Guinier range lie from its line: (relative, in standard errors).

    Positive where the curve turns up (aggregates), negative where it turns down
    (repulsion between particles). The statistical uncertainty of
    I(0) counts; that from the choice of range would hide what is asked here. (0, 0) where the range
    starts at the first point. All (n,) float, as given to `search`.
    """
    if fit.first == 0:
        return 0.0, 0.0
    part = slice(0, fit.first)
    model = fit.intensity(q[part])
    ratio, relative = intensity[part] / model - 1, errors[part] / model
    weights = relative**-2.0
    mean = float(np.average(ratio, weights=weights))
    return mean, mean / float(np.hypot(weights.sum() ** -0.5, fit.forward_statistical / fit.forward))


def first_minimum(found: Distances, q_min: float, q_max: float) -> float | None:
    """The q of the first deep minimum of the smooth curve between q_min and q_max, None without one.

    Deep: the next maximum is at least half as high again.
    """
    q = np.linspace(q_min, q_max, 200)
    curve = transform_matrix(q, found.r) @ found.p
    steps = np.diff(curve)
    for place in np.flatnonzero((steps[:-1] < 0) & (steps[1:] >= 0)) + 1:
        rising = place + int(np.argmax(np.diff(curve[place:], append=-np.inf) < 0))
        if curve[place] > 0 and curve[rising] >= DEEP * curve[place]:
            return float(q[place])
    return None


def second_lobe(found: Distances) -> tuple[float, float]:
    """Place and share of a further lobe of P(r) beyond its main one: (distance, area over all area).

    A lobe counts if it is 1 % of the main maximum high and rises from the gap before it
    by at least its own standard error. (0, 0) without one. Dimers and aggregates have one.
    """
    p, errors = found.p, found.p_errors
    top = int(np.argmax(p))
    steps = np.diff(p)
    gaps = [k for k in range(top + 1, len(p) - 1) if steps[k - 1] < 0 <= steps[k]]
    for gap in gaps:
        after = gap + int(np.argmax(p[gap:]))
        if p[after] > 0.01 * p[top] and p[after] - p[gap] > errors[after]:
            return float(found.r[after]), float(p[gap:].sum() / p.sum())
    return 0.0, 0.0
