"""Where the rings of a calibrant lie on a detector image, sector by sector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ControlPoints:
    """Points on rings: array coordinates (pixel, whole at pixel centres), ring number, significance.

    `angles` (rad) are the scattering angles of the rings, `looked` in how many sectors each
    ring was looked for; it was found in as many as it has points.
    """

    row: Floats
    column: Floats
    ring: NDArray[np.int64]
    significance: Floats
    angles: Floats
    looked: NDArray[np.int64]

    @property
    def windows(self) -> int:
        """In how many places a ring was looked for."""
        return int(self.looked.sum())


def find_points(
    image: Floats,
    two_theta: Floats,
    azimuth: Floats,
    expected: Floats,
    *,
    half_width: Floats,
    step: float,
    sectors: int = 72,
    threshold: float = 4.0,
) -> ControlPoints:
    """Find each ring in each azimuthal sector, at most once.

    Parameters
    ----------
    image : (y, x) float, count
        NaN where a pixel is no measurement.
    two_theta, azimuth : (y, x) float, rad
        Angles of the pixels by the geometry to be refined.
    expected : (k,) float, rad
        Scattering angle of each ring, ascending.
    half_width : (k,) float, rad
        How far from its angle a ring is looked for; windows should not overlap.
    step : float, rad
        Width of a radial bin, about one pixel.
    sectors : int
        Number of equal azimuthal sectors.
    threshold : float
        A peak counts when it stands this many standard deviations over its surroundings.

    Returns
    -------
    ControlPoints

    Notes
    -----
    In every window the mean intensity is taken in radial bins; the peak position is the
    centroid of what rises over half of the highest bin above the median of the window;
    it is significant against the counting statistics of that median.
    Its point is the pixel of that angle nearest to the middle of the sector, moved by a
    linear step to the exact angle, so that wide sectors do not pull points inwards.
    """
    good = np.isfinite(image)
    sector = np.floor((azimuth + np.pi) / (2 * np.pi) * sectors).astype(np.int64) % sectors
    gradient: Sequence[Floats] = tuple(np.gradient(two_theta))
    found: list[tuple[float, float, int, float]] = []
    looked = np.zeros(len(expected), np.int64)
    for number, (angle, width) in enumerate(zip(expected, half_width, strict=True)):
        near = np.nonzero(good & (np.abs(two_theta - angle) < width))
        order = np.argsort(sector[near], kind="stable")
        rows, columns = near[0][order], near[1][order]
        starts = np.searchsorted(sector[rows, columns], np.arange(sectors + 1))
        for which in range(sectors):
            span = slice(starts[which], starts[which + 1])
            inside = (rows[span], columns[span])
            peak = _peak(two_theta[inside], image[inside], angle - width, angle + width, step)
            if peak is None:
                continue
            looked[number] += 1
            position, significance = peak
            if significance < threshold:
                continue
            middle = (which + 0.5) / sectors * 2 * np.pi - np.pi
            found.append(
                (*_place(inside, two_theta, azimuth, gradient, position, middle), number, significance)
            )
    columns_of: Any = np.array(found, float).reshape(-1, 4).T
    return ControlPoints(
        columns_of[0], columns_of[1], columns_of[2].astype(np.int64), columns_of[3], expected, looked
    )


def _peak(angles: Floats, values: Floats, low: float, high: float, step: float) -> tuple[float, float] | None:
    """Centroid and significance of the peak in a window; None where too few bins are filled."""
    bins = max(5, round((high - low) / step))
    index = np.clip(((angles - low) / (high - low) * bins).astype(np.int64), 0, bins - 1)
    pixels = np.bincount(index, minlength=bins)
    filled = pixels > 0
    # A ring cut by a gap or by the edge of the detector has a false centroid.
    if filled.sum() < 0.9 * bins:
        return None
    mean = np.bincount(index, values, minlength=bins)[filled] / pixels[filled]
    centre = np.bincount(index, angles, minlength=bins)[filled] / pixels[filled]
    # Over three bins, about the width of a ring: weak rings stand out, their place stays.
    smooth = np.convolve(np.pad(mean, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    base = np.median(smooth)
    spread = np.sqrt(max(base, 1e-3) / (3 * np.median(pixels[filled])))
    top = smooth.max()
    share = np.maximum(smooth - base - 0.5 * (top - base), 0.0)
    # Only the run of bins around the highest one: another peak in the window is another matter.
    highest = int(np.argmax(smooth))
    left, right = highest, highest
    while left > 0 and share[left - 1] > 0:
        left -= 1
    while right < len(share) - 1 and share[right + 1] > 0:
        right += 1
    if left == 0 or right == len(share) - 1:
        return centre[highest], 0.0
    run = slice(left, right + 1)
    return float(np.average(centre[run], weights=share[run])), float((top - base) / spread)


def _place(
    inside: tuple[NDArray[np.intp], NDArray[np.intp]],
    two_theta: Floats,
    azimuth: Floats,
    gradient: Sequence[Floats],
    position: float,
    middle: float,
) -> tuple[float, float]:
    """Array coordinates at which the angle is `position`, close to the azimuth `middle`."""
    off_angle = two_theta[inside] - position
    off_azimuth = np.abs(np.angle(np.exp(1j * (azimuth[inside] - middle)))) * np.tan(position)
    nearest = int(np.argmin(off_angle**2 + off_azimuth**2))
    row, column = int(inside[0][nearest]), int(inside[1][nearest])
    slope = np.array([gradient[0][row, column], gradient[1][row, column]])
    shift = -off_angle[nearest] * slope / (slope @ slope)
    return row + shift[0], column + shift[1]
