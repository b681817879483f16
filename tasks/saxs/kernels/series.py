"""What a concentration series says at zero concentration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A weighted straight line: value at zero and slope, with errors; chi2 per degree of freedom."""

    intercept: float
    intercept_error: float
    slope: float
    slope_error: float
    chi2: float


def line(x: Floats, y: Floats, errors: Floats) -> Line:
    """Weighted least squares of y (k,) with errors on x (k,); errors widen where chi2 exceeds 1.

    With two points there is no chi2 (NaN). Raises ValueError below two distinct x.
    """
    if len(np.unique(x)) < 2:
        raise ValueError("an extrapolation needs two different concentrations or more")
    design = np.column_stack([np.ones_like(x), x]) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    intercept, slope = covariance @ design.T @ (y / errors)
    squared = float(np.sum(((y - intercept - slope * x) / errors) ** 2))
    chi2 = squared / (len(x) - 2) if len(x) > 2 else float("nan")
    widening = np.sqrt(np.nanmax([chi2, 1.0]))
    spread = widening * np.sqrt(np.diag(covariance))
    return Line(float(intercept), float(spread[0]), float(slope), float(spread[1]), chi2)


def extrapolated(concentrations: Floats, curves: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """The curve per unit concentration at zero concentration, point by point.

    Parameters
    ----------
    concentrations : (k,) float, unit c
        Positive, at least two different.
    curves, errors : (k, n) float, unit of I
        One row for each concentration.

    Returns
    -------
    curve, error : (n,) float, unit of I over c
        Of the weighted line of I/c against c, at c = 0.
    """
    c = concentrations[:, None]
    y, weights = curves / c, (errors / c) ** -2.0
    s0, s1, s2 = weights.sum(axis=0), (weights * c).sum(axis=0), (weights * c**2).sum(axis=0)
    t0, t1 = (weights * y).sum(axis=0), (weights * c * y).sum(axis=0)
    determinant = s0 * s2 - s1**2
    return (s2 * t0 - s1 * t1) / determinant, np.sqrt(s2 / determinant)


def second_virial(inverse: Line, mass_g_mol: float | None) -> tuple[float, float]:
    r"""Second virial coefficient (mol ml/g²) with error from the line of c/I(0) against c (mg/ml).

    :math:`c/I(0) \propto (1/M)(1 + 2 A_2 M c)`, so A2 = slope/intercept/(2M). Without a mass,
    the product A2 M (ml/g) is returned instead. Positive means repulsion.

    References
    ----------
    B. H. Zimm, J. Chem. Phys. 16, 1093 (1948).
    """
    per_mg = inverse.slope / inverse.intercept / 2
    relative = np.hypot(inverse.slope_error / inverse.slope, inverse.intercept_error / inverse.intercept)
    scale = 1000 / (mass_g_mol if mass_g_mol is not None else 1.0)
    return per_mg * scale, float(abs(per_mg * relative) * scale)
