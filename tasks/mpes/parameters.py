"""What a user may choose about binning electrons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tasks.common.parameters import Values


class Axis(Values):
    """One axis of the volume: a channel of the run, cut to bins of equal width."""

    channel: str = Field(description="Name of the channel: x, y, tof, pulse, or one that has a value a train")
    low: float | None = Field(None, description="Lower edge of the first bin; empty takes the lowest value")
    high: float | None = Field(None, description="Upper edge of the last bin; empty takes the highest value")
    bins: PositiveInt = Field(100, le=4096, description="Number of bins")

    @model_validator(mode="after")
    def _ordered(self) -> Axis:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        return self


class ElectronParameters(Values):
    """Which electrons count, what their numbers mean, and along which axes they are binned."""

    axes: tuple[Axis, ...] = Field(
        (Axis(channel="x"), Axis(channel="y"), Axis(channel="tof")),
        min_length=1,
        max_length=4,
        description="Axes of the volume",
    )
    sector_bits: NonNegativeInt = Field(
        0, le=8, description="Lowest bits of tof that name a sector of the detector; they are taken off"
    )
    pulse_offset: int = Field(
        0, description="Taken off the pulse number; electrons before pulse 0 are dark counts and left out"
    )
    tof_step_ns: PositiveFloat | None = Field(
        None, description="Duration of a step of tof in ns, after its sector bits; empty leaves steps"
    )
    slow: Literal["carry_forward", "exact"] = Field(
        "carry_forward",
        description="A channel without a value in a train takes the last one before, or drops the train",
    )
    jitter: bool = Field(
        False, description="Spread whole numbers evenly over their step, with a fixed seed, against moiré"
    )
    most_cells: PositiveInt = Field(2**27, description="Refuse a volume of more cells than this")
