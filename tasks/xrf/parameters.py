"""What a user may choose about lines of a fluorescence spectrum."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from tasks.common.parameters import Values


class LineParameters(Values):
    """How lines are found, and which are known."""

    first_channel: NonNegativeInt | None = Field(
        None, description="Look from this channel on, above the pulser or zero peak"
    )
    last_channel: PositiveInt | None = Field(
        None, description="Look up to this channel, below scattered light"
    )
    known: dict[str, float] = Field(
        {},
        description="Lines that are in the spectrum, by name, and the channel near which they peak: "
        '{"Co Ka": 1474}; two or more calibrate the energy',
    )
    near: PositiveFloat = Field(15.0, description="A known line is looked for within this many channels")
    least_snr: PositiveFloat = Field(
        10.0, description="A peak stands out of the background by this many standard deviations"
    )
    apart: PositiveInt = Field(15, description="Peaks closer than this many channels are one")
    background_channels: PositiveInt = Field(
        60, description="Half width of the window below which the background is smooth, in channels"
    )
    assign_within_kev: PositiveFloat = Field(
        0.03, description="With an energy calibration, name the line that lies within this of a peak, in keV"
    )
