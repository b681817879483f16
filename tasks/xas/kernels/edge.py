"""The position of an absorption edge: where the spectrum is steepest, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def slopes(energy: Floats, absorption: Floats, points: int) -> Floats:
    """Slope at every point from a parabola through `points` neighbours (odd), on any spacing.

    Parameters
    ----------
    energy : (n,) float, ascending
    absorption : (n,) float
    points : int
        3 or more; near the ends the window is cut.

    Returns
    -------
    (n,) float
        Unit of absorption by unit of energy.
    """
    half = points // 2
    found = np.empty(len(energy))
    for place in range(len(energy)):
        first, last = max(0, place - half), min(len(energy), place + half + 1)
        x = energy[first:last] - energy[place]
        scale = float(np.abs(x).max())
        terms = np.polynomial.polynomial.polyfit(x / scale, absorption[first:last], 2 if len(x) > 2 else 1)
        found[place] = terms[1] / scale
    return found


@dataclass(frozen=True)
class Edge:
    """Energy of an edge with its uncertainty, in the unit of the axis, and the slopes it is from."""

    position: float
    error: float
    slopes: Floats


def edge_position(energy: Floats, absorption: Floats, points: int) -> Edge:
    """Where the spectrum is steepest, refined by a parabola through the three steepest points.

    The uncertainty joins the spacing of points there (a uniform one, step / √12) and
    how far the position moves when the slope is taken over two points more or fewer.
    """
    widths = sorted({max(3, points - 2), points, points + 2})
    places = []
    for width in widths:
        steep = slopes(energy, absorption, width)
        places.append(_top(energy, steep))
    steep = slopes(energy, absorption, points)
    top = int(steep.argmax())
    step = float(np.diff(energy[max(0, top - 1) : top + 2]).max())
    error = float(np.hypot(step / np.sqrt(12.0), np.std(places)))
    return Edge(_top(energy, steep), error, steep)


def _top(energy: Floats, steep: Floats) -> float:
    top = int(steep.argmax())
    if top in (0, len(steep) - 1):
        return float(energy[top])
    x, y = energy[top - 1 : top + 2] - energy[top], steep[top - 1 : top + 2]
    c0, c1, c2 = np.polynomial.polynomial.polyfit(x, y, 2)
    del c0
    if c2 >= 0:
        return float(energy[top])
    return float(energy[top] + np.clip(-c1 / (2 * c2), x[0], x[2]))


def normalised(
    energy: Floats, absorption: Floats, edge: float, before: tuple[float, float], after: tuple[float, float]
) -> tuple[Floats, float]:
    """Absorption with its slope before the edge taken off and its step set to 1, and the step itself.

    Straight lines are fitted `before` and `after` (from, to) in the unit of energy
    relative to the edge; both are taken at the edge.

    Raises
    ------
    ValueError
        A range holds fewer than three points.
    """
    relative = energy - edge
    fits = []
    for low, high in (before, after):
        inside = (relative >= low) & (relative <= high)
        if inside.sum() < 3:
            raise ValueError(f"{int(inside.sum())} points lie between {low:g} and {high:g} from the edge")
        fits.append(np.polynomial.polynomial.polyfit(relative[inside], absorption[inside], 1))
    step = float(fits[1][0] - fits[0][0])
    below = fits[0][0] + fits[0][1] * relative
    return (absorption - below) / step, step
