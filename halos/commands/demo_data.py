"""What the demo measures: one particle of known size and mass, at two places and three instruments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.testing.hdf5_images import write_cosaxs
from adapters.testing.samples import SampleCurve, write_ascii
from adapters.testing.solution import Bench, Ellipsoid
from adapters.testing.spectrum import write_native
from halos.commands.settings import UsageError

FRAMES = 10
LUND_MG_ML, HAMBURG_MG_ML = 4.0, 2.5
SILVER_BEHENATE_ANGSTROM = 58.38
MARK = "README.txt"
NOTE = "Simulated measurements, written by `halos demo`. Safe to remove.\n"
SCANS = {"calibrant": 1, "buffer": 2, "sample": 3}
BEAMTIME = "data/visitors/cosaxs/20260001/2026010108/raw"
CURVE, SPECTRUM = "ellipsoid_2.5mgml.dat", "ellipsoid_native.txt"


@dataclass(frozen=True)
class Measured:
    """Folders of data at each place, and the truth behind them."""

    lund: Path
    hamburg: Path
    bench: Bench
    particle: Ellipsoid

    def scan(self, name: str) -> Path:
        """A scan at Lund by what was in the beam, from the root of its data."""
        return Path(BEAMTIME) / f"scan-{SCANS[name]:04d}.h5"


def measured(folder: Path) -> Measured:
    """Write everything below `folder`; what an earlier demo left there is the same, and stays."""
    found = Measured(folder / "lund", folder / "hamburg", Bench(), Ellipsoid())
    if folder.exists() and not (folder / MARK).exists():
        raise UsageError(f"{folder} is there and was not written by the demo; choose another --out")
    if not (folder / MARK).exists():
        _images(found)
        _curve(found)
        charges = range(14, 20)
        write_native(found.hamburg / SPECTRUM, found.particle.mass_kda * 1000, charges)
        (folder / MARK).write_text(NOTE)
    return found


def _images(found: Measured) -> None:
    """Silver behenate, buffer and protein, as the detector of MAX IV CoSAXS writes them."""
    bench = found.bench
    protein = bench.buffer() + found.particle.intensity(bench.q, LUND_MG_ML)
    intensities = {
        "calibrant": (bench.rings(SILVER_BEHENATE_ANGSTROM, 7), 1),
        "buffer": (bench.buffer(), FRAMES),
        "sample": (protein, FRAMES),
    }
    for name, (intensity, frames) in intensities.items():
        counts = bench.expose(intensity, frames, stream=SCANS[name])
        write_cosaxs(found.lund, counts, number=SCANS[name])


def _curve(found: Measured) -> None:
    """A subtracted curve of another concentration, in inverse nanometres."""
    q = np.linspace(0.008, 0.35, 500)
    ideal = found.particle.intensity(q, HAMBURG_MG_ML)
    errors = 0.01 * ideal + 2e-5
    noisy = ideal + np.random.default_rng(11).normal(0.0, errors)
    found.hamburg.mkdir(parents=True, exist_ok=True)
    write_ascii(found.hamburg / CURVE, SampleCurve(10.0 * q, noisy, errors), "Q (1/nm)  I  Error")
