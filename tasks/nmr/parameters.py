"""What a user may choose about spectra, peaks and relaxation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from tasks.common.parameters import Values

Quantity = Literal["t1", "t2", "t1rho"]


class ProcessingParameters(Values):
    """How free induction decays become spectra; spectra that are processed already pass by."""

    line_broadening_hz: NonNegativeFloat = Field(
        0.3, description="Exponential apodisation of one-dimensional spectra and of series, in Hz"
    )
    zero_fill: PositiveInt = Field(2, le=16, description="Points are at least this many times those acquired")
    phase: Literal["recorded", "automatic", "given"] = Field(
        "recorded",
        description="Phases as the only processing beside the data has them, sought, or given here",
    )
    phase_0: float = Field(0.0, description="Given phase of zero order in degrees")
    phase_1: float = Field(0.0, description="Given phase of first order in degrees, over the whole spectrum")
    indirect_phase_0: float = Field(0.0, description="The same for the indirect dimension")
    indirect_phase_1: float = Field(0.0, description="The same for the indirect dimension")
    indirect_mode: Literal["states", "states_tppi", "echo_antiecho"] | None = Field(
        None, description="How the indirect dimension was acquired; empty takes what the file says"
    )
    baseline_order: int | None = Field(
        2,
        ge=0,
        le=8,
        description="Polynomial through signal-free points that is taken off; empty takes off none",
    )
    reference_shift_ppm: float = Field(
        0.0,
        description="Added to every position of the direct dimension, where the reference is known to be off",
    )


class PeakParameters(Values):
    """What counts as a peak, and what is integrated."""

    threshold: PositiveFloat = Field(10.0, description="Peaks stand out by this many deviations of the noise")
    negative: bool = Field(True, description="Negative peaks count too")
    skirt: NonNegativeFloat = Field(
        0.1,
        description="Rises beside a stronger line are its wiggles below this share of its height at its half "
        "width, less with the distance, and below three times as much in planes; 0 keeps all",
    )
    widest_ppm: PositiveFloat | None = Field(
        None,
        description="Rises of one dimension that need more than this to stand out are baseline; empty takes "
        "a fortieth of the spectrum",
    )
    shift_min_ppm: float | None = Field(None, description="Peaks from this position on, direct dimension")
    shift_max_ppm: float | None = Field(None, description="Peaks up to this position, direct dimension")
    regions: tuple[tuple[float, float], ...] = Field(
        (), description="Stretches in ppm to integrate; empty takes every stretch with signal"
    )
    claims: PositiveInt = Field(
        12, le=500, description="How many of the strongest peaks become findings; the product lists all"
    )


class RelaxationParameters(Values):
    """What a series of spectra or peak heights is fitted with."""

    quantity: Quantity | None = Field(
        None,
        description="What the series measures; empty takes what the file says, and refuses if it does not",
    )
    series: str = Field(
        "", description="Which series of a file that holds several; empty takes the only one that fits"
    )
    model: Literal["decay", "recovery"] | None = Field(
        None,
        description="Decay to zero, or recovery to an offset; empty takes what the file or its signs say",
    )
    delays_s: tuple[NonNegativeFloat, ...] = Field(
        (), description="Delay in s of each row or list in the order given; empty takes the file's"
    )
    positions_ppm: tuple[float, ...] = Field(
        (), description="Where heights are read in spectra; empty finds the peaks of the strongest row"
    )
    half_window_ppm: NonNegativeFloat = Field(
        0.0,
        description="Heights are means over this much on either side, for lines that move; 0 takes one point",
    )
    least_signal_to_noise: PositiveFloat = Field(
        10.0,
        description="Signals whose largest height is below this many deviations of the noise are refused",
    )
    most_relative_error: PositiveFloat = Field(
        0.25, description="Fits whose relative standard uncertainty is larger than this are refused"
    )
    least_probability: float = Field(
        1e-4,
        ge=0,
        lt=1,
        description="Fits less likely than this by chi-square are flagged, where noise is known",
    )
    noise: PositiveFloat | None = Field(
        None,
        description="Standard deviation of heights; empty takes that of the spectra or of repeated delays",
    )
