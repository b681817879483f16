"""Frames of a small detector with a known particle, its buffer and a calibrant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.testing.hdf5_images import write_cosaxs
from adapters.testing.solution import Bench, Ellipsoid

BENCH = Bench(shape=(120, 560), distance_m=0.8, center_px=(30.0, 60.0), counts_for_1_cm=3000.0, stop_px=6.0)
PARTICLE = Ellipsoid((20.0, 20.0, 26.0))
# Intensity of the particle in its buffer, at 8 mg/ml.
SOLUTION = BENCH.buffer() + PARTICLE.intensity(BENCH.q, 8.0)


@dataclass(frozen=True)
class Beamtime:
    """Where the runs lie, and what is true about them."""

    bench: Bench
    particle: Ellipsoid
    buffer: Path
    sample: Path
    second: Path
    calibrant: Path

    def images(self, **integration: Any) -> dict[str, Any]:
        """Image parameters that fit the detector, on its true absolute scale."""
        return images_of(self.bench, **integration)

    def geometry(self, **changed: float) -> dict[str, Any]:
        """The true geometry as parameters, with what is `changed` on purpose."""
        return geometry_of(self.bench, **changed)


def images_of(bench: Bench, **integration: Any) -> dict[str, Any]:
    """Image parameters that fit a detector, on its true absolute scale."""
    return {
        "geometry": geometry_of(bench),
        "integration": {"q_min": 0.012, "q_max": 0.33, "polarization": 0.0, **integration},
        "normalization": {
            "by": "nothing",
            "transmission": 1.0,
            "absolute_scale": 1 / bench.counts_for_1_cm,
        },
    }


def geometry_of(bench: Bench, **changed: float) -> dict[str, Any]:
    """The true geometry of a detector as parameters, with what is `changed` on purpose."""
    return {
        "wavelength_angstrom": bench.wavelength_angstrom,
        "distance_m": bench.distance_m,
        "beam_center_x_px": bench.center_px[0],
        "beam_center_y_px": bench.center_px[1],
        "pixel_size_m": bench.pixel_m,
        "orientation": "as_stored",
        **changed,
    }


def written(folder: Path) -> Beamtime:
    """The runs in `folder`; a second exposure of the particle has noise of its own."""
    return Beamtime(
        BENCH,
        PARTICLE,
        buffer=write_cosaxs(folder, BENCH.expose(BENCH.buffer(), 6, stream=1), number=1),
        sample=write_cosaxs(folder, BENCH.expose(SOLUTION, 6, stream=2), number=2),
        second=write_cosaxs(folder, BENCH.expose(SOLUTION, 6, stream=4), number=4),
        calibrant=write_cosaxs(folder, BENCH.expose(BENCH.rings(58.38, 4), 2, stream=3), number=3),
    )
