"""What a user may choose about images of mass spectrometry."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from tasks.common.parameters import Values


class ImagingParameters(Values):
    """Which masses are drawn as images."""

    mz: tuple[float, ...] = Field((), description="m/z of the images; empty takes the strongest of the mean")
    tolerance_mz: PositiveFloat = Field(0.25, description="Half width in m/z of what belongs to an image")
    images: PositiveInt = Field(
        4, le=24, description="How many of the strongest are drawn where none is named"
    )
