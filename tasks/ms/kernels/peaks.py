"""Peaks of a mass spectrum with their centroids, whatever the sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks, peak_widths

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Peaks:
    """Centroid (m/z), height and full width at half height (m/z) of each peak (n,), by rising m/z."""

    mz: Floats
    height: Floats
    width: Floats

    def __len__(self) -> int:
        return len(self.mz)

    def without(self, used: NDArray[np.bool_]) -> Peaks:
        """The peaks that are not `used` (n,)."""
        return Peaks(self.mz[~used], self.height[~used], self.width[~used])


def even_profile(mz: Floats, intensity: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Sticks or points (n,) as an evenly sampled profile, spread by a Gaussian of `sigma` (m/z)."""
    step = sigma / 4
    count = int(np.ceil((mz[-1] - mz[0]) / step)) + 1
    edges = mz[0] + step * (np.arange(count + 1) - 0.5)
    summed, _ = np.histogram(mz, edges, weights=intensity)
    return mz[0] + step * np.arange(count), gaussian_filter1d(summed, sigma / step, mode="constant")


def pick(mz: Floats, profile: Floats, least: float) -> Peaks:
    """Local maxima that stand out by `least` times the highest, with the centroid of their upper half.

    Parameters
    ----------
    mz, profile : (n,) float
        Evenly sampled, as :func:`even_profile` makes them.

    Notes
    -----
    The upper half of a peak is less touched by its neighbours than its foot, and
    its centroid is that of the whole for a symmetric peak.
    """
    places, _ = find_peaks(profile, prominence=least * profile.max())
    widths, _, left, right = peak_widths(profile, places, rel_height=0.5)
    step = mz[1] - mz[0]
    centroids = [
        _centroid(mz, profile, round(start), round(stop)) for start, stop in zip(left, right, strict=True)
    ]
    return Peaks(np.array(centroids), profile[places], widths * step)


def _centroid(mz: Floats, profile: Floats, start: int, stop: int) -> float:
    part = slice(start, stop + 1)
    return float(np.average(mz[part], weights=profile[part]))
