"""T1 from spoiled gradient echoes at several flip angles, many voxels at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 30


def spoiled(amplitude: Floats, decay: Floats, angle: Floats) -> Floats:
    """Signal (k, n) of amplitude (k,), decay ``exp(-TR/T1)`` (k,) at flip angles (n,) in rad."""
    return amplitude[:, None] * np.sin(angle) * (1 - decay[:, None]) / (1 - decay[:, None] * np.cos(angle))


def fit(
    signal: Floats, angle: Floats, repetition: float, noise: float | None = None
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """T1 (s) of every row of `signal` (k, n), its standard uncertainty, and where it is determined.

    Parameters
    ----------
    signal : (k, n) float
    angle : (n,) float, rad
    repetition : float, s
    noise : float or None
        Standard deviation of a signal; None takes the scatter about the fit,
        which needs more than two angles.

    Notes
    -----
    Starts from the straight line of S/sin against S/tan, whose slope is the decay
    (E. K. Fram et al., *Magn. Reson. Imaging* 5 (1987) 201), and goes on by
    Gauss-Newton steps to the least squares of the signals themselves. Assumes
    ideal spoiling and that the flip angles are as stated: an error of the
    transmit field enters T1 twice over.
    """
    x, y = signal / np.tan(angle), signal / np.sin(angle)
    x0, y0 = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = (x0 * y0).sum(axis=1) / (x0**2).sum(axis=1)
        decay = np.clip(np.nan_to_num(decay, nan=0.5), 1e-6, 1 - 1e-9)
        amplitude = _amplitude(signal, decay, angle)
        for _ in range(STEPS):
            step, _ = _step(signal, amplitude, decay, angle)
            decay = np.clip(decay + np.clip(step, -0.5 * (1 - decay), 0.5 * (1 - decay)), 1e-6, 1 - 1e-9)
            amplitude = _amplitude(signal, decay, angle)
        _, left = _step(signal, amplitude, decay, angle)
        missed = signal - spoiled(amplitude, decay, angle)
        freedom = signal.shape[1] - 2
        scatter = np.sqrt((missed**2).sum(axis=1) / freedom) if freedom else np.full(len(signal), np.nan)
        sigma = scatter if noise is None else np.full(len(signal), noise)
        time = -repetition / np.log(decay)
        error = sigma / np.sqrt(left) * time**2 / (repetition * decay)
    inside = (decay > 2e-6) & (decay < 1 - 2e-9) & (amplitude > 0)
    return time, error, np.asarray(inside & np.isfinite(error) & (error < time))


def _amplitude(signal: Floats, decay: Floats, angle: Floats) -> Floats:
    shape = spoiled(np.ones(len(signal)), decay, angle)
    best: Floats = (shape * signal).sum(axis=1) / (shape**2).sum(axis=1)
    return best


def _step(signal: Floats, amplitude: Floats, decay: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Gauss-Newton step of the decay, and the part of its curvature that the amplitude cannot take up."""
    shape = spoiled(np.ones(len(signal)), decay, angle)
    below = 1 - decay[:, None] * np.cos(angle)
    slope = amplitude[:, None] * np.sin(angle) * (np.cos(angle) - 1) / below**2
    missed = signal - amplitude[:, None] * shape
    along = (slope * shape).sum(axis=1) / (shape**2).sum(axis=1)
    free = slope - along[:, None] * shape
    left = (free**2).sum(axis=1)
    return (free * missed).sum(axis=1) / left, left
