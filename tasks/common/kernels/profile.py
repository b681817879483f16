"""Peaks on a slope: a background below them, where they stand, and a fitted profile for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import find_peaks, peak_widths

Floats = NDArray[np.float64]

FWHM_OF_GAUSS = 2.0 * np.sqrt(2.0 * np.log(2.0))
# A fit must have some points more than its six unknowns.
LEAST_POINTS = 9


@dataclass(frozen=True)
class Peak:
    """A fitted peak; positions and widths in the unit of the axis, heights and areas in that of the values.

    `mixing` is the Lorentzian share, `chi2` the reduced chi squared of the fit.
    """

    position: float
    position_error: float
    width: float
    height: float
    area: float
    mixing: float
    chi2: float


def background(values: Floats, half_width: int) -> Floats:
    """A smooth curve below the peaks of `values` (n,), by clipping on ever narrower scales.

    Each point is lowered to the mean of its neighbours at a distance that shrinks from
    `half_width` to 1, on the double square root of the values, so that high and low
    peaks are treated alike.

    References
    ----------
    C. G. Ryan et al., *Nucl. Instrum. Methods B* **34**, 396 (1988), the SNIP algorithm;
    M. Morhac et al., *Nucl. Instrum. Methods A* **401**, 113 (1997), decreasing widths.
    """
    floor = float(np.nanmin(values))
    lifted = np.nan_to_num(values - floor, nan=0.0)
    damped = np.log(np.log(np.sqrt(lifted + 1.0) + 1.0) + 1.0)
    for reach in range(max(1, min(half_width, (len(values) - 1) // 2)), 0, -1):
        middle = 0.5 * (damped[: -2 * reach] + damped[2 * reach :])
        damped[reach:-reach] = np.minimum(damped[reach:-reach], middle)
    cleared: Floats = (np.exp(np.exp(damped) - 1.0) - 1.0) ** 2 - 1.0 + floor
    return cleared


def candidates(
    values: Floats, errors: Floats, *, half_width: int, least_snr: float, apart: int
) -> tuple[NDArray[np.int_], Floats]:
    """Indices (k,) where peaks stand out of the background, and their widths at half height in points.

    Parameters
    ----------
    values, errors : (n,) float
        Signal and its standard uncertainty; a peak counts if it stands `least_snr` of
        the uncertainty above the background, after smoothing over `apart` points.
    half_width : int
        How far the background looks around, in points: wider than any peak.
    apart : int
        Peaks closer than this many points are one.
    """
    usable = np.where(np.isfinite(values), values, 0.0)
    width = max(1, apart | 1)
    box = np.ones(width) / width
    # Smoothed first, for the background follows the lowest points, which are lower in noise.
    padded = np.pad(usable, width // 2, mode="edge")
    even = np.convolve(padded, box, mode="valid")
    smooth = even - background(even, half_width)
    noise = np.sqrt(np.convolve(np.nan_to_num(errors, nan=0.0) ** 2, box, mode="same") / width)
    noise = np.maximum(noise, 1e-12 + 1e-9 * float(np.abs(usable).max()))
    ratio = smooth / noise
    found, _ = find_peaks(ratio, height=least_snr, distance=max(1, apart), prominence=least_snr / 2)
    widths = peak_widths(np.maximum(ratio, 0.0), found, rel_height=0.5)[0] if len(found) else np.empty(0)
    return found, widths


def fit_peak(x: Floats, y: Floats, errors: Floats, start: float, width: float, *, gauss: bool) -> Peak | None:
    """One peak on a straight background, by least squares with the errors as weights.

    Parameters
    ----------
    x, y, errors : (n,) float
        A window around the peak; points without a positive error do not count.
    start, width : float
        First guess of position and full width at half maximum.
    gauss : bool
        A Gaussian; else a pseudo-Voigt profile, whose Lorentzian share is fitted.

    Returns
    -------
    Peak or None
        None where the window holds no peak: too few points, or a fit that ends at its
        limits or falls below the background. Errors are from the curvature at the
        minimum, widened by the root of the reduced chi squared where that exceeds 1.
    """
    good = np.isfinite(y) & np.isfinite(errors) & (errors > 0)
    x, y, errors = x[good], y[good], errors[good]
    if len(x) < LEAST_POINTS:
        return None
    low, high = float(x[0]), float(x[-1])
    floor, top = float(np.percentile(y, 15)), float(y.max())
    scale = max(top - floor, float(errors.mean()))

    def model(p: Floats) -> Floats:
        line = p[4] + p[5] * (x - start) / (high - low)
        found: Floats = scale * (profile(x, p[0], p[1], p[2], p[3]) + line)
        return found

    def residuals(p: Floats) -> Floats:
        found: Floats = (model(p) - y) / errors
        return found

    step = (high - low) / (len(x) - 1)
    mixed = (0.0, 1e-9) if gauss else (0.0, 1.0)
    least = [low, step, 0.0, mixed[0], -np.inf, -np.inf]
    bounds = (least, [high, high - low, np.inf, mixed[1], np.inf, np.inf])
    guess = [start, min(max(width, 1.5 * step), 0.8 * (high - low)), 1.0, 0.5 * mixed[1], floor / scale, 0.0]
    solved = least_squares(residuals, guess, bounds=bounds, x_scale=[width, width, 1, 1, 1, 1])
    p = solved.x
    free = len(x) - (5 if gauss else 6)
    chi2 = float(2.0 * solved.cost / max(free, 1))
    covariance = np.linalg.pinv(solved.jac.T @ solved.jac) * max(chi2, 1.0)
    sigma = float(np.sqrt(covariance[0, 0]))
    if not low < p[0] < high or not 0 < sigma < p[1] or p[2] <= 0 or p[1] > 0.95 * (high - low):
        return None
    shape = p[3] * np.pi / 2 + (1 - p[3]) * np.sqrt(np.pi / np.log(2)) / 2
    area = scale * p[2] * p[1] * shape
    return Peak(float(p[0]), sigma, float(p[1]), float(scale * p[2]), float(area), float(p[3]), chi2)


def profile(x: Floats, position: float, width: float, height: float, mixing: float) -> Floats:
    """A pseudo-Voigt profile of full width at half maximum `width` and Lorentzian share `mixing`."""
    u = 2.0 * (x - position) / width
    found: Floats = height * (mixing / (1.0 + u**2) + (1.0 - mixing) * np.exp(-np.log(2.0) * u**2))
    return found


def fitted(
    x: Floats,
    y: Floats,
    errors: Floats,
    found: NDArray[np.int_],
    widths: Floats,
    *,
    gauss: bool,
    reach: float = 2.5,
) -> list[Peak]:
    """A fit to every candidate in a window of `reach` widths that ends halfway to its neighbours."""
    peaks = []
    for place, (index, width) in enumerate(zip(found, widths, strict=True)):
        half = max(round(reach * width), 6)
        left = 0 if place == 0 else (found[place - 1] + index) // 2
        right = len(x) if place == len(found) - 1 else (found[place + 1] + index) // 2 + 1
        window = slice(max(index - half, left, 0), min(index + half + 1, right, len(x)))
        step = float(np.median(np.diff(x[window]))) if window.stop - window.start > 1 else 0.0
        peak = fit_peak(
            x[window], y[window], errors[window], float(x[index]), max(width, 1.5) * step, gauss=gauss
        )
        if peak is not None:
            peaks.append(peak)
    return peaks
