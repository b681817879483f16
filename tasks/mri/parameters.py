"""What a user may choose about maps of tissue and spectra of a voxel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from tasks.common.parameters import Values

Method = Literal[
    "t1_inversion_recovery", "t1_flip_angle", "t2", "t2star", "magnetisation_transfer", "diffusion_tensor",
    "signal_to_noise",
]  # fmt: skip


class MapParameters(Values):
    """What is mapped, from which volumes, and where."""

    method: Method | None = Field(None, description="What to map; it must be said, as files do not")
    mask: Path | None = Field(None, description="Volume of the same grid that is not 0 where voxels count")
    least_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Without a mask: voxels above this share of the highest of the first volume",
    )
    echo_times_s: tuple[PositiveFloat, ...] = Field(
        (), description="Echo time of each volume; empty takes the file's"
    )
    inversion_times_s: tuple[PositiveFloat, ...] = Field((), description="The same for inversion times")
    flip_angles_deg: tuple[PositiveFloat, ...] = Field((), description="The same for flip angles, in degrees")
    repetition_time_s: PositiveFloat | None = Field(
        None, description="Repetition time; empty takes the file's"
    )
    magnitude: bool = Field(
        True, description="Signals of an inversion recovery lost their sign, as in magnitude images"
    )
    saturated_volume: NonNegativeInt | None = Field(
        None, description="Which of the two volumes, counted from 0, was taken with saturation"
    )
    noise: PositiveFloat | None = Field(
        None,
        description="Standard deviation of a signal; empty takes the scatter about fits, else estimates it",
    )
    highest_b: PositiveFloat | None = Field(None, description="Use diffusion weightings up to this, in s/mm2")
    most_relative_error: PositiveFloat = Field(
        0.5, description="Voxels whose relative standard uncertainty is larger are not determined"
    )


class SpectroscopyParameters(Values):
    """How the spectrum of a voxel is made and its peaks are named."""

    carrier_ppm: float | None = Field(
        None,
        description="Where the carrier lies; files do not say it, and 1H is by custom set on water at 4.7",
    )
    water_band_hz: NonNegativeFloat = Field(
        50.0, description="Signal this close to the carrier is taken out as water; 0 takes out none"
    )
    line_broadening_hz: NonNegativeFloat = Field(2.0, description="Exponential apodisation in Hz")
    zero_fill: PositiveInt = Field(4, le=32, description="Points are at least this many times those acquired")
    phase: Literal["automatic", "given", "none"] = Field(
        "automatic", description="How the spectrum is phased"
    )
    phase_0: float = Field(0.0, description="Given phase of zero order in degrees")
    threshold: PositiveFloat = Field(3.0, description="Peaks stand out by this many deviations of the noise")
    shift_min_ppm: float = Field(0.2, description="Peaks are sought from this position on")
    shift_max_ppm: float = Field(4.2, description="Peaks are sought up to this position")
    tolerance_ppm: PositiveFloat = Field(
        0.04, description="A peak this close to a metabolite's line bears its name"
    )
