"""Distances inside a particle, P(r), by regularised transform with size and smoothness from the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tasks.saxs.kernels.averaging import condensed

Floats = NDArray[np.float64]

DISTANCES = 61
LOG_SMOOTHNESS = np.linspace(-12.0, 14.0, 79)
SIZES = 25
# Neighbours are averaged beyond this many: a particle's curve has far fewer features.
ENOUGH_POINTS = 500
# Posterior weight below which a size no longer counts.
NEGLIGIBLE = 1e-4


@dataclass(frozen=True, slots=True)
class Distances:
    """P(r) averaged over all sizes and smoothness that the data allow.

    `r` (n,) in 1/unit of q; `p` and `p_errors` (n,) in unit of I times unit of q, so
    that I(0) = 4 pi times the integral of p; `fitted` is the curve at the q that were
    given. `evidence_sizes` and `evidence` tell how probable each largest dimension is.
    """

    r: Floats
    p: Floats
    p_errors: Floats
    fitted: Floats
    radius: float
    radius_error: float
    forward: float
    forward_error: float
    dimension: float
    dimension_error: float
    chi2: float
    parameters: float
    evidence_sizes: Floats
    evidence: Floats


@dataclass(frozen=True, slots=True)
class _Solution:
    """P(r) for one size at its best smoothness, with covariance and log evidence."""

    size: float
    r: Floats
    p: Floats
    covariance: Floats
    log_evidence: float
    parameters: float


def transform_matrix(q: Floats, r: Floats) -> Floats:
    """Matrix (q, r) that turns P(r) on an even grid, zero at both ends, into I(q)."""
    step = r[1] - r[0]
    matrix: Floats = 4 * np.pi * step * np.sinc(np.outer(q, r) / np.pi)
    return matrix


def solve(
    q: Floats, intensity: Floats, errors: Floats, size: float, *, non_negative: bool = True
) -> _Solution:
    r"""P(r) of a particle no larger than `size`, at the smoothness of largest evidence.

    The data are Gaussian about :math:`4\pi\int p(r) \frac{\sin qr}{qr} dr`; the prior of
    p is Gaussian with inverse covariance :math:`\alpha L`, :math:`L` the squared second
    difference of a p that is zero and flat at r = 0 and r = `size`, as of every solid
    body. Then all is in closed form: with
    :math:`A = K^T K` (rows divided by the errors), :math:`B = A + \alpha L`,

    .. math:: 2 \ln E = n \ln\alpha + \ln\det L - \ln\det B - \chi^2 - \alpha\, p^T L p

    and one generalised eigenproblem of (A, L) serves every :math:`\alpha`.

    Parameters
    ----------
    q, intensity, errors : (k,) float
        In any units, errors positive.
    size : float
        Largest dimension, 1/unit of q.
    non_negative : bool
        Whether a P(r) that goes below zero by z standard errors loses exp(-z²/2) of its
        evidence, as befits a particle of one sign of contrast.

    References
    ----------
    S. Hansen, J. Appl. Cryst. 33, 1415 (2000); O. Glatter, J. Appl. Cryst. 10, 415 (1977).
    """
    r = np.linspace(0.0, size, DISTANCES)[1:-1]
    matrix = transform_matrix(q, r) / errors[:, None]
    data = intensity / errors
    # The typical height of p makes alpha a plain number, the same for every size.
    height = max(float(np.abs(intensity).max()), float(errors.min())) / (4 * np.pi * size)
    # p = height * whiten @ z, and the prior of z is the same in every direction.
    whiten = _whitening(len(r))
    design = matrix @ whiten * height
    values, turned = np.linalg.eigh(design.T @ design)
    values = np.maximum(values, 0.0)
    vectors = whiten @ turned
    coefficients = turned.T @ (design.T @ data)
    alphas = np.exp(LOG_SMOOTHNESS)
    damped = values[None, :] + alphas[:, None]
    explained = (coefficients**2 / damped).sum(axis=1)
    log_evidence = 0.5 * (np.log(alphas[:, None] / damped).sum(axis=1) + explained - data @ data)
    best = int(np.argmax(log_evidence))
    p = height * vectors @ (coefficients / damped[best])
    covariance = height**2 * (vectors / damped[best]) @ vectors.T
    peak = log_evidence[best]
    total = peak + np.log(np.exp(log_evidence - peak).sum())
    if non_negative:
        total -= 0.5 * min(float((p / np.sqrt(np.diag(covariance))).min()), 0.0) ** 2
    return _Solution(size, r, p, covariance, float(total), float((values / damped[best]).sum()))


@cache
def _whitening(n: int) -> Floats:
    """The W with W^T L W = 1 for the roughness L of n inner points of a curve that ends flat at zero."""
    second = 2 * np.eye(n + 2) - np.eye(n + 2, k=1) - np.eye(n + 2, k=-1)
    inner = second[:, 1:-1]
    # In units of the step the sum grows as the grid is refined; (n + 1)^3 makes it an integral.
    roughness = inner.T @ inner * float(n + 1) ** 3
    found: Floats = np.linalg.inv(np.linalg.cholesky(roughness)).T
    return found


def distances(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    smallest: float,
    largest: float,
    size: float | None = None,
    non_negative: bool = True,
) -> Distances:
    r"""P(r) and what follows from it, averaged over every largest dimension by its evidence.

    Parameters
    ----------
    q : (k,) float, 1/u
        Without the points that the beamstop or aggregates spoil.
    intensity, errors : (k,) float
        Background-subtracted, and its standard deviations, positive.
    smallest, largest : float, u
        Between which the largest dimension is sought.
    size : float, u, optional
        A largest dimension that is known; then nothing is sought and its error is 0.
    non_negative : bool
        See `solve`.

    Returns
    -------
    Distances
        The errors hold noise and the unknown largest dimension; where the reduced
        chi-square exceeds 1 they are widened by its root.

    Raises
    ------
    ValueError
        If there are fewer than ten points or the bounds are out of order.

    References
    ----------
    S. Hansen, J. Appl. Cryst. 33, 1415 (2000).
    """
    if len(q) < 10:
        raise ValueError(f"P(r) needs ten points or more, there are {len(q)}")
    if size is None and not 0 < smallest < largest:
        raise ValueError(f"the largest dimension cannot lie between {smallest} and {largest}")
    points = condensed(q, intensity, errors, ENOUGH_POINTS)

    def at(sizes: Floats) -> list[_Solution]:
        return [solve(*points, float(each), non_negative=non_negative) for each in sizes]

    if size is not None:
        solutions = at(np.array([size]))
    else:
        solutions = at(np.geomspace(smallest, largest, SIZES))
        solutions = sorted(solutions + at(_around_best(solutions)), key=lambda each: each.size)
    return _averaged(q, intensity, errors, solutions)


def _around_best(solutions: list[_Solution]) -> Floats:
    weights = _weights(solutions)
    likely = np.flatnonzero(weights > NEGLIGIBLE)
    low, high = max(likely[0] - 1, 0), min(likely[-1] + 1, len(solutions) - 1)
    return np.linspace(solutions[low].size, solutions[high].size, SIZES + 2)[1:-1]


def _weights(solutions: list[_Solution]) -> Floats:
    logs = np.array([each.log_evidence for each in solutions])
    # Unevenly spaced sizes: each stands for the interval around it.
    sizes = np.array([each.size for each in solutions])
    widths = np.gradient(sizes) if len(sizes) > 1 else np.ones(1)
    weights = np.exp(logs - logs.max()) * widths
    found: Floats = weights / weights.sum()
    return found


def _averaged(q: Floats, intensity: Floats, errors: Floats, solutions: list[_Solution]) -> Distances:
    weights = _weights(solutions)
    kept = [(w, each) for w, each in zip(weights, solutions, strict=True) if w > NEGLIGIBLE]
    share = np.array([w for w, _ in kept]) / sum(w for w, _ in kept)
    members = [each for _, each in kept]
    sizes = np.array([each.size for each in members])
    r = np.linspace(0.0, sizes.max(), DISTANCES)
    curves = np.array([np.interp(r, *_closed(each.r, each.p, each.size), right=0.0) for each in members])
    spreads = np.array([_error_on(r, each) for each in members])
    p = share @ curves
    fitted = np.einsum("m,mq->q", share, np.array([transform_matrix(q, each.r) @ each.p for each in members]))
    pulls = (intensity - fitted) / errors
    parameters = float(share @ np.array([each.parameters for each in members]))
    chi2 = float(pulls @ pulls) / max(len(q) - parameters, 1.0)
    widening = np.sqrt(max(chi2, 1.0))
    radii, forwards = zip(*(_moments(each) for each in members), strict=True)
    radius, radius_error = _mixture(share, np.array(radii), widening)
    forward, forward_error = _mixture(share, np.array(forwards), widening)
    dimension = float(share @ sizes)
    return Distances(
        r=r,
        p=p,
        p_errors=np.sqrt(widening**2 * (share @ spreads**2) + share @ (curves - p) ** 2),
        fitted=fitted,
        radius=radius,
        radius_error=radius_error,
        forward=forward,
        forward_error=forward_error,
        dimension=dimension,
        dimension_error=float(np.sqrt(share @ (sizes - dimension) ** 2)),
        chi2=chi2,
        parameters=parameters,
        evidence_sizes=np.array([each.size for each in solutions]),
        evidence=weights,
    )


def _closed(r: Floats, p: Floats, size: float) -> tuple[Floats, Floats]:
    return np.concatenate([[0.0], r, [size]]), np.concatenate([[0.0], p, [0.0]])


def _error_on(r: Floats, solution: _Solution) -> Floats:
    own = np.sqrt(np.diag(solution.covariance))
    found: Floats = np.interp(r, *_closed(solution.r, own, solution.size), right=0.0)
    return found


def _moments(solution: _Solution) -> tuple[tuple[float, float], tuple[float, float]]:
    """(Rg, its error), (I(0), its error) of one solution; NaN for Rg where P(r) has no positive moments."""
    step = solution.r[1] - solution.r[0]
    total, second = float(solution.p.sum()), float((solution.r**2) @ solution.p)
    forward = (4 * np.pi * step * total, 4 * np.pi * step * float(np.sqrt(solution.covariance.sum())))
    if not (total > 0 and second > 0):
        return (float("nan"), float("nan")), forward
    squared = second / (2 * total)
    to_squared = (solution.r**2 / 2 - squared) / total
    variance = float(to_squared @ solution.covariance @ to_squared)
    radius = float(np.sqrt(squared))
    # Rounding may leave a variance a hair below zero.
    return (radius, float(np.sqrt(max(variance, 0.0))) / (2 * radius)), forward


def _mixture(share: Floats, values: Floats, widening: float) -> tuple[float, float]:
    """Mean and standard deviation of a mixture of normal distributions (m, 2)."""
    mean = float(share @ values[:, 0])
    within = widening**2 * float(share @ values[:, 1] ** 2)
    between = float(share @ (values[:, 0] - mean) ** 2)
    return mean, float(np.sqrt(within + between))
