"""Generalised least squares of claims about one number, and which of them stands apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_distribution

Floats = NDArray[np.float64]

# Eigenvalues of a correlation matrix below this are exact copies of other claims.
SINGULAR = 1e-9


@dataclass(frozen=True)
class Agreement:
    """Mean with standard error, chi-square with its degrees of freedom and chance, and weights (n,)."""

    mean: float
    error: float
    chi2: float
    dof: int
    p: float
    weights: Floats


def covariance(errors: Floats, shared: Floats) -> Floats:
    r"""Covariance of claims (n,) that share sources of error (n, s).

    .. math:: C_{ii} = u_i^2, \quad C_{ij} = \sum_s \min(p_{is}, p_{js})^2

    Parameters
    ----------
    errors : (n,) float, any unit u
        Total standard uncertainty of each claim, positive.
    shared : (n, s) float, u
        The part of each uncertainty that comes from each source; 0 where it has none.

    Returns
    -------
    (n, n) float, u²

    Raises
    ------
    ValueError
        If an uncertainty is not positive, or the parts of a claim exceed its whole.

    Notes
    -----
    What two claims share is at most what the better of the two has of it; the rest
    of the worse one is its own. So a claim never gets a negative weight against one
    other, and the matrix is positive semidefinite: min(a, b) of squares is the
    covariance of a random walk at two times.
    """
    if not (errors > 0).all() or (shared < 0).any():
        raise ValueError("every claim needs a positive uncertainty, and parts that are not negative")
    squares = shared**2
    if (squares.sum(axis=1) > errors**2 * (1 + 1e-9)).any():
        raise ValueError("what a claim shares exceeds its whole uncertainty")
    found = np.minimum(squares[:, None, :], squares[None, :, :]).sum(axis=2)
    np.fill_diagonal(found, errors**2)
    return np.asarray(found)


def agreement(values: Floats, covariances: Floats) -> Agreement:
    """Best linear unbiased mean of `values` (n,) with covariance (n, n), and their chi-square about it.

    Exact copies (a singular covariance) count once; copies that contradict each
    other give an infinite chi-square.

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1936).
    """
    scale = np.sqrt(np.diag(covariances))
    powers, axes = np.linalg.eigh(covariances / np.outer(scale, scale))
    alive = powers > SINGULAR
    inverse = (axes[:, alive] / powers[alive]) @ axes[:, alive].T
    design = 1 / scale
    information = design @ inverse @ design
    weights = (inverse @ design) * design / information
    mean = float(weights @ values)
    residuals = (values - mean) / scale
    chi2 = float(residuals @ inverse @ residuals)
    if (np.abs(axes[:, ~alive].T @ residuals) > 1e-6).any():
        chi2 = float("inf")
    dof = int(alive.sum()) - 1
    p = float(chi2_distribution.sf(chi2, dof)) if dof else (1.0 if np.isfinite(chi2) else 0.0)
    return Agreement(mean, float(1 / np.sqrt(information)), chi2, dof, p, weights)


@dataclass(frozen=True)
class Left:
    """What others say without a claim, and how far (in standard errors) the claim stands from them.

    `alone` tells that the others are all of one group, so that nothing judges between the two.
    """

    rest: Agreement
    difference: float
    deviation: float
    alone: bool


def leave_out(values: Floats, covariances: Floats, groups: Sequence[int]) -> list[Left]:
    """Each claim (n,) against the agreement of the claims of all other groups, their correlation counted.

    Claims of one group rest on the same data, so they neither confirm nor excuse each
    other. Empty where there is one group only.
    """
    labels = np.asarray(groups)
    if len(set(groups)) < 2:
        return []
    found = []
    for index, value in enumerate(values):
        others = labels != labels[index]
        rest = agreement(values[others], covariances[np.ix_(others, others)])
        difference = float(value - rest.mean)
        common = float(rest.weights @ covariances[others, index])
        variance = float(covariances[index, index] + rest.error**2 - 2 * common)
        away = abs(difference)
        deviation = away / np.sqrt(variance) if variance > 0 else (np.inf if away > 0 else 0.0)
        found.append(Left(rest, difference, float(deviation), len(set(labels[others].tolist())) == 1))
    return found
