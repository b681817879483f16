"""What a user may choose about maps, micrographs and particles of electron microscopy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from tasks.common.parameters import Values


class MapParameters(Values):
    """How a map is measured, and how a model is sought in it."""

    voxel_angstrom: PositiveFloat | None = Field(
        None, description="Edge of a voxel in angstrom, where the file does not say it or says it wrongly"
    )
    level: float | None = Field(
        None,
        description="Density at the surface of the particle, in the map's own unit; "
        "empty estimates it from the map and says so",
    )
    least_symmetry: float = Field(
        0.9, gt=0, lt=1, description="Correlation of the map with itself from which a turn counts as symmetry"
    )
    resolution_angstrom: PositiveFloat | None = Field(
        None,
        description="Resolution at which map and model are compared; "
        "empty takes that of the half maps, else the median local one",
    )
    hand: bool = Field(
        True, description="Seek the model in the mirror image too, to tell the hand of the map"
    )


class GainParameters(Values):
    """How the gain reference lies against the movie, and what is done with it; nothing of it is assumed."""

    quarter_turns: Literal[0, 1, 2, 3] | None = Field(
        None,
        description="Turns of the reference by 90 degrees, counter-clockwise with the first row at the top",
    )
    flip: Literal["none", "left_right", "up_down"] | None = Field(
        None, description="How the turned reference is flipped"
    )
    use: Literal["multiply", "divide"] | None = Field(
        None,
        description="Frames are multiplied with the reference (most of Gatan), or divided by it (EER)",
    )


class MicrographParameters(Values):
    """How a movie is aligned, and how the transfer function of its sum is found."""

    pixel_angstrom: PositiveFloat | None = Field(
        None, description="Pixel in angstrom; empty takes the file's"
    )
    voltage_kv: PositiveFloat | None = Field(None, description="Voltage in kV; empty takes the file's")
    spherical_aberration_mm: float | None = Field(
        None, ge=0, description="Spherical aberration of the objective in mm; empty takes the file's"
    )
    amplitude_contrast: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of amplitude contrast, 0.07 to 0.1 for ice; empty takes the file's",
    )
    binning: PositiveInt = Field(1, le=16, description="Align frames at this binning")
    blur_px: PositiveFloat = Field(3.0, description="Blur in binned pixels while frames are aligned")
    frames_per_fraction: PositiveInt | None = Field(
        None, le=10000, description="Frames added to one before alignment; EER movies need it"
    )
    gain: GainParameters = GainParameters()
    dose_per_frame: PositiveFloat | None = Field(
        None,
        description="Electrons per square angstrom in a frame, or in a fraction; empty takes the file's",
    )
    dose_before: float = Field(
        0.0, ge=0, description="Electrons per square angstrom that the specimen had before the movie"
    )
    tile_px: PositiveInt = Field(512, ge=64, description="Tiles of the power spectrum, pixels")
    coarsest_angstrom: PositiveFloat = Field(30.0, description="Coarsest spacing used in the fit")
    finest_angstrom: PositiveFloat = Field(4.0, description="Finest spacing used in the fit")
    least_defocus_angstrom: PositiveFloat = Field(3000.0, description="Least underfocus tried, in angstrom")
    most_defocus_angstrom: PositiveFloat = Field(50000.0, description="Most underfocus tried, in angstrom")


class StackParameters(Values):
    """How the images of a stack are compared."""

    pixel_angstrom: PositiveFloat | None = Field(
        None, description="Pixel in angstrom; empty takes the file's or that of the star file beside it"
    )
    diameter_angstrom: PositiveFloat | None = Field(
        None,
        description="Diameter of the particle; what is outside is background. Empty takes 3/4 of the box",
    )
    outlier: PositiveFloat = Field(
        5.0, description="Robust deviations from which an image's mean or variance stands out"
    )
