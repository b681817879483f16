"""Ratios of images and the noise they rest on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NORMAL = 1.4826


def transfer_ratio(free: Floats, saturated: Floats, noise: float) -> tuple[Floats, Floats]:
    """Magnetisation transfer ratio (%) of signals (k,) without and with saturation, and its uncertainty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = saturated / free
        error = 100 * noise * np.sqrt(1 + ratio**2) / free
    return 100 * (1 - ratio), error


def image_noise(volume: Floats) -> float:
    """Standard deviation of the noise of one volume (z, y, x) by differences of neighbours along rows.

    A point minus the mean of its neighbours takes out what varies slowly; the
    median leaves out edges. Where background was set to zero it does not count.
    An upper bound in images of fine structure.
    """
    inner = volume[..., 1:-1]
    away = inner - (volume[..., :-2] + volume[..., 2:]) / 2
    kept = away[(inner != 0) & np.isfinite(away)]
    if kept.size < 100:
        return float("nan")
    return float(NORMAL * np.median(np.abs(kept - np.median(kept))) / np.sqrt(1.5))
