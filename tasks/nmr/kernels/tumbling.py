"""Relaxation of a rigid N-H vector in a molecule that tumbles alike about all axes, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import constants
from scipy.optimize import brentq

Floats = NDArray[np.float64]
# Magnetogyric ratios of 1H and 15N in rad/(s T): CODATA 2018, and the IUPAC recommendations of 2001.
GAMMA_H, GAMMA_N = 2.6752218744e8, -2.7116e7
# The times that are sought, in s: a small peptide in water, and a large assembly.
SHORTEST, LONGEST = 2e-11, 2e-6


@dataclass(frozen=True)
class Vector:
    """An N-H vector: its length in angstrom, and the chemical shift anisotropy of its nitrogen in ppm."""

    length_angstrom: float = 1.02
    anisotropy_ppm: float = -160.0


@dataclass(frozen=True)
class Rates:
    """R1 and R2 in 1/s and the steady-state NOE, of shape (...)."""

    r1: Floats
    r2: Floats
    noe: Floats


def rates(tau: Floats, proton_mhz: float, vector: Vector = Vector()) -> Rates:
    r"""Rates of amide nitrogens for a correlation time `tau` (...) in s.

    .. math:: R_1 = \tfrac{d^2}{4} [J(\omega_H - \omega_N) + 3 J(\omega_N) + 6 J(\omega_H + \omega_N)]
        + c^2 J(\omega_N)

    with :math:`J(\omega) = \tfrac25 \tau / (1 + \omega^2 \tau^2)`,
    :math:`d = \mu_0 \hbar \gamma_H \gamma_N / 4 \pi r^3`, :math:`c = \omega_N \Delta\sigma / \sqrt 3`,
    and alike for R2 and the NOE. Dipole of the bound proton and axial anisotropy only: no
    exchange, no internal motion, no cross-correlation.

    References
    ----------
    L. E. Kay, D. A. Torchia and A. Bax, *Biochemistry* 28 (1989) 8972, equations 1 to 3.
    """
    tau = np.asarray(tau, float)
    proton = 2 * np.pi * proton_mhz * 1e6
    nitrogen = proton * GAMMA_N / GAMMA_H

    def spectral(omega: float) -> Floats:
        density: Floats = 0.4 * tau / (1 + (omega * tau) ** 2)
        return density

    distance = vector.length_angstrom * 1e-10
    dipole = constants.mu_0 * constants.hbar * GAMMA_H * GAMMA_N / (4 * np.pi * distance**3)
    shielding = nitrogen * vector.anisotropy_ppm * 1e-6 / np.sqrt(3)
    difference, own, total = spectral(proton - nitrogen), spectral(nitrogen), spectral(proton + nitrogen)
    r1 = dipole**2 / 4 * (difference + 3 * own + 6 * total) + shielding**2 * own
    r2 = dipole**2 / 8 * (4 * spectral(0.0) + difference + 3 * own + 6 * spectral(proton) + 6 * total)
    r2 = r2 + shielding**2 / 6 * (4 * spectral(0.0) + 3 * own)
    noe = 1 + dipole**2 / (4 * r1) * GAMMA_H / GAMMA_N * (6 * total - difference)
    return Rates(r1, r2, noe)


def correlation_time(ratio: float, proton_mhz: float, vector: Vector = Vector()) -> tuple[float, float]:
    """Correlation time (s) at which R2/R1 is `ratio`, and by how much it changes with it.

    NaN where no time between 20 ps and 2 us gives that ratio: R2/R1 of a rigid
    vector is never below that of fast tumbling, which is a little above 1.
    The ratio grows with the time, so there is at most one.
    """

    def off(logarithm: float) -> float:
        found = rates(np.exp(logarithm), proton_mhz, vector)
        return float(found.r2 / found.r1) - ratio

    low, high = np.log(SHORTEST), np.log(LONGEST)
    if not (np.isfinite(ratio) and off(low) < 0 < off(high)):
        return float("nan"), float("nan")
    place = float(brentq(off, low, high, xtol=1e-10))
    step = 1e-4
    slope = (off(place + step) - off(place - step)) / (2 * step)
    tau = float(np.exp(place))
    return tau, tau / slope


def mean_of(values: Floats, errors: Floats) -> tuple[float, float, float]:
    """Weighted mean of (n,) values, its standard uncertainty, and chi-square over its freedom.

    Where values scatter more than their errors allow, the uncertainty grows by the root of
    that ratio (R. T. Birge, *Phys. Rev.* 40 (1932) 207); NaN as ratio of a single value.
    """
    weights = 1 / errors**2
    mean = float((weights * values).sum() / weights.sum())
    formal = float(weights.sum() ** -0.5)
    if len(values) < 2:
        return mean, formal, float("nan")
    ratio = float((weights * (values - mean) ** 2).sum() / (len(values) - 1))
    return mean, formal * max(1.0, ratio**0.5), ratio
