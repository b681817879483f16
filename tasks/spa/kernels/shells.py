"""Fourier shells: how two maps agree at each spacing, and the resolution that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]

HALVES, MODEL = 0.143, 0.5


@dataclass(frozen=True)
class Shells:
    """Correlation at spatial `frequency` (n,) in 1/angstrom, and the Fourier terms of each shell."""

    frequency: Floats
    correlation: Floats
    terms: NDArray[np.int_]

    @property
    def errors(self) -> Floats:
        r"""Standard error :math:`(1 - c^2) / \sqrt{N}` for N real numbers in a shell.

        A shell of a real map holds N/2 independent complex terms, so N real ones. A mask
        makes neighbours depend on each other, and the true error larger.
        """
        return np.asarray((1 - self.correlation**2) / np.sqrt(np.maximum(self.terms, 1)))


def shell_correlation(first: Floats, second: Floats, voxel: float) -> Shells:
    r"""Fourier shell correlation of two maps on one cubic grid.

    .. math:: c(k) = \frac{\mathrm{Re} \sum F_1 F_2^*}{\sqrt{\sum |F_1|^2 \sum |F_2|^2}}

    Parameters
    ----------
    first, second : (n, n, n) float
        Maps on the same grid.
    voxel : float, angstrom

    Notes
    -----
    Shells are one Fourier voxel wide; those beyond the Nyquist frequency, whose corners
    are cut, are left out. A shell without power has the correlation NaN.

    References
    ----------
    G. Harauz and M. van Heel, Optik 73, 146 (1986).
    """
    if first.shape != second.shape or len(set(first.shape)) != 1:
        raise ValueError(f"maps must be cubes of one size, not {first.shape} and {second.shape}")
    size = first.shape[0]
    one, two = fft.rfftn(first), fft.rfftn(second)
    shells, weights = _shell_numbers(size)
    last = size // 2
    inside = shells <= last

    def summed(values: Floats) -> Floats:
        sums = np.bincount(shells[inside], (values * weights)[inside], minlength=last + 1)
        return np.asarray(sums[1:], float)

    cross = summed((one * two.conj()).real)
    power = summed(np.abs(one) ** 2) * summed(np.abs(two) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(power > 0, cross / np.sqrt(power), np.nan)
    terms = np.bincount(shells[inside], weights[inside], minlength=last + 1)[1:].astype(int)
    return Shells(np.arange(1, last + 1) / (size * voxel), correlation, terms)


def _shell_numbers(size: int) -> tuple[NDArray[np.int_], Floats]:
    """Shell of each term of a real transform, and how often it counts: once or with its conjugate."""
    whole = fft.fftfreq(size, 1 / size)
    half = fft.rfftfreq(size, 1 / size)
    radius = np.sqrt(whole[:, None, None] ** 2 + whole[None, :, None] ** 2 + half**2)
    weights = np.full(radius.shape, 2.0)
    weights[:, :, 0] = 1.0
    if size % 2 == 0:
        weights[:, :, -1] = 1.0
    return np.rint(radius).astype(int), weights


@dataclass(frozen=True)
class Crossing:
    """Where a correlation falls below a threshold, in angstrom, with its standard uncertainty."""

    resolution: float
    error: float


def crossing(shells: Shells, threshold: float) -> Crossing | None:
    """The first fall of the correlation through `threshold`; None where it stays above.

    Linear between shells. The uncertainty is that of the correlation over its slope, and
    that of a place within a shell; a fall that the next shell takes back does not count.
    """
    known = np.isfinite(shells.correlation)
    frequency, values, errors = (
        each[known] for each in (shells.frequency, shells.correlation, shells.errors)
    )
    below = values < threshold
    lasting = below & np.append(below[1:], True)
    if not lasting.any() or lasting[0]:
        return None
    after = int(np.argmax(lasting))
    before = after - 1
    slope = (values[after] - values[before]) / (frequency[after] - frequency[before])
    at = frequency[before] + (threshold - values[before]) / slope
    spread = float(np.hypot(errors[after] / abs(slope), (frequency[1] - frequency[0]) / np.sqrt(12)))
    return Crossing(float(1 / at), spread / at**2)


def low_passed(density: Floats, voxel: float, sigma: float) -> Floats:
    """`density` blurred by a Gaussian of `sigma` (angstrom), around the edges of the box."""
    return np.asarray(fft.irfftn(fft.rfftn(density) * gaussian(density.shape, voxel, sigma), density.shape))


def gaussian(shape: tuple[int, ...], voxel: float, sigma: float) -> Floats:
    """Transform of a Gaussian of `sigma` (angstrom) with unit sum, on the grid of a real transform."""
    axes = [fft.fftfreq(n, voxel) for n in shape[:-1]] + [fft.rfftfreq(shape[-1], voxel)]
    factors = [np.exp(-2 * (np.pi * sigma * axis) ** 2) for axis in axes]
    return np.asarray(factors[0][:, None, None] * factors[1][None, :, None] * factors[2])


def shell_power(density: Floats, voxel: float) -> tuple[Floats, Floats, Floats]:
    """Mean power of the terms of each shell and its standard error, at frequencies (n,) 1/angstrom."""
    size = density.shape[0]
    power = np.abs(fft.rfftn(density)) ** 2
    shells, weights = _shell_numbers(size)
    last = size // 2
    inside = shells <= last
    numbers = shells[inside]
    count, first, second = (
        np.bincount(numbers, (each * weights)[inside], minlength=last + 1)[1:]
        for each in (np.ones_like(power), power, power**2)
    )
    mean = first / count
    # Terms come in conjugate pairs, so half of them are independent.
    error = np.sqrt(np.maximum(second / count - mean**2, 0) / np.maximum(count / 2, 1))
    return np.arange(1, last + 1) / (size * voxel), mean, error
