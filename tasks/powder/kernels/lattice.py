"""Cubic lattices: which reflections they have, and the edge of the cell that fits measured angles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]
Centring = Literal["P", "I", "F", "diamond"]
Offset = Literal["none", "zero", "displacement"]


def allowed(h: Ints, k: Ints, l: Ints, centring: Centring) -> NDArray[np.bool_]:  # noqa: E741
    """Whether a cubic lattice of this centring can diffract into hkl (n,)."""
    same = (h % 2 == k % 2) & (k % 2 == l % 2)
    rules: dict[str, NDArray[np.bool_]] = {
        "P": np.ones(h.shape, bool),
        "I": (h + k + l) % 2 == 0,
        "F": same,
        "diamond": same & ((h % 2 == 1) | ((h + k + l) % 4 == 0)),
    }
    return rules[centring]


def reflections(edge: float, centring: Centring, shortest: float) -> tuple[Ints, Floats]:
    """Reflections of a cubic lattice with spacings of at least `shortest`, the longest first.

    Parameters
    ----------
    edge, shortest : float, angstrom

    Returns
    -------
    (n, 3) int, (n,) float
        One hkl, h ≥ k ≥ l ≥ 0, for each spacing (angstrom).
    """
    most = int(edge / shortest) + 1
    h, k, l = np.meshgrid(*[np.arange(most + 1)] * 3, indexing="ij")  # noqa: E741
    keep = (h >= k) & (k >= l) & (h > 0)
    h, k, l = h[keep], k[keep], l[keep]  # noqa: E741
    squares = h**2 + k**2 + l**2
    good = allowed(h, k, l, centring) & (edge / np.sqrt(squares) >= shortest)
    indices = np.column_stack([h, k, l])[good]
    # 333 and 511 have one spacing; the first in this order stands for both.
    order = np.lexsort((-indices[:, 0], squares[good]))
    indices = indices[order]
    _, first = np.unique((indices**2).sum(axis=1), return_index=True)
    chosen = indices[np.sort(first)]
    return chosen, edge / np.sqrt((chosen**2).sum(axis=1))


def spacing(two_theta: Floats, wavelength: float) -> Floats:
    """Spacing (unit of the wavelength) that scatters into two_theta (rad)."""
    return wavelength / (2.0 * np.sin(two_theta / 2.0))


def scattering_angle(spacings: Floats, wavelength: float) -> Floats:
    """Angle two_theta (rad) of spacings in the unit of the wavelength; NaN where there is none."""
    with np.errstate(invalid="ignore"):
        angle: Floats = 2.0 * np.arcsin(wavelength / (2.0 * np.asarray(spacings, float)))
    return angle


def offset_shape(two_theta: Floats, offset: Offset) -> Floats:
    """By how much each angle (rad) moves for an offset of one: a wrong zero, or a sample beside the axis."""
    shapes: dict[str, Floats] = {
        "none": np.zeros_like(two_theta),
        "zero": np.ones_like(two_theta),
        "displacement": np.cos(two_theta / 2),
    }
    return shapes[offset]


@dataclass(frozen=True)
class Lattice:
    """The edge of a cell (angstrom) with uncertainty, the offset (rad) if one was fitted, and residuals."""

    edge: float
    edge_error: float
    offset: float
    offset_error: float
    residuals: Floats
    chi2: float


def fit_in_angle(
    two_theta: Floats, errors: Floats, squares: Floats, wavelength: float, edge: float, offset: Offset
) -> Lattice:
    """Edge of a cubic cell from angles (n,), rad, with h²+k²+l² in `squares` (n,), by least squares.

    `offset` lets all angles be off by a constant (a wrong zero) or in proportion to the
    cosine of half the angle (a sample beside the axis of a reflection geometry).
    Residuals are observed minus calculated, rad. Errors are widened by the root of the
    reduced chi squared where that exceeds 1: the scatter then tells more than counting.
    """
    names = 1 if offset == "none" else 2
    shift, covariance = 0.0, np.zeros((2, 2))
    for _ in range(20):
        angle = scattering_angle(edge / np.sqrt(squares), wavelength)
        slope = offset_shape(angle, offset)
        # d(2 theta)/da = -2 tan(theta) / a
        jacobian = np.column_stack([-2.0 * np.tan(angle / 2.0) / edge, slope])[:, :names] / errors[:, None]
        left = (two_theta - angle - shift * slope) / errors
        covariance[:names, :names] = np.linalg.pinv(jacobian.T @ jacobian)
        step = covariance[:names, :names] @ jacobian.T @ left
        edge += float(step[0])
        shift += float(step[1]) if names == 2 else 0.0
        if abs(step[0]) < 1e-10 * edge:
            break
    angle = scattering_angle(edge / np.sqrt(squares), wavelength)
    residuals = two_theta - angle - shift * offset_shape(angle, offset)
    return _lattice(edge, shift, covariance, residuals, residuals / errors, names)


def fit_in_q(q: Floats, errors: Floats, squares: Floats) -> Lattice:
    """Edge of a cubic cell from momentum transfers (n,), 1/angstrom; residuals in 1/angstrom."""
    # q = (2 pi / a) sqrt(N) is linear in 1/a.
    root = np.sqrt(squares)
    weights = 1.0 / errors**2
    inverse = float((weights * root * q).sum() / (weights * squares).sum())
    edge = 2.0 * np.pi / inverse
    sigma = edge / inverse / np.sqrt(float((weights * squares).sum()))
    residuals = q - inverse * root
    covariance = np.array([[sigma**2, 0.0], [0.0, 0.0]])
    return _lattice(edge, 0.0, covariance, residuals, residuals / errors, 1)


def _lattice(
    edge: float, shift: float, covariance: Floats, residuals: Floats, reduced: Floats, names: int
) -> Lattice:
    free = len(residuals) - names
    chi2 = float((reduced**2).sum() / free) if free > 0 else float("nan")
    widen = np.sqrt(max(chi2, 1.0)) if free > 0 else 1.0
    sigma = np.sqrt(np.diag(covariance)) * widen
    return Lattice(edge, float(sigma[0]), shift, float(sigma[1]), residuals, chi2)
