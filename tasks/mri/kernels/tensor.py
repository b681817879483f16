"""Diffusion tensors from weighted signals, many voxels at once, with their uncertainties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Rows and columns of the six numbers of a symmetric tensor.
ROW, COLUMN = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])
TWICE = np.where(ROW == COLUMN, 1.0, 2.0)


@dataclass(frozen=True)
class Tensors:
    """Mean diffusivity (k,) in the inverse unit of b, anisotropy (k,), errors, and where they are good."""

    diffusivity: Floats
    diffusivity_error: Floats
    anisotropy: Floats
    anisotropy_error: Floats
    good: NDArray[np.bool_]


def design(b_values: Floats, directions: Floats) -> Floats:
    """The matrix (n, 7) from six tensor elements and ln S0 to ln S; directions (n, 3) become unit vectors."""
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    unit = np.divide(directions, length, out=np.zeros_like(directions), where=length > 0)
    products = unit[:, ROW] * unit[:, COLUMN] * TWICE
    return np.column_stack([-b_values[:, None] * products, np.ones(len(b_values))])


def tensors(signal: Floats, b_values: Floats, directions: Floats) -> Tensors:
    r"""Fit ``S = S0 exp(-b g D g)`` to every row of `signal` (k, n).

    Linear least squares on ln S, weighted by the square of the signal that the
    unweighted fit predicts, since the noise of ln S is that of S over S.
    Rows with a signal that is not positive are not good.

    Notes
    -----
    Uncertainties follow from the scatter about the fit, which needs more than
    seven volumes; that of the anisotropy is linear propagation from the tensor.
    Assumes Gaussian diffusion: at b above about 1500 s/mm2 in tissue the numbers
    depend on b. Not corrected for the noise floor.

    References
    ----------
    P. J. Basser, J. Mattiello and D. LeBihan, *J. Magn. Reson. B* 103 (1994) 247.
    R. Salvador et al., *Hum. Brain Mapp.* 24 (2005) 144, for the weights.
    """
    matrix = design(b_values, directions)
    rows, size = signal.shape
    if np.linalg.matrix_rank(matrix) < 7:
        raise ValueError("the directions do not determine a tensor")
    positive = np.asarray((signal > 0).all(axis=1) & np.isfinite(signal).all(axis=1))
    log = np.log(np.where(positive[:, None], signal, 1.0))
    start = log @ np.linalg.pinv(matrix).T
    weight = np.exp(2 * np.clip(start @ matrix.T, -300, 300))
    normal = np.einsum("kn,ni,nj->kij", weight, matrix, matrix, optimize=True)
    scale = np.maximum(weight.max(axis=1), 1e-300)[:, None, None]
    inverse = np.linalg.pinv(normal / scale, hermitian=True) / scale
    found = np.einsum("kij,kj->ki", inverse, (weight * log) @ matrix)
    missed = log - found @ matrix.T
    freedom = size - 7
    noise = (weight * missed**2).sum(axis=1) / freedom if freedom > 0 else np.full(rows, np.nan)
    covariance = noise[:, None, None] * inverse[:, :6, :6]
    return _invariants(found[:, :6], covariance, positive)


def _invariants(elements: Floats, covariance: Floats, positive: NDArray[np.bool_]) -> Tensors:
    diagonal = (ROW == COLUMN).astype(float)
    mean = elements @ diagonal / 3
    spread = elements - mean[:, None] * diagonal
    total, apart = (TWICE * elements**2).sum(axis=1), (TWICE * spread**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        anisotropy = np.sqrt(1.5 * apart / total)
        slope = (
            1.5
            / anisotropy[:, None]
            * TWICE
            * (spread / total[:, None] - (apart / total**2)[:, None] * elements)
        )
        spread_of = np.sqrt(np.einsum("ki,kij,kj->k", slope, covariance, slope))
    error = np.sqrt(np.einsum("i,kij,j->k", diagonal, covariance, diagonal)) / 3
    good = positive & (mean > 0) & (anisotropy <= 1) & np.isfinite(spread_of) & np.isfinite(error)
    return Tensors(mean, error, anisotropy, spread_of, good)
