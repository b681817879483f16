"""From tables of counts to I(q) with its covariance; spectra of monitors over wavelength; transmission."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.sans.kernels.table import H_OVER_M, NS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exposure:
    """One run: counts (wavelength, q), solid angles alike, and what a solid angle saw of the beam.

    `beam` (wavelength,) is monitor times transmission times response, `beam_variance` alike; the
    beam of a wavelength enters every q, so its error is common to them.
    """

    counts: Floats
    solid_angles: Floats
    beam: Floats
    beam_variance: Floats


@dataclass(frozen=True)
class Curve:
    """I(q), its variance by counting alone, and the covariance (q, q) that the beam's errors make."""

    intensity: Floats
    variance: Floats
    common: Floats

    @property
    def errors(self) -> Floats:
        """Standard deviation at each q, of both together."""
        return np.sqrt(self.variance + np.diag(self.common))


def intensity(exposures: list[Exposure]) -> Curve:
    r"""I(q) of all runs together, each cell weighted by what it could have seen.

    .. math:: I_j = \frac{\sum_{r,i} N_{rij}}{\sum_{r,i} \Omega_{rij} m_{ri}}, \quad
              \mathrm{cov}(I_j, I_k) = \delta_{jk} \frac{\sum N}{D_j^2} +
              \frac{I_j I_k}{D_j D_k} \sum_{r,i} \Omega_{rij} \Omega_{rik} \sigma^2(m_{ri})

    Parameters
    ----------
    exposures : list of Exposure
        All on the same axes. Cells whose beam is zero or not a number take no part.

    Returns
    -------
    Curve
        NaN where nothing could be seen. Where nothing was counted but could have been, the
        intensity is zero and its variance that of one count, since no count is no certainty.

    Notes
    -----
    Counts of different cells are independent; a beam that fluctuates within a run is not seen.
    The covariance of a common denominator is what Heybrock et al. describe.

    References
    ----------
    S. Heybrock et al., "Systematic underestimation of uncertainties by widespread neutron
    scattering data-reduction software", J. Neutron Res. 25, 65 (2023).
    """
    bins = exposures[0].counts.shape[1]
    total, seen = np.zeros(bins), np.zeros(bins)
    for each in exposures:
        usable = np.isfinite(each.beam) & (each.beam > 0)
        weights = each.solid_angles[usable] * each.beam[usable, None]
        total += np.where(weights > 0, each.counts[usable], 0.0).sum(axis=0)
        seen += weights.sum(axis=0)
    with np.errstate(all="ignore"):
        found = np.where(seen > 0, total / seen, np.nan)
        variance = np.where(seen > 0, np.maximum(total, 1.0) / seen**2, np.nan)
        share = np.where(seen > 0, found / seen, 0.0)
    common = np.zeros((bins, bins))
    for each in exposures:
        usable = np.isfinite(each.beam) & (each.beam > 0)
        part = each.solid_angles[usable] * share
        common += part.T @ (part * each.beam_variance[usable, None])
    return Curve(found, variance, common)


def rebinned(
    counts: Floats, edges_ns: Floats, flight_m: float, wavelength_edges: Floats
) -> tuple[Floats, Floats]:
    """A histogram over time of flight (ns) as counts over wavelength (angstrom), with variances.

    Counts are spread evenly within their bin. Each share carries its share of the variance, so
    that any sum of bins has the variance of its counts. NaN where the histogram does not reach.
    """
    edges = edges_ns * (H_OVER_M * NS / flight_m)
    running = np.concatenate([[0.0], np.cumsum(counts)])
    at = np.interp(wavelength_edges, edges, running)
    found = np.diff(at)
    reached = (wavelength_edges[:-1] >= edges[0] * (1 - 1e-9)) & (
        wavelength_edges[1:] <= edges[-1] * (1 + 1e-9)
    )
    found = np.where(reached, found, np.nan)
    return found, np.maximum(found, 0.0)


def spectrum(times_ns: Floats, flight_m: float, wavelength_edges: Floats) -> Floats:
    """Events (n,) of a monitor counted over wavelength (angstrom); they add over slabs."""
    wavelength = np.asarray(times_ns, np.float64) * (H_OVER_M * NS / flight_m)
    return np.histogram(wavelength, wavelength_edges)[0].astype(np.float64)


def ratio(above: tuple[Floats, Floats], below: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Quotient of two independent quantities with their variances; NaN where the lower is not positive."""
    (a, var_a), (b, var_b) = above, below
    with np.errstate(all="ignore"):
        found = np.where(b > 0, a / b, np.nan)
        variance = np.where(b > 0, var_a / b**2 + found**2 * var_b / b**2, np.nan)
    return found, variance


def product(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Product of two independent quantities with their variances."""
    (a, var_a), (b, var_b) = first, second
    return a * b, b**2 * var_a + a**2 * var_b


def mean_transmission(transmission: Floats, variance: Floats) -> tuple[float, float]:
    """Mean over wavelength weighted by precision, and its standard uncertainty."""
    good = np.isfinite(transmission) & np.isfinite(variance) & (variance > 0)
    if not good.any():
        return float("nan"), float("nan")
    weights = 1.0 / variance[good]
    return float(np.average(transmission[good], weights=weights)), float(weights.sum() ** -0.5)
