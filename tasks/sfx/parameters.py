"""What a user may choose about hits, powder sums and lattices of serial crystallography."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tasks.common.parameters import Values


class BeamParameters(Values):
    """What runs of free-electron lasers do not say of the beam and the detector."""

    wavelength_angstrom: PositiveFloat | None = Field(
        None, description="Wavelength in angstrom; empty takes what the run or the geometry file says"
    )
    distance_m: PositiveFloat | None = Field(
        None, description="Sample to detector distance in metres; empty takes what the geometry file says"
    )


class PeakParameters(Values):
    """How Bragg peaks are told from background, in the sense of peakfinder8."""

    threshold: float = Field(
        0.0, description="A pixel of a peak exceeds this, in the unit of the frames, whatever its ring says"
    )
    snr: PositiveFloat = Field(
        5.0, description="Standard deviations above the ring for a pixel, above the surroundings for a peak"
    )
    least_pixels: PositiveInt = Field(2, description="Pixels that a peak has at least")
    most_pixels: PositiveInt = Field(200, description="Pixels that a peak has at most")
    background_radius: PositiveFloat = Field(
        4.0, le=50, description="Pixels around the centre of a peak that tell its background"
    )
    ring_width: PositiveFloat = Field(1.0, description="Width of a ring of pixels with common statistics")
    samples: PositiveInt | None = Field(
        128, description="Pixels of a ring that its statistics are taken from; empty takes all"
    )
    seed: NonNegativeInt = Field(1, description="Which pixels of a ring are the sample")
    most_peaks: PositiveInt = Field(500, le=10000, description="Peaks of a frame that are kept")

    @model_validator(mode="after")
    def _ordered(self) -> PeakParameters:
        if self.least_pixels > self.most_pixels:
            raise ValueError(f"least_pixels {self.least_pixels} exceeds most_pixels {self.most_pixels}")
        return self


class HitParameters(Values):
    """What makes a frame a hit."""

    least_peaks: PositiveInt = Field(10, description="Peaks that a frame needs to be a hit")
    peaks: PeakParameters = PeakParameters()


class CellParameters(Values):
    """How the lattices of a stream become one."""

    clip: PositiveFloat = Field(
        4.0, description="Lattices farther than this many robust deviations from the median are left out"
    )
    within: float | None = Field(
        None, gt=0, lt=1, description="Keep lattices whose edges are this close (relative) to the target cell"
    )
    setting: Literal["as_indexed"] = Field(
        "as_indexed", description="Edges are those of the program, in its order"
    )
