"""The contrast transfer function: its rings in the power of a micrograph, and the defocus they tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

from tasks.common.kernels.electron import electron_wavelength

Floats = NDArray[np.float64]


def phase_shift(
    frequency: Floats, defocus: Floats, wavelength: float, spherical_mm: float, amplitude: float
) -> Floats:
    r"""Phase (rad) of the transfer function at spatial `frequency` (1/angstrom) for underfocus (angstrom).

    .. math:: \chi = \pi \lambda \Delta k^2 - \tfrac{\pi}{2} C_s \lambda^3 k^4 + \arcsin A

    The transfer is :math:`-\sin \chi`; its square is what power spectra show.
    """
    spherical = spherical_mm * 1e7
    squared = frequency**2
    aberration = 0.5 * np.pi * spherical * wavelength**3 * squared**2
    return np.asarray(np.pi * wavelength * defocus * squared - aberration + np.arcsin(amplitude))


def mean_power(image: Floats, tile: int) -> Floats:
    """Mean power spectrum (tile, tile) over windowed tiles that overlap by half, zero in the middle."""
    window = np.hanning(tile)[:, None] * np.hanning(tile)[None]
    total, count = np.zeros((tile, tile // 2 + 1)), 0
    for top in range(0, image.shape[0] - tile + 1, tile // 2):
        for left in range(0, image.shape[1] - tile + 1, tile // 2):
            part = image[top : top + tile, left : left + tile]
            total += np.abs(fft.rfft2((part - part.mean()) * window)) ** 2
            count += 1
    if count == 0:
        raise ValueError(f"an image of {image.shape} holds no tile of {tile}")
    half = total / count
    whole = np.empty((tile, tile))
    whole[:, : tile // 2 + 1] = half
    mirror = half[:, 1 : tile // 2][:, ::-1]
    whole[:, tile // 2 + 1 :] = np.roll(mirror[::-1], 1, axis=0)
    return np.asarray(fft.fftshift(whole))


@dataclass(frozen=True)
class Optics:
    """What must be known of the microscope; pixel in angstrom."""

    pixel: float
    voltage_kv: float
    spherical_mm: float
    amplitude: float

    @property
    def wavelength(self) -> float:
        """Of the electrons, in angstrom."""
        return electron_wavelength(self.voltage_kv)


@dataclass(frozen=True)
class Fitted:
    """Defoci (angstrom) along the two axes, angle (rad) of the first from x, their errors and the quality.

    `correlation` is between the flattened power and the squared transfer; `reach`
    (angstrom) is the finest spacing up to which rings are still seen. `ring_frequency`,
    `ring_power` and `ring_model` are means along the rings of equal phase.
    """

    defocus_u: float
    defocus_v: float
    angle: float
    error: float
    correlation: float
    reach: float
    ring_frequency: Floats
    ring_power: Floats
    ring_model: Floats


def fit(
    power: Floats, optics: Optics, *, coarsest: float, finest: float, least: float, most: float
) -> Fitted:
    """The defocus whose rings correlate best with a power spectrum (n, n), zero frequency in the middle.

    Parameters
    ----------
    power : (n, n) float
    coarsest, finest : float, angstrom
        Range of spacings used.
    least, most : float, angstrom
        Range of defocus searched.

    Notes
    -----
    The power is flattened by the mean over a wide ring in logarithm; what remains are
    rings about zero. A search over defocus of the radial mean is followed by a fit of
    both defoci and their angle in two dimensions. The error is from the curvature of the
    correlation and as many independent values as terms in half of the plane over
    the neighbours that the window joins.

    References
    ----------
    A. Rohou and N. Grigorieff, J. Struct. Biol. 192, 216 (2015).
    """
    size = power.shape[0]
    axis = fft.fftshift(fft.fftfreq(size, optics.pixel))
    radius = np.hypot(axis[:, None], axis[None])
    azimuth = np.arctan2(axis[:, None], axis[None])
    used = (radius >= 1 / coarsest) & (radius <= 1 / finest) & (axis[None] > 0)
    flat = _flattened(power, radius, used)
    frequency, around, values = radius[used], azimuth[used], flat[used]
    values = (values - values.mean()) / values.std()

    def likeness(parameters: Floats) -> float:
        mean, astigmatism, angle = parameters
        defocus = mean + astigmatism * np.cos(2 * (around - angle))
        model = np.sin(_phase(frequency, defocus, optics)) ** 2
        model = model - model.mean()
        return float((values * model).mean() / max(float(model.std()), 1e-12))

    coarse = np.arange(least, most, 50.0)
    centres, radial = _radial(frequency, values, 1.0 / (size * optics.pixel))
    radial_scores = [_correlated(radial, np.sin(_phase(centres, each, optics)) ** 2) for each in coarse]
    start = float(coarse[int(np.argmax(radial_scores))])
    best = np.array([start, 0.0, 0.0])
    for angle in (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4):
        found = optimize.minimize(
            lambda scaled: -likeness(np.array([scaled[0] * 1e3, scaled[1] * 1e2, scaled[2]])),
            [start / 1e3, 1.0, angle],
            method="Nelder-Mead",
            options={"xatol": 1e-4, "fatol": 1e-8, "maxiter": 400},
        )
        candidate = np.array([found.x[0] * 1e3, found.x[1] * 1e2, found.x[2]])
        if likeness(candidate) > likeness(best):
            best = candidate
    mean, astigmatism, angle = best
    if astigmatism < 0:
        astigmatism, angle = -astigmatism, angle + np.pi / 2
    score = likeness(best)
    step = 20.0
    aside = np.array([step, 0.0, 0.0])
    curvature = (2 * score - likeness(best + aside) - likeness(best - aside)) / step**2
    independent = used.sum() / 4
    error = float(np.sqrt((1 - score**2) / (independent * max(curvature * max(score, 1e-6), 1e-18))))
    rings = _rings(radius[used], around, flat[used], mean, astigmatism, angle, optics)
    reach = _reach(*rings, optics, float(mean))
    return Fitted(
        float(mean + astigmatism),
        float(mean - astigmatism),
        float(angle % np.pi),
        error,
        score,
        reach,
        *rings,
    )


def _phase(frequency: Floats, defocus: Floats | float, optics: Optics) -> Floats:
    return phase_shift(
        frequency, np.asarray(defocus), optics.wavelength, optics.spherical_mm, optics.amplitude
    )


def _flattened(power: Floats, radius: Floats, used: NDArray[np.bool_]) -> Floats:
    """Logarithm of the power less its smooth fall with radius."""
    logarithm = np.log(np.maximum(power, float(power[power > 0].min())))
    number = np.rint(radius / radius[radius > 0].min()).astype(int)
    mean = np.bincount(number.ravel(), logarithm.ravel()) / np.maximum(np.bincount(number.ravel()), 1)
    inside = np.unique(number[used])
    # A low polynomial follows the fall of the envelope, and not the rings on it.
    place = (inside - inside.mean()) / np.ptp(inside)
    smooth = np.polynomial.Polynomial.fit(place, mean[inside], 4)
    trend = np.zeros_like(mean)
    trend[inside] = smooth(place)
    flat = logarithm - trend[number]
    return np.asarray(ndimage.gaussian_filter(flat, 0.5))


def _radial(frequency: Floats, values: Floats, step: float) -> tuple[Floats, Floats]:
    number = np.rint(frequency / step).astype(int)
    count = np.bincount(number)
    there = count > 0
    radii = np.asarray(np.flatnonzero(there), np.float64) * step
    return np.asarray(radii, np.float64), np.asarray(np.bincount(number, values)[there] / count[there], float)


def _correlated(values: Floats, model: Floats) -> float:
    one, two = values - values.mean(), model - model.mean()
    return float((one * two).sum() / max(float(np.sqrt((one**2).sum() * (two**2).sum())), 1e-12))


def _rings(
    radius: Floats,
    around: Floats,
    flat: Floats,
    mean: float,
    astigmatism: float,
    angle: float,
    optics: Optics,
) -> tuple[Floats, Floats, Floats]:
    """Mean power along lines of equal phase: frequency that a round lens would have, power, model."""
    defocus = mean + astigmatism * np.cos(2 * (around - angle))
    alike = radius * np.sqrt(np.maximum(defocus, 1.0) / max(mean, 1.0))
    edges = np.linspace(alike.min(), alike.max(), 300)
    number = np.clip(np.digitize(alike, edges) - 1, 0, len(edges) - 2)
    count = np.bincount(number, minlength=len(edges) - 1)
    power = np.bincount(number, flat, minlength=len(edges) - 1) / np.maximum(count, 1)
    centres = (edges[1:] + edges[:-1]) / 2
    there = count > 0
    return centres[there], power[there], np.sin(_phase(centres, mean, optics))[there] ** 2


def _reach(frequency: Floats, power: Floats, model: Floats, optics: Optics, mean: float) -> float:
    """The finest spacing before the rings, two at a time, stop to follow the model."""
    turns = _phase(frequency, mean, optics) / np.pi
    last = float(1 / frequency[0])
    for first in range(int(np.ceil(turns[0])), int(turns.max()) - 1):
        part = (turns >= first) & (turns < first + 2)
        if part.sum() < 6 or _correlated(power[part], model[part]) < 0.5:
            break
        last = float(1 / frequency[part][-1])
    return last
