"""Projections: from counts to line integrals, and where the axis of rotation falls on the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def transmission(counts: Floats, flat: Floats, dark: Floats) -> Floats:
    """Share of the beam that passes: (counts - dark) / (flat - dark), NaN where no light came.

    Parameters
    ----------
    counts : (n, ...) float, count
    flat, dark : (...) float, count
        Means without sample and without beam.
    """
    light = flat - dark
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.where(light > 0, (counts - dark) / light, np.nan)
    return share


def line_integrals(share: Floats) -> Floats:
    """Attenuation integrated along the beam, -ln of the transmission; NaN where that is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        integral: Floats = np.where(share > 0, -np.log(np.where(share > 0, share, 1.0)), np.nan)
    return integral


@dataclass(frozen=True)
class Axis:
    """Position of the axis of rotation (pixel, 0 is the centre of the first) with its uncertainty.

    `spread` is the relative scatter of the total attenuation over angles: small only if
    the whole sample stayed in view.
    """

    position: float
    error: float
    spread: float


def axis_by_centroid(sinogram: Floats, angle: Floats) -> Axis:
    """Axis from the centre of mass of every projection, which moves on a sine about it.

    Parameters
    ----------
    sinogram : (n, x) float
        Line integrals of one row, without background outside the sample.
    angle : (n,) float, rad

    Notes
    -----
    Exact for any sample that stays in view; the residual scatter gives the uncertainty.

    References
    ----------
    S. G. Azevedo et al., *IEEE Trans. Nucl. Sci.* **37**, 1525 (1990).
    """
    x = np.arange(sinogram.shape[1])
    mass = sinogram.sum(axis=1)
    centre = (sinogram * x).sum(axis=1) / mass
    model = np.column_stack([np.ones_like(angle), np.cos(angle), np.sin(angle)])
    solved, *_ = np.linalg.lstsq(model, centre, rcond=None)
    left = centre - model @ solved
    free = max(len(angle) - 3, 1)
    covariance = np.linalg.pinv(model.T @ model) * float(left @ left) / free
    spread = float(mass.std() / abs(mass.mean()))
    return Axis(float(solved[0]), float(np.sqrt(covariance[0, 0])), spread)


def axis_by_opposite(first: Floats, second: Floats) -> float:
    """Axis from two projections (rows, x) half a turn apart: one is the mirror image of the other.

    The shift that makes the second, mirrored, lie on the first is found by correlation,
    to a fraction of a pixel by a parabola through its three highest values.
    """
    columns = first.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * columns)))
    mirrored = second[:, ::-1]
    # Slopes, not values: what a cropped view ends with would pull the shift towards zero.
    a, b = (np.fft.rfft(np.diff(each, axis=1), size, axis=1) for each in (first, mirrored))
    correlation = np.fft.irfft(a * np.conj(b), size, axis=1).sum(axis=0)
    top = int(correlation.argmax())
    before, at, after = correlation[top - 1], correlation[top], correlation[(top + 1) % size]
    bend = before - 2 * at + after
    part = 0.5 * (before - after) / bend if bend else 0.0
    shift = (top if top < size // 2 else top - size) + part
    # The mirror image x -> columns - 1 - x lies `shift` to the left of where the axis puts it.
    return float((columns - 1 + shift) / 2.0)


def nearest_opposites(angle: Floats, most: int, tolerance: float) -> list[tuple[int, int]]:
    """Pairs of projections half a turn apart to within `tolerance` (rad), the closest first."""
    order = np.argsort(angle)
    pairs = []
    for first in range(len(angle)):
        wanted = angle[first] + np.pi
        place = int(np.clip(np.searchsorted(angle[order], wanted), 1, len(angle) - 1))
        for candidate in (order[place - 1], order[place]):
            pairs.append((abs(float(angle[candidate] - wanted)), first, int(candidate)))
    pairs = sorted(pair for pair in pairs if pair[0] <= tolerance)
    return [(first, second) for _, first, second in pairs[:most]]
