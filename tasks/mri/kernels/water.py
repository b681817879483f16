"""Take the strong signal near the carrier, water in tissue, out of a decay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hankel, lstsq, svd

Complexes = NDArray[np.complex128]
# Decays of this many points or fewer show the slow components; longer ones are looked at up to here.
MOST_POINTS = 1024


def without_carrier(fid: Complexes, dwell: float, band: float, components: int = 25) -> Complexes:
    """A decay (n,) without its damped components that lie within `band` (Hz) of the carrier.

    The decay is taken for a sum of `components` damped oscillations, found by the
    singular values of its Hankel matrix, with amplitudes by least squares. Those
    of growing amplitude are held constant.

    References
    ----------
    H. Barkhuijsen, R. de Beer and D. van Ormondt, *J. Magn. Reson.* 73 (1987) 553.
    """
    some = fid[:MOST_POINTS]
    half = len(some) // 2
    left = svd(hankel(some[:half], some[half - 1 :]), full_matrices=False)[0][:, : min(components, half - 1)]
    poles = np.linalg.eigvals(lstsq(left[:-1], left[1:])[0])
    poles = poles / np.maximum(np.abs(poles), 1.0)
    shapes = poles[None, :] ** np.arange(len(fid))[:, None]
    amplitudes = lstsq(shapes[: len(some)], some)[0]
    near = np.abs(np.angle(poles)) / (2 * np.pi * dwell) < band
    rest: Complexes = fid - shapes[:, near] @ amplitudes[near]
    return rest
