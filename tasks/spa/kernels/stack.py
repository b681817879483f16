"""Images of single particles one by one: mean, variance, and power by frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]
# Columns before the power: mean and variance of all pixels, and of those outside the particle's circle.
MOMENTS = 4


@dataclass(frozen=True)
class Plan:
    """Which pixels lie outside the circle of the particle, and the ring of each Fourier term."""

    outside: NDArray[np.bool_]
    ring: NDArray[np.intp]
    weight: Floats
    count: Floats

    @property
    def rings(self) -> int:
        """Number of rings."""
        return len(self.count)


def plan(shape: tuple[int, int], radius: float) -> Plan:
    """For images (y, x) of a particle within `radius` pixels of the middle; rings of one Fourier pixel."""
    y, x = np.arange(shape[0]) - shape[0] // 2, np.arange(shape[1]) - shape[1] // 2
    size = max(shape)
    k = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None]) * size
    ring = np.rint(k).astype(np.intp)
    weight = np.full(k.shape, 2.0)
    weight[:, 0] = 1.0
    if shape[1] % 2 == 0:
        weight[:, -1] = 1.0
    last = size // 2
    weight[ring > last] = 0.0
    ring = np.minimum(ring, last)
    count = np.bincount(ring.ravel(), weight.ravel(), minlength=last + 1).astype(float)
    return Plan(np.hypot(y[:, None], x[None]) > radius, ring, weight, count)


def moments(images: NDArray[Any], how: Plan) -> Floats:
    """One row an image (k, 4 + rings): moments, then mean power of each ring; NaN where not finite."""
    found = np.full((len(images), MOMENTS + how.rings), np.nan)
    for number, image in enumerate(images):
        values = image.astype(np.float64)
        if not np.isfinite(values).all():
            continue
        around = values[how.outside]
        found[number, :MOMENTS] = values.mean(), values.var(), around.mean(), around.var()
        power = np.abs(fft.rfft2(values - values.mean())) ** 2 * how.weight
        found[number, MOMENTS:] = np.bincount(
            how.ring.ravel(), power.ravel(), minlength=how.rings
        ) / np.maximum(how.count, 1)
    return found


def outliers(values: Floats, limit: float) -> NDArray[np.bool_]:
    """Which values (n,) lie further from the median than `limit` robust deviations; missing ones do."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.ones(len(values), bool)
    middle = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - middle))
    # Where most values agree to rounding, what differs by less than a part in a million is alike.
    spread = max(spread, 1e-6 * abs(middle), 1e-12)
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(values - middle) <= limit * spread))
