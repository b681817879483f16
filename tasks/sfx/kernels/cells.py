"""One lattice from many: what is left out, and the mean of the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# The median absolute deviation of a normal distribution times this is its standard deviation.
NORMAL = 1.4826


def agreeing(cells: Floats, clip: float) -> NDArray[np.bool_]:
    """Which lattices (n, 6: edges and angles) lie within `clip` robust deviations of the median in all six.

    Fewer than four cannot tell which of them is the odd one, so all stay.
    """
    if len(cells) < 4:
        return np.asarray(np.isfinite(cells).all(axis=1))
    middle = np.nanmedian(cells, axis=0)
    spread = NORMAL * np.nanmedian(np.abs(cells - middle), axis=0)
    near = np.abs(cells - middle) <= np.maximum(clip * spread, 1e-12)
    return np.asarray(near.all(axis=1) & np.isfinite(cells).all(axis=1))


def mean_and_error(values: Floats) -> tuple[float, float | None]:
    """Mean, and the standard deviation of the mean; None for a single value, which has no scatter."""
    if len(values) == 0:
        raise ValueError("there is no value to take the mean of")
    mean = float(values.mean())
    if len(values) < 2:
        return mean, None
    return mean, float(values.std(ddof=1) / np.sqrt(len(values)))
