"""Energies of K lines of the elements, and the straight line from channels to energies."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Kα1, Kα2 and Kβ1 in eV: A. C. Thompson et al., X-ray Data Booklet (2009), table 1-2.
K_LINES: dict[str, tuple[float, float, float]] = {
    "Al": (1486.70, 1486.27, 1557.45),
    "Si": (1739.98, 1739.38, 1835.94),
    "P": (2013.7, 2012.7, 2139.1),
    "S": (2307.84, 2306.64, 2464.04),
    "Cl": (2622.39, 2620.78, 2815.6),
    "Ar": (2957.70, 2955.63, 3190.5),
    "K": (3313.8, 3311.1, 3589.6),
    "Ca": (3691.68, 3688.09, 4012.7),
    "Sc": (4090.6, 4086.1, 4460.5),
    "Ti": (4510.84, 4504.86, 4931.81),
    "V": (4952.20, 4944.64, 5427.29),
    "Cr": (5414.72, 5405.509, 5946.71),
    "Mn": (5898.75, 5887.65, 6490.45),
    "Fe": (6403.84, 6390.84, 7057.98),
    "Co": (6930.32, 6915.30, 7649.43),
    "Ni": (7478.15, 7460.89, 8264.66),
    "Cu": (8047.78, 8027.83, 8905.29),
    "Zn": (8638.86, 8615.78, 9572.0),
    "Ga": (9251.74, 9224.82, 10264.2),
    "Ge": (9886.42, 9855.32, 10982.1),
    "As": (10543.72, 10507.99, 11726.2),
    "Se": (11222.4, 11181.4, 12495.9),
    "Br": (11924.2, 11877.6, 13291.4),
    "Kr": (12649.0, 12598.0, 14112.0),
    "Rb": (13395.3, 13335.8, 14961.3),
    "Sr": (14165.0, 14097.9, 15835.7),
    "Y": (14958.4, 14882.9, 16737.8),
    "Zr": (15775.1, 15690.9, 17667.8),
    "Nb": (16615.1, 16521.0, 18622.5),
    "Mo": (17479.34, 17374.3, 19608.3),
}
NAME = re.compile(r"^([A-Z][a-z]?)[ _-]?K(a|b|α|β)$")


def line_energy(name: str) -> float | None:
    """Energy (eV) of a line such as "Co Ka" as a solid-state detector sees it; None for one not in the table.

    The two Kα lines are not resolved there: their mean, two to one as their intensities.
    """
    found = NAME.match(name.strip())
    if found is None or found[1] not in K_LINES:
        return None
    alpha1, alpha2, beta1 = K_LINES[found[1]]
    return (2 * alpha1 + alpha2) / 3 if found[2] in ("a", "α") else beta1


def straight_line(channel: Floats, errors: Floats, energy: Floats) -> tuple[float, float, Floats, Floats]:
    """Offset and gain (unit of energy) of ``energy = offset + gain channel``, by least squares.

    Parameters
    ----------
    channel, errors : (n,) float
        Fitted positions of lines and their uncertainties, n ≥ 2.
    energy : (n,) float

    Returns
    -------
    offset, gain : float
    covariance : (2, 2) float
        Widened by the reduced chi squared where that exceeds 1 and n > 2.
    residuals : (n,) float
        Energy by the line minus energy, unit of energy.
    """
    model = np.column_stack([np.ones_like(channel), channel])
    gain = (energy[-1] - energy[0]) / (channel[-1] - channel[0])
    weights = 1.0 / (abs(gain) * errors)
    solved, *_ = np.linalg.lstsq(model * weights[:, None], energy * weights, rcond=None)
    residuals = model @ solved - energy
    free = len(channel) - 2
    chi2 = float(((residuals * weights) ** 2).sum() / free) if free > 0 else 1.0
    covariance = np.linalg.pinv((model * weights[:, None]).T @ (model * weights[:, None])) * max(chi2, 1.0)
    return float(solved[0]), float(solved[1]), covariance, residuals
