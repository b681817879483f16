"""What a user may choose about turning detector frames into curves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

OrientationWord = Literal["as_stored", "flip_left_right", "flip_up_down", "rotate_180"]


class Values(BaseModel):
    """A set of parameters: unknown names are errors, values do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GeometryParameters(Values):
    """Where the detector stands, where the file does not say it or says it wrongly."""

    wavelength_angstrom: PositiveFloat | None = Field(
        None, description="Wavelength in angstrom; empty takes the file's"
    )
    distance_m: PositiveFloat | None = Field(
        None, description="Sample to detector distance in metres; empty takes the file's"
    )
    beam_center_x_px: float | None = Field(
        None, description="Beam centre along the fast axis, in pixels of the oriented image"
    )
    beam_center_y_px: float | None = Field(
        None, description="Beam centre along the slow axis, in pixels of the oriented image"
    )
    pixel_size_m: PositiveFloat | None = Field(
        None, description="Edge of a square pixel in metres; empty takes the file's"
    )
    orientation: OrientationWord | None = Field(
        None,
        description="How the stored image is turned before the beam centre applies; empty takes the file's",
    )


class IntegrationParameters(Values):
    """How frames become curves."""

    bins: PositiveInt | None = Field(
        None, le=60000, description="Number of q bins; empty makes them one pixel wide"
    )
    q_min: float | None = Field(
        None, ge=0, description="Lowest q in 1/angstrom; empty starts at the first good pixel"
    )
    q_max: PositiveFloat | None = Field(
        None, description="Highest q in 1/angstrom; empty ends at the last good pixel"
    )
    solid_angle: bool = Field(True, description="Correct for the solid angle that each pixel sees")
    polarization: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Polarisation of the beam (synchrotrons: about 0.99); empty corrects nothing and says so",
    )
    errors: Literal["poisson", "file"] = Field(
        "poisson", description="Variance of a pixel: its counts, or what the file gives as counts_errors"
    )
    max_counts: PositiveFloat | None = Field(
        None, description="Pixels above this count are saturated and left out"
    )
    masked_rectangles: tuple[tuple[int, int, int, int], ...] = Field(
        (),
        description="Rectangles to leave out: x0, y0, x1, y1 in pixels of the stored image, ends excluded",
    )

    @model_validator(mode="after")
    def _ordered(self) -> IntegrationParameters:
        if self.q_min is not None and self.q_max is not None and self.q_min >= self.q_max:
            raise ValueError(f"q_min {self.q_min} must be below q_max {self.q_max}")
        return self


class NormalizationParameters(Values):
    """What a curve is divided by, and how it comes to an absolute scale."""

    by: Literal["exposure", "monitor", "nothing"] = Field(
        "exposure", description="Divide by exposure time, by the monitor, or by nothing"
    )
    exposure_s: PositiveFloat | None = Field(
        None, description="Exposure time of a frame in seconds; empty takes the file's"
    )
    monitor_counts: PositiveFloat | None = Field(
        None, description="Monitor reading of a frame; empty takes the file's"
    )
    monitor_behind_sample: bool = Field(
        False, description="The monitor stands behind the sample, so that it includes the transmission"
    )
    transmission: float | None = Field(
        None, gt=0, le=1, description="Transmission of the sample, 0 to 1; empty takes the file's"
    )
    thickness_m: PositiveFloat | None = Field(
        None, description="Path of the beam in the sample in metres; empty takes the file's"
    )
    absolute_scale: PositiveFloat | None = Field(
        None,
        description="Factor from the normalised curve to 1/cm, by a standard; empty stays relative",
    )
    absolute_scale_uncertainty: float | None = Field(
        None, ge=0, description="Relative standard uncertainty of the absolute scale (0.05 is 5 %)"
    )
