"""Detector frames of a protein solution whose truth is known: an ellipsoid in a buffer, counted photons."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint32]

AVOGADRO = 6.02214076e23


@dataclass(frozen=True)
class Ellipsoid:
    """A particle of uniform density with the volume and mass of a dry protein; semi-axes in angstrom."""

    semi_axes: tuple[float, float, float] = (24.0, 24.0, 38.0)
    partial_specific_volume_ml_g: float = 0.7425

    @property
    def radius_of_gyration(self) -> float:
        """Rg in angstrom: the square root of a fifth of the summed squares of the semi-axes."""
        return float(np.sqrt(sum(axis**2 for axis in self.semi_axes) / 5.0))

    @property
    def maximum_dimension(self) -> float:
        """The longest diameter, in angstrom."""
        return 2.0 * max(self.semi_axes)

    @property
    def mass_kda(self) -> float:
        """Mass in kDa that fills the volume at the partial specific volume."""
        volume_ml = 4.0 / 3.0 * np.pi * float(np.prod(self.semi_axes)) * 1e-24
        return float(volume_ml / self.partial_specific_volume_ml_g * AVOGADRO / 1e3)

    def form_factor(self, q: Floats, directions: int = 400) -> Floats:
        """Scattering of randomly turned particles at `q` (1/angstrom), 1 at q = 0.

        The mean of the sphere amplitude at q times the length of the axes seen along
        evenly spread directions (a spiral on the half sphere).
        """
        cosine = (np.arange(directions) + 0.5) / directions
        azimuth = np.pi * (1.0 + 5.0**0.5) * np.arange(directions)
        sine = np.sqrt(1.0 - cosine**2)
        a, b, c = self.semi_axes
        along = (a * sine * np.cos(azimuth), b * sine * np.sin(azimuth), c * cosine)
        length = np.sqrt(sum(part**2 for part in along))
        x = np.maximum(q.ravel()[:, None] * length[None, :], 1e-4)
        amplitude = 3.0 * (np.sin(x) - x * np.cos(x)) / x**3
        mean: Floats = (amplitude**2).mean(axis=1).reshape(q.shape)
        return mean

    def intensity(self, q: Floats, concentration_mg_ml: float, contrast: float = 2.8e10) -> Floats:
        """Scattering of a solution in 1/cm: I(0) = c M (contrast x partial specific volume)² / N_A."""
        grams = concentration_mg_ml * 1e-3
        length = contrast * self.partial_specific_volume_ml_g
        forward = grams * self.mass_kda * 1e3 * length**2 / AVOGADRO
        # Smooth in q: a fine table serves half a million pixels as well as each of them would.
        table = np.linspace(0.0, float(q.max()), 2000)
        return forward * np.interp(q, table, self.form_factor(table))


@dataclass(frozen=True)
class Bench:
    """A flat detector hit off its middle, and how many counts a pixel gets for 1/cm in a frame."""

    shape: tuple[int, int] = (514, 1030)
    pixel_m: float = 75e-6
    distance_m: float = 1.0
    wavelength_angstrom: float = 1.0
    center_px: tuple[float, float] = (85.0, 257.0)
    counts_for_1_cm: float = 250.0
    water_1_cm: float = 0.0163
    seed: int = 20260101
    stop_px: float = 12.0
    _grid: tuple[Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows, columns = np.indices(self.shape)
        # Pixel centres stand half a pixel from their corner, where the beam centre counts from.
        grid = (columns + 0.5 - self.center_px[0], rows + 0.5 - self.center_px[1])
        object.__setattr__(self, "_grid", grid)

    @property
    def radius_px(self) -> Floats:
        """Distance of each pixel's centre from the beam, in pixels."""
        return np.hypot(*self._grid)

    @property
    def two_theta(self) -> Floats:
        """Scattering angle of each pixel's centre, rad."""
        angle: Floats = np.arctan(self.radius_px * self.pixel_m / self.distance_m)
        return angle

    @property
    def q(self) -> Floats:
        """Momentum transfer of each pixel's centre, 1/angstrom."""
        return 4.0 * np.pi / self.wavelength_angstrom * np.sin(self.two_theta / 2.0)

    def expose(self, intensity: Floats, frames: int, *, stream: int = 0) -> Counts:
        """Photon counts (frames, y, x) for an intensity in 1/cm at each pixel, with its noise.

        A round beam stop leaves nothing; a gap between modules reads as the detector's
        sentinel, 2**32 - 1. `stream` tells exposures apart that must not share noise.
        """
        random = np.random.default_rng([self.seed, stream])
        expected = intensity * self.counts_for_1_cm * np.cos(self.two_theta) ** 3
        expected = np.where(self.radius_px < self.stop_px, 0.0, expected)
        counts = random.poisson(expected, size=(frames, *self.shape)).astype(np.uint32)
        counts[:, :, 514:516] = np.iinfo(np.uint32).max
        return counts

    def buffer(self) -> Floats:
        """Intensity (1/cm) of buffer and cell at each pixel: flat water and a little upturn."""
        return self.water_1_cm + 2e-7 * np.maximum(self.q, 1e-3) ** -2.0

    def rings(self, spacing_angstrom: float, orders: int, width: float = 6e-4) -> Floats:
        """Intensity (1/cm) of a lamellar standard: sharp rings at 2 pi n / spacing."""
        total = np.full(self.shape, 0.02)
        for order in range(1, orders + 1):
            centre = 2.0 * np.pi * order / spacing_angstrom
            total += 20.0 / order * np.exp(-0.5 * ((self.q - centre) / width) ** 2)
        return total
