"""What a user may choose about a tomography scan."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt, PositiveInt

from tasks.common.parameters import Values


class TomoParameters(Values):
    """How the axis is found and which slice is reconstructed."""

    row: NonNegativeInt | None = Field(
        None, description="Detector row of the slice, from 0; empty takes the middle one"
    )
    axis_px: float | None = Field(
        None, description="Axis of rotation in pixels from the centre of the first; empty finds it"
    )
    axis_rows: PositiveInt = Field(8, description="Rows, spread over the detector, that the axis is found in")
    largest_spread: float = Field(
        0.02,
        gt=0,
        description="Total attenuation varies by less than this fraction if the sample is in view",
    )
    opposite_tolerance_deg: float = Field(
        1.5, gt=0, description="Projections count as half a turn apart to within this many degrees"
    )
