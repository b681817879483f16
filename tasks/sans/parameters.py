"""What a user may choose about SANS by time of flight."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tasks.common.parameters import Values


class FlatDetector(Values):
    """A flat detector across the beam, for runs that do not say where their pixels stand."""

    first_pixel: int = Field(1, ge=0, description="Number of the first pixel")
    columns: PositiveInt = Field(description="Pixels in a row")
    rows: PositiveInt = Field(description="Rows of pixels")
    pixel_width_m: PositiveFloat = Field(description="Width of a pixel in metres")
    pixel_height_m: PositiveFloat = Field(description="Height of a pixel in metres")
    distance_m: PositiveFloat = Field(description="From the sample to the detector plane in metres")
    center_x_m: float = Field(0.0, description="Middle of the detector beside the beam, in metres")
    center_y_m: float = Field(0.0, description="Middle of the detector above the beam, in metres")
    numbered: Literal["along_rows", "along_columns"] = Field(
        "along_rows", description="Whether numbers run along rows, or along columns as tubes do"
    )


class InstrumentParameters(Values):
    """Where things stand, where the run does not say it."""

    detectors: tuple[FlatDetector, ...] = Field(
        (), description="Flat detectors; empty takes the pixels of the run"
    )
    source_distance_m: PositiveFloat | None = Field(
        None, description="Flight path from source to sample in metres; empty takes the run's"
    )
    beam_center_x_m: float = Field(
        0.0, description="Where the beam meets the detectors beside x = 0, in metres"
    )
    beam_center_y_m: float = Field(
        0.0, description="Where the beam meets the detectors above y = 0, in metres"
    )
    beam_stop_radius_m: float = Field(
        0.0, ge=0, description="Pixels nearer to the beam than this (metres) are masked"
    )
    masked_pixels: tuple[tuple[int, int], ...] = Field(
        (), description="Ranges of pixel numbers to leave out: first, last, both included"
    )
    gravity: bool = Field(False, description="Let neutrons fall on their way from sample to detector")
    time_offset_us: float = Field(
        0.0,
        description="Emission after the moment that times count from, in microseconds; taken off all times",
    )
    pulse_period_ms: PositiveFloat | None = Field(
        None, description="Time between pulses, where slow neutrons arrive after the next pulse"
    )
    first_wavelength_angstrom: PositiveFloat | None = Field(
        None, description="Shortest wavelength that choppers let pass; what seems shorter is a period older"
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> InstrumentParameters:
        if (self.pulse_period_ms is None) != (self.first_wavelength_angstrom is None):
            raise ValueError("pulse_period_ms and first_wavelength_angstrom belong together")
        return self


class BinningParameters(Values):
    """The axes of the table and of the curve."""

    wavelength_min: PositiveFloat = Field(2.0, description="Shortest wavelength in angstrom")
    wavelength_max: PositiveFloat = Field(14.0, description="Longest wavelength in angstrom")
    wavelength_bins: PositiveInt = Field(120, le=5000, description="Wavelength bins, of equal width")
    q_min: PositiveFloat | None = Field(
        None, description="Lowest q in 1/angstrom; empty takes the first seen"
    )
    q_max: PositiveFloat | None = Field(
        None, description="Highest q in 1/angstrom; empty takes the last seen"
    )
    q_bins: PositiveInt = Field(100, le=5000, description="Bins of q")
    spacing: Literal["linear", "logarithmic"] = Field("logarithmic", description="How the bins of q lie")

    @model_validator(mode="after")
    def _ordered(self) -> BinningParameters:
        if self.wavelength_min >= self.wavelength_max:
            raise ValueError("wavelength_min must be below wavelength_max")
        if self.q_min is not None and self.q_max is not None and self.q_min >= self.q_max:
            raise ValueError("q_min must be below q_max")
        return self


class BeamParameters(Values):
    """What the counts are divided by."""

    by: Literal["monitor", "proton_charge", "nothing"] = Field(
        "monitor",
        description="Divide by the spectrum of the incident monitor, by proton charge, or by nothing",
    )
    incident_monitor: str | None = Field(
        None, description="Name of the monitor before the sample; empty takes the only one there"
    )
    transmission_monitor: str | None = Field(
        None, description="Name of the monitor behind the sample; empty takes the only one there"
    )
    transmission: float | None = Field(
        None, gt=0, le=1, description="Transmission of the sample at all wavelengths, if no run measured it"
    )
    transmission_uncertainty: float = Field(
        0.0, ge=0, description="Standard uncertainty of that transmission"
    )
    thickness_m: PositiveFloat | None = Field(None, description="Path of the beam in the sample, in metres")
    absolute_scale: PositiveFloat | None = Field(
        None, description="Factor from the normalised curve to 1/cm, by a standard; empty stays relative"
    )
