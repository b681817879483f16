"""Filtered back-projection of one slice in parallel beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ramp(size: int) -> Floats:
    """Frequency response (size // 2 + 1,) of the band-limited ramp filter for samples 1 pixel apart.

    Made from its samples in space, so that the mean of the slice comes out right.

    References
    ----------
    A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging* (1988), eq. 61.
    """
    place = np.fft.fftfreq(size, 1.0 / size).round().astype(int)
    kernel = np.zeros(size)
    kernel[0] = 0.25
    odd = place % 2 != 0
    kernel[odd] = -1.0 / (np.pi * place[odd]) ** 2
    return np.fft.rfft(kernel).real


def filtered(sinogram: Floats) -> Floats:
    """Projections (n, x) after the ramp filter, padded so that the ends do not meet."""
    columns = sinogram.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * columns)))
    spectrum = np.fft.rfft(sinogram, size, axis=1) * ramp(size)
    found: Floats = np.fft.irfft(spectrum, size, axis=1)[:, :columns]
    return found


def angular_weights(angle: Floats) -> Floats:
    """How much of half a turn (rad) each projection (n,) stands for; the weights sum to pi.

    Angles are taken modulo half a turn, for opposite projections tell the same.
    """
    turned = np.mod(angle, np.pi)
    order = np.argsort(turned, kind="stable")
    ordered = turned[order]
    gaps = np.diff(np.concatenate([ordered, [ordered[0] + np.pi]]))
    weights = np.empty(len(angle))
    weights[order] = 0.5 * (gaps + np.roll(gaps, 1))
    return weights


def back_projected(sinogram: Floats, angle: Floats, axis: float) -> Floats:
    """A slice (x, x) from line integrals (n, x), 1/pixel where these are without unit.

    Parameters
    ----------
    sinogram : (n, x) float
        Line integrals, finite; 0 outside the sample.
    angle : (n,) float, rad
        Angles of the projections, at least half a turn in all.
    axis : float, pixel
        Where the axis of rotation falls on the detector, 0 for the centre of the first pixel.

    Returns
    -------
    (x, x) float
        The axis is in the middle. A point at (column u, row v) from it, v counted
        downwards, projects onto ``axis + u cos(angle) + v sin(angle)``; NaN outside the circle
        that every projection sees.
    """
    columns = sinogram.shape[1]
    middle = (columns - 1) / 2.0
    u, v = np.meshgrid(np.arange(columns) - middle, np.arange(columns) - middle)
    rows = filtered(sinogram)
    slice_ = np.zeros((columns, columns))
    for row, turn, weight in zip(rows, angle, angular_weights(angle), strict=True):
        place = axis + u * np.cos(turn) + v * np.sin(turn)
        left = np.clip(np.floor(place).astype(int), 0, columns - 2)
        part = np.clip(place - left, 0.0, 1.0)
        slice_ += weight * ((1.0 - part) * row[left] + part * row[left + 1])
    seen = min(axis, columns - 1 - axis)
    return np.where(np.hypot(u, v) <= seen, slice_, np.nan)


def ellipse_integrals(
    x: Floats, angle: Floats, *, centre: tuple[float, float], axes: tuple[float, float], tilt: float
) -> Floats:
    """Line integrals (n, x) of an ellipse of value 1, in closed form: what a reconstruction is tested on.

    Parameters
    ----------
    x : (m,) float, pixel
        Places on the detector, counted from the axis of rotation.
    angle : (n,) float, rad
    centre, axes : pixel
        Centre (u, v) and semi-axes of the ellipse.
    tilt : float, rad
        Of the first semi-axis, from u towards v.
    """
    turn = angle[:, None]
    at = x[None, :] - centre[0] * np.cos(turn) - centre[1] * np.sin(turn)
    a, b = axes
    square = (a * np.cos(turn - tilt)) ** 2 + (b * np.sin(turn - tilt)) ** 2
    inside = np.maximum(square - at**2, 0.0)
    chord: Floats = 2.0 * a * b * np.sqrt(inside) / square
    return chord
