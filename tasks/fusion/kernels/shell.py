"""The radius that a hydration shell adds to a compact particle, by spheres."""

from __future__ import annotations

import numpy as np

# Electrons in a cubic angstrom that a protein has over water.
PROTEIN_CONTRAST = 0.09


def hydrated_radius(bare: float, contrast: float, thickness: float) -> float:
    r"""Radius of gyration (angstrom) of a sphere of `bare` radius of gyration with a shell around it.

    .. math:: R_g^2 = \frac{3}{5} \frac{\rho R^5 + \delta ((R + t)^5 - R^5)}
                                      {\rho R^3 + \delta ((R + t)^3 - R^3)}, \quad R = \sqrt{5/3} R_{g,bare}

    `contrast` (the delta above) is that of the shell and 0.09 that of protein, in
    electrons/angstrom³; `thickness` in angstrom. Elongated particles gain less.
    """
    inner = bare * np.sqrt(5 / 3)
    outer = inner + thickness
    fifth = PROTEIN_CONTRAST * inner**5 + contrast * (outer**5 - inner**5)
    third = PROTEIN_CONTRAST * inner**3 + contrast * (outer**3 - inner**3)
    return float(np.sqrt(0.6 * fifth / third))
