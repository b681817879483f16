"""A native mass spectrum whose truth is known: one mass on a ladder of charges, with noise, as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Mass of a proton: CODATA 2018, in Da.
PROTON_DA = 1.007276466621


def charge_ladder(mass_da: float, charges: range, *, resolution: float = 1500.0) -> tuple[Floats, Floats]:
    """m/z (Th) and intensity of a particle of `mass_da` that carries `charges` protons.

    Peaks are normal in m/z with full width m/z over `resolution`, and their heights follow
    a bell over the charges, as native electrospray makes them.
    """
    places = np.array([(mass_da + z * PROTON_DA) / z for z in charges])
    middle, spread = np.mean(charges), len(charges) / 5.0
    heights = np.exp(-0.5 * ((np.array(charges) - middle) / spread) ** 2)
    # Steps grow with m/z, as those of a time-of-flight analyser do.
    mz = np.geomspace(places.min() * 0.9, places.max() * 1.1, 40_000)
    width = places / resolution / 2.3548
    peaks = heights * np.exp(-0.5 * ((mz[:, None] - places) / width) ** 2)
    return mz, peaks.sum(axis=1)


def write_native(path: Path, mass_da: float, charges: range, *, noise: float = 0.01, seed: int = 1) -> Path:
    """A spectrum as the text that instruments export; `noise` is a share of the highest peak."""
    mz, intensity = charge_ladder(mass_da, charges)
    random = np.random.default_rng(seed)
    counts = np.round(1e5 * (intensity + np.abs(random.normal(0.0, noise, mz.size))))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.column_stack([mz, counts]), fmt="%.5f %d", header="m/z intensity", comments="")
    return path
