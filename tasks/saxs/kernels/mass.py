"""Molecular mass of a protein by several routes, and their combination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AVOGADRO = 6.02214076e23
ELECTRON_RADIUS_CM = 2.8179403e-13
# Electrons per gram of dry protein, and per cubic centimetre of water.
PROTEIN_ELECTRONS_PER_G = 3.22e23
WATER_ELECTRONS_PER_CM3 = 3.34e23

# Mass in dalton is (Vc²/Rg)/0.1231 for proteins, angstrom throughout.
PROTEIN_CORRELATION = 0.1231
# How far these routes stray from known masses of globular proteins, relative.
CORRELATION_SPREAD = 0.12
CORRECTED_SPREAD = 0.10
POROD_SPREAD = 0.20
# The calibrations were made on larger proteins. Below about this mass (kDa) hydration and inner
# structure weigh more than they know: lysozyme, 14.3 kDa, comes out at 8 to 12 by each of them.
SMALL_KDA = 30.0
POROD_ANGSTROM3_PER_DALTON = 1.6
PROTEIN_DALTON_PER_ANGSTROM3 = 0.83


@dataclass(frozen=True, slots=True)
class Mass:
    """A mass in kDa and its standard uncertainty, calibration included."""

    kda: float
    error: float


def _mass(kda: float, *relative: float) -> Mass:
    return Mass(float(kda), float(kda * np.sqrt(np.sum(np.square(relative)))))


def widened(spread: float, kda: float) -> float:
    r"""Relative calibration spread at a mass: as stated for large proteins, growing below `SMALL_KDA`.

    Masses come out as low as half the truth at 10 kDa, so the spread is scaled by
    :math:`\sqrt{1 + (M_s / M)^2}`, which leaves it as it was for masses far above.
    """
    return float(spread * np.sqrt(1.0 + (SMALL_KDA / max(kda, 1e-3)) ** 2))


def by_correlation(vc: float, vc_error: float, radius: float, radius_error: float) -> Mass:
    r"""Mass from volume of correlation (angstrom²) and Rg (angstrom): :math:`V_c^2/R_g/0.1231` Da.

    For proteins, with V_c integrated to 0.3 1/angstrom. A calibration spread of 12 %
    is part of the error.

    References
    ----------
    R. P. Rambo and J. A. Tainer, Nature 496, 477 (2013).
    """
    kda = vc**2 / radius / PROTEIN_CORRELATION / 1000
    return _mass(kda, 2 * vc_error / vc, radius_error / radius, widened(CORRELATION_SPREAD, kda))


def by_porod(volume: float, volume_error: float) -> Mass:
    """Mass from the Porod volume (angstrom³) of a globular protein: a 1.6th of it in Da, within 20 %.

    References
    ----------
    M. V. Petoukhov et al., J. Appl. Cryst. 45, 342 (2012).
    """
    kda = volume / POROD_ANGSTROM3_PER_DALTON / 1000
    return _mass(kda, volume_error / volume, widened(POROD_SPREAD, kda))


def corrected_volume(volume: float, q_max: float) -> float:
    r"""Volume (angstrom³) of a protein from the invariant truncated at `q_max` (1/angstrom).

    :math:`V = A(q_{max}) + B(q_{max}) V'`, with polynomials calibrated on computed curves
    of known protein structures for 0.15 to 0.45 1/angstrom.

    Raises
    ------
    ValueError
        If `q_max` lies outside the calibration.

    References
    ----------
    H. Fischer et al., J. Appl. Cryst. 43, 101 (2010); V. Piiadov et al., Protein Sci. 28, 454 (2019).
    """
    if not 0.15 <= q_max <= 0.45:
        raise ValueError(f"the volume correction is known for 0.15 to 0.45 1/angstrom, not {q_max:.3g}")
    offset = np.polyval([-2.114e6, 2.920e6, -1.472e6, 3.349e5, -3.577e4], q_max)
    slope = np.polyval([12.09, -9.39, 3.03, 0.29], q_max)
    return float(offset + slope * volume)


def by_corrected_volume(volume: float, volume_error: float, q_max: float) -> Mass:
    """Mass from `truncated_porod_volume` (angstrom³), corrected for `q_max`, at 0.83 Da/angstrom³.

    A calibration spread of 10 % is part of the error. Sources as of `corrected_volume`.
    """
    corrected = corrected_volume(volume, q_max)
    if not corrected > 0:
        raise ValueError(f"the corrected volume is {corrected:.3g}: the particle is too small for this route")
    error = volume_error * (corrected_volume(volume * 1.01, q_max) - corrected) / (0.01 * volume)
    kda = corrected * PROTEIN_DALTON_PER_ANGSTROM3 / 1000
    return _mass(kda, error / corrected, widened(CORRECTED_SPREAD, kda))


def contrast_per_mass(partial_specific_volume_ml_g: float) -> float:
    """Scattering contrast of protein in water per mass (cm/g) for X-rays."""
    electrons = PROTEIN_ELECTRONS_PER_G - WATER_ELECTRONS_PER_CM3 * partial_specific_volume_ml_g
    return electrons * ELECTRON_RADIUS_CM


def by_absolute_scale(
    forward: float,
    forward_error: float,
    concentration_mg_ml: float,
    *,
    concentration_error: float = 0.0,
    partial_specific_volume_ml_g: float = 0.7425,
    volume_error_ml_g: float = 0.01,
) -> Mass:
    r""":math:`M = N_A I(0) / (c\, \Delta\rho_M^2)`, I(0) in 1/cm and c in mg/ml (errors likewise).

    The contrast per mass squared falls steeply with the partial specific volume: 0.01 ml/g
    is 9 % of the mass.

    Raises
    ------
    ValueError
        If the concentration is not positive.

    References
    ----------
    E. Mylonas and D. I. Svergun, J. Appl. Cryst. 40, s245 (2007).
    """
    if not concentration_mg_ml > 0:
        raise ValueError(f"mass from I(0) needs a positive concentration, not {concentration_mg_ml} mg/ml")
    contrast = contrast_per_mass(partial_specific_volume_ml_g)
    moved = contrast_per_mass(partial_specific_volume_ml_g + volume_error_ml_g) / contrast - 1
    kda = AVOGADRO * forward / (concentration_mg_ml / 1000 * contrast**2) / 1000
    return _mass(kda, forward_error / forward, concentration_error / concentration_mg_ml, 2 * moved)


def by_standard(
    forward: float,
    forward_error: float,
    concentration: float,
    *,
    standard_forward: float,
    standard_concentration: float,
    standard_kda: float,
    standard_error: float = 0.0,
    concentration_error: float = 0.0,
) -> Mass:
    """Mass from I(0)/c relative to a standard's of known mass, same unit of I and c for both.

    `standard_error` is the relative uncertainty of the standard's I(0)/c.
    """
    if not (concentration > 0 and standard_concentration > 0 and standard_forward > 0):
        raise ValueError("mass by a standard needs positive concentrations and a positive standard I(0)")
    kda = standard_kda * (forward / concentration) / (standard_forward / standard_concentration)
    return _mass(kda, forward_error / forward, concentration_error / concentration, standard_error)


def combined(masses: tuple[Mass, ...]) -> Mass:
    """Mean of ln mass by precision, for routes that share one curve.

    Their errors are not independent, so the result is never called more certain than the
    best route; where they scatter more than they claim, it is widened to the scatter.
    """
    logs = np.log([each.kda for each in masses])
    relative = np.array([each.error / each.kda for each in masses])
    weights = relative**-2.0
    centre = float(np.average(logs, weights=weights))
    scatter = float(np.sqrt(np.average((logs - centre) ** 2, weights=weights)))
    kda = float(np.exp(centre))
    return Mass(kda, kda * max(float(relative.min()), scatter))
