"""What a user may choose about NOE, tumbling and shift perturbation."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from tasks.common.parameters import Values


class NoeParameters(Values):
    """How heteronuclear NOEs are got from heights with and without saturation."""

    noise: PositiveFloat | None = Field(
        None, description="Standard deviation of heights; empty takes what the lists say or repeats show"
    )
    series: str = Field("", description="Which series of the file; empty takes its only one with saturation")
    least_signal_to_noise: PositiveFloat = Field(
        5.0, description="Peaks whose height without saturation is below this many deviations are refused"
    )
    claims: PositiveInt = Field(200, le=1000, description="How many peaks become findings, in their order")


class TumblingParameters(Values):
    """How R1 and R2 of amide nitrogens become one correlation time."""

    proton_mhz: PositiveFloat | None = Field(
        None, description="Frequency of protons in MHz; empty takes what the data say"
    )
    series_r1: str = Field(
        "", description="Series with R1 where a file has several; empty takes its only one"
    )
    series_r2: str = Field("", description="Series with R2, alike")
    bond_length_angstrom: PositiveFloat = Field(1.02, description="Length of the N-H bond")
    anisotropy_ppm: float = Field(-160.0, description="Shift anisotropy of amide nitrogen")
    least_noe: float = Field(
        0.65,
        description="Residues whose NOE is below this move by themselves and are left out, where it is known",
    )
    most_deviations: PositiveFloat = Field(
        1.5,
        description="Residues whose T1 and T2 differ in step from the mean by more deviations than this are "
        "left out, as they exchange; needs eight residues",
    )


class PerturbationParameters(Values):
    """How shifts in two states are compared."""

    nitrogen_weight: PositiveFloat = Field(
        0.14, description="Weight of nitrogen shifts against proton shifts"
    )
    glycine_weight: PositiveFloat | None = Field(
        0.2, description="The same in glycine; empty takes that of the others"
    )
    threshold_ppm: NonNegativeFloat | None = Field(
        None,
        description="Residues that move more than this count; empty takes `deviations` of the background",
    )
    deviations: PositiveFloat = Field(
        3.0, description="How many deviations of the residues that do not stand out make the threshold"
    )
    proton_error_ppm: NonNegativeFloat | None = Field(
        None, description="Standard uncertainty of a proton shift; empty takes what the lists say"
    )
    nitrogen_error_ppm: NonNegativeFloat | None = Field(None, description="The same of a nitrogen shift")
    shift_list: PositiveInt | None = Field(
        None, description="Which list of shifts of a file that has several, counted from 1"
    )
    claims: PositiveInt = Field(
        50,
        le=1000,
        description="How many of the residues that move most become findings; all are in the product",
    )
