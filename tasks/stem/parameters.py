"""What a user may choose about diffraction patterns of a scanned beam."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from tasks.common.parameters import Values


class PatternParameters(Values):
    """How patterns lie on the scan, and which parts of them are summed."""

    scan_rows: PositiveInt | None = Field(None, description="Rows of the scan; empty takes the file's")
    scan_columns: PositiveInt | None = Field(
        None, description="Columns of the scan, the fast direction; empty takes the file's"
    )
    center_y_px: float | None = Field(
        None, description="Row of the direct beam in the stored pattern; empty finds it, and says so"
    )
    center_x_px: float | None = Field(
        None, description="Column of the direct beam in the stored pattern; empty finds it, and says so"
    )
    disc_radius_px: PositiveFloat | None = Field(
        None, description="Radius of the disc of the direct beam; empty finds it, and says so"
    )
    bright_outer_px: PositiveFloat | None = Field(
        None, description="Outer radius of the bright-field detector; empty takes the disc"
    )
    dark_inner_px: NonNegativeFloat | None = Field(
        None, description="Inner radius of the annular dark-field detector; empty takes 1.1 discs"
    )
    dark_outer_px: PositiveFloat | None = Field(
        None, description="Outer radius of it; empty takes the largest circle on the camera"
    )
    descan: Literal["none", "mean", "plane"] = Field(
        "mean", description="What is taken from deflections: nothing, their mean, or the plane that fits them"
    )
    mrad_per_px: PositiveFloat | None = Field(
        None, description="Angle that a pixel spans, in mrad, where the file does not say it"
    )

    @model_validator(mode="after")
    def _whole(self) -> PatternParameters:
        if (self.center_y_px is None) != (self.center_x_px is None):
            raise ValueError("center_y_px and center_x_px go together")
        inner, outer = self.dark_inner_px, self.dark_outer_px
        if inner is not None and outer is not None and inner >= outer:
            raise ValueError(f"dark_inner_px {inner} must be below dark_outer_px {outer}")
        return self
