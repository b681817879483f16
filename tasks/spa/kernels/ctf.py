"""The contrast transfer function: its rings in the power of a micrograph, and the defocus they tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

from tasks.common.kernels.electron import electron_wavelength
from tasks.spa.kernels import rings

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

    def phase(self, frequency: Floats, defocus: Floats | float) -> Floats:
        """Phase (rad) of the transfer at spatial frequencies (1/angstrom) and underfocus (angstrom)."""
        return _phase(frequency, defocus, self)

    def squared(self, frequency: Floats, defocus: Floats | float) -> Floats:
        """Squared transfer at spatial frequencies (1/angstrom) and underfocus (angstrom)."""
        return np.asarray(np.sin(_phase(frequency, defocus, self)) ** 2)


@dataclass(frozen=True)
class Fitted:
    """Defoci (angstrom) along the two axes, angle (rad) of the first from x, their errors and the quality.

    `error` is hypot of the formal one and of how the defocus moves with the range of
    spacings. `correlation` is between the rings and the squared transfer after a smooth
    background is taken from both, `significance` the same in standard errors of noise.
    `rival` is another defocus that explains the rings as well, None where there is none.
    `reach` (angstrom) is the finest spacing up to which rings are still seen.
    `ring_frequency`, `ring_power` and `ring_model` are means along rings of equal phase,
    which fade as exp(-`fading` k²).
    """

    defocus_u: float
    defocus_v: float
    angle: float
    error: float
    correlation: float
    significance: float
    rival: float | None
    reach: float
    ring_frequency: Floats
    ring_power: Floats
    ring_model: Floats
    fading: float

    @property
    def mean(self) -> float:
        """Mean of the two defoci (angstrom)."""
        return (self.defocus_u + self.defocus_v) / 2


# The search in two dimensions stays this near to that on circles.
NEAR = 0.1
# Ranges of spacings, as factors of the coarsest and the finest, that ought to tell the same.
RANGES = ((0.6, 1.0), (0.8, 1.0), (1.0, 1.3), (1.0, 0.85))


def fit(
    power: Floats, optics: Optics, *, coarsest: float, finest: float, least: float, most: float
) -> Fitted | None:
    """The defocus whose rings explain a power spectrum (n, n), zero frequency in the middle.

    Parameters
    ----------
    power : (n, n) float
    coarsest, finest : float, angstrom
        Range of spacings used.
    least, most : float, angstrom
        Range of defocus searched.

    Returns
    -------
    Fitted, or None where the range of spacings holds too few rings of the spectrum.

    Notes
    -----
    Circles give the mean defocus (:func:`tasks.spa.kernels.rings.search`), two dimensions
    the astigmatism, and rings of equal phase the answer and its error. A specimen thicker
    than its depth of field, or tilted, fades the rings and widens the error.

    References
    ----------
    A. Rohou and N. Grigorieff, J. Struct. Biol. 192, 216 (2015).
    """
    circles = rings.profile(power, optics.pixel, coarsest, finest)
    start = rings.search(circles, optics.squared, least, most)
    if start is None:
        return None
    mean, astigmatism, angle = _astigmatism(power, optics, circles, start)
    stretch = _stretch(power.shape[0], mean, astigmatism, angle)
    ellipses = rings.profile(power, optics.pixel, coarsest, finest, stretch)
    around = (max(least, (1 - NEAR) * mean), min(most, (1 + NEAR) * mean))
    here = rings.search(ellipses, optics.squared, *around)
    # Rivals are sought far and wide, with the ellipses that suit the best.
    wide = rings.search(ellipses, optics.squared, least, most)
    assert here is not None and wide is not None
    error = float(np.hypot(here.error, _moving(power, optics, (coarsest, finest), around, stretch)))
    frequency = ellipses.frequency
    flat = ellipses.value - here.background
    rival = wide.rival if abs(wide.defocus - here.defocus) < NEAR * mean else wide.defocus
    model = optics.squared(frequency, here.defocus)
    return Fitted(
        here.defocus + astigmatism,
        here.defocus - astigmatism,
        float(angle % np.pi),
        error,
        here.correlation,
        here.significance,
        rival,
        _reach(frequency, flat, model, optics, here.defocus),
        frequency,
        flat,
        model,
        here.fading,
    )


def _astigmatism(
    power: Floats, optics: Optics, circles: rings.Profile, start: rings.Found
) -> tuple[float, float, float]:
    """Mean defocus, half the difference of the two, and the angle (rad) of the larger."""
    size = power.shape[0]
    axis = fft.fftshift(fft.fftfreq(size, optics.pixel))
    radius = np.hypot(axis[:, None], axis[None])
    used = (radius >= circles.frequency[0]) & (radius <= circles.frequency[-1]) & (axis[None] > 0)
    used &= axis[:, None] != 0
    flat = np.log(np.maximum(power, float(power[power > 0].min())))
    flat = ndimage.gaussian_filter(flat, 0.5)[used]
    frequency, around = (
        radius[used],
        np.broadcast_to(np.arctan2(axis[:, None], axis[None]), power.shape)[used],
    )
    values = flat - np.interp(frequency, circles.frequency, start.background)
    fading = np.exp(-start.fading * frequency**2)

    def unlike(scaled: Floats) -> float:
        mean, astigmatism = scaled[0] * start.defocus, scaled[1] * start.defocus
        if abs(scaled[0] - 1) > NEAR or abs(scaled[1]) > NEAR:
            return 1.0
        defocus = mean + astigmatism * np.cos(2 * (around - scaled[2]))
        model = optics.squared(frequency, defocus) * fading
        return -_correlated(values, model)

    best, least = np.array([1.0, 0.0, 0.0]), unlike(np.array([1.0, 0.0, 0.0]))
    for angle in (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4):
        first = np.array([1.0, 0.01, angle])
        simplex = first + np.vstack([np.zeros(3), np.diag([0.01, 0.015, 0.4])])
        found = optimize.minimize(
            unlike,
            first,
            method="Nelder-Mead",
            options={"xatol": 1e-4, "fatol": 1e-7, "maxiter": 300, "initial_simplex": simplex},
        )
        if found.fun < least:
            best, least = found.x, float(found.fun)
    mean, astigmatism, angle = best[0] * start.defocus, best[1] * start.defocus, float(best[2])
    return (mean, -astigmatism, angle + np.pi / 2) if astigmatism < 0 else (mean, astigmatism, angle)


def _stretch(size: int, mean: float, astigmatism: float, angle: float) -> Floats:
    """What the radius of each term is multiplied by so that lines of equal phase are circles."""
    axis = np.arange(size) - size // 2
    around = np.arctan2(axis[:, None], axis[None])
    return np.asarray(np.sqrt(np.maximum(1 + astigmatism / mean * np.cos(2 * (around - angle)), 0.1)))


def _moving(
    power: Floats, optics: Optics, spacings: tuple[float, float], around: tuple[float, float], stretch: Floats
) -> float:
    """Standard deviation of the defocus over ranges of spacings that ought to tell the same."""
    found = []
    for coarse, fine in RANGES:
        finest = max(spacings[1] * fine, 2.1 * optics.pixel)
        part = rings.profile(power, optics.pixel, spacings[0] * coarse, finest, stretch)
        if len(part.frequency) and (each := rings.search(part, optics.squared, *around)) is not None:
            found.append(each.defocus)
    return float(np.std(found, ddof=1)) if len(found) > 1 else 0.0


def _phase(frequency: Floats, defocus: Floats | float, optics: Optics) -> Floats:
    return phase_shift(
        frequency, np.asarray(defocus), optics.wavelength, optics.spherical_mm, optics.amplitude
    )


def _correlated(values: Floats, model: Floats) -> float:
    one, two = values - values.mean(), model - model.mean()
    return float((one * two).sum() / max(float(np.sqrt((one**2).sum() * (two**2).sum())), 1e-12))


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
