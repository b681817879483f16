"""What a user may choose about curves: averaging, subtraction, merging, shape, elution, series."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from tasks.common.parameters import Values


class AveragingParameters(Values):
    """How repeated frames of one sample become one curve."""

    outliers: Literal["consensus", "first", "keep_all"] = Field(
        "consensus",
        description="Drop frames that differ from the mean of the others, from the first frame, or none",
    )
    significance: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="A frame is dropped if a difference like its own has less than this chance to be noise",
    )
    compare: Literal["shape", "shape_and_scale"] = Field(
        "shape",
        description="Compare the shape of frames, leaving a flickering beam aside, or their scale as well",
    )
    largest_scale_change: float = Field(
        0.05, gt=0, description="Frames whose scale is off by more than this share are dropped in any case"
    )
    damage_only_grows: bool = Field(
        False, description="Drop every frame after the first that differs, as radiation damage only grows"
    )
    weighted: bool = Field(
        False, description="Weight frames by their precision; equal weights are safer at low counts"
    )


class SubtractionParameters(Values):
    """How the buffer is taken off the sample."""

    scale: PositiveFloat | None = Field(
        None,
        description="Factor on the buffer; empty takes 1, or fits it in the window below if one is given",
    )
    fit_q_min: PositiveFloat | None = Field(
        None,
        description="Fit the factor from this q (1/angstrom) on, where the sample itself hardly scatters",
    )
    fit_q_max: PositiveFloat | None = Field(
        None, description="Fit the factor up to this q (1/angstrom); empty goes to the end"
    )
    high_q_share: float = Field(
        0.2, gt=0, le=0.5, description="Upper share of the q range that is tested for too much subtracted"
    )
    significance: float = Field(
        3.0, gt=0, description="Standard errors below zero at which too much was subtracted"
    )

    @model_validator(mode="after")
    def _one_way(self) -> SubtractionParameters:
        if self.scale is not None and self.fit_q_min is not None:
            raise ValueError("give either a scale or a window to fit it in, not both")
        if self.fit_q_max is not None and self.fit_q_min is None:
            raise ValueError("fit_q_max needs fit_q_min")
        return self


class MergingParameters(Values):
    """How a low and a high range of q become one curve."""

    scale: PositiveFloat | None = Field(
        None, description="Factor on the high-q curve; empty fits it where the two overlap"
    )
    overlap_q_min: PositiveFloat | None = Field(
        None, description="Start of the overlap in 1/angstrom; empty takes the first q of the high curve"
    )
    overlap_q_max: PositiveFloat | None = Field(
        None, description="End of the overlap in 1/angstrom; empty takes the last q of the low curve"
    )
    significance: float = Field(
        0.001, gt=0, lt=0.5, description="Chance of the mismatch in the overlap below which it is flagged"
    )


class ShapeParameters(Values):
    """How the size, shape and mass of a particle are taken from its curve."""

    guinier_limit: float = Field(
        1.3, ge=0.5, le=2.0, description="Largest q times Rg of a Guinier fit: 1.3 for round, 0.8 for long"
    )
    guinier_q_min: PositiveFloat | None = Field(
        None, description="Leave out points below this q (1/angstrom); empty lets the data decide"
    )
    least_quality: float = Field(
        0.1, ge=0, le=1, description="Guinier fits of less quality than this (0 to 1) are not believed"
    )
    dmax_angstrom: PositiveFloat | None = Field(
        None, description="Largest dimension in angstrom, if you know it; empty finds it with an uncertainty"
    )
    distances_q_max_rg: float = Field(
        8.0,
        ge=3,
        le=30,
        description="P(r) uses q up to this many times 1/Rg, beyond which is inner structure",
    )
    non_negative: bool = Field(
        True, description="P(r) should not be negative: true for X-rays, not for every neutron contrast"
    )
    particle: Literal["protein", "other"] = Field(
        "protein", description="Masses are calibrated on proteins; for other particles they are left out"
    )
    concentration_mg_ml: PositiveFloat | None = Field(
        None, description="Concentration in mg/ml; empty takes the file's"
    )
    concentration_error_mg_ml: float | None = Field(
        None, ge=0, description="Standard uncertainty of the concentration in mg/ml"
    )
    partial_specific_volume_ml_g: float = Field(
        0.7425, gt=0.5, lt=0.9, description="Partial specific volume in ml/g; 0.7425 is an average protein"
    )
    standard_forward: PositiveFloat | None = Field(
        None, description="I(0) of a standard of known mass, measured the same way"
    )
    standard_concentration_mg_ml: PositiveFloat | None = Field(
        None, description="Concentration of the standard in mg/ml"
    )
    standard_mass_kda: PositiveFloat | None = Field(None, description="Mass of the standard in kDa")

    @model_validator(mode="after")
    def _whole_standard(self) -> ShapeParameters:
        standard = (self.standard_forward, self.standard_concentration_mg_ml, self.standard_mass_kda)
        if any(each is not None for each in standard) and None in standard:
            raise ValueError("a standard needs its I(0), its concentration and its mass")
        return self


class ElutionParameters(Values):
    """How a size-exclusion run becomes curves of what eluted."""

    baseline_first: int | None = Field(
        None, ge=0, description="First frame of pure buffer; empty finds the steadiest stretch"
    )
    baseline_last: int | None = Field(None, ge=0, description="Last frame of pure buffer")
    baseline_frames: int = Field(30, ge=5, description="Length of the stretch of buffer that is sought")
    second_baseline_first: int | None = Field(
        None, ge=0, description="First frame of buffer after the peak; given, the baseline may drift linearly"
    )
    second_baseline_last: int | None = Field(None, ge=0, description="Last frame of buffer after the peak")
    significance: float = Field(
        0.01, gt=0, lt=0.5, description="Chance below which frames count as different"
    )
    guinier_limit: float = Field(1.3, ge=0.5, le=2.0, description="Largest q times Rg of a Guinier fit")
    guinier_q_min: PositiveFloat | None = Field(
        None, description="Leave out points below this q (1/angstrom); empty lets the data decide"
    )
    least_share: float = Field(
        0.1, gt=0, lt=1, description="Rg is sought in frames above this share of the peak's height"
    )

    @model_validator(mode="after")
    def _whole_regions(self) -> ElutionParameters:
        for first, last in (
            (self.baseline_first, self.baseline_last),
            (self.second_baseline_first, self.second_baseline_last),
        ):
            if (first is None) != (last is None):
                raise ValueError("a baseline needs both its first and its last frame")
            if first is not None and last is not None and last - first < 4:
                raise ValueError("a baseline needs five frames or more")
        return self


class SeriesParameters(Values):
    """How a concentration series is brought to zero concentration."""

    guinier_limit: float = Field(1.3, ge=0.5, le=2.0, description="Largest q times Rg of a Guinier fit")
    significance: float = Field(
        2.0, gt=0, description="Standard errors of the slope at which particles attract or repel each other"
    )
    mass_kda: PositiveFloat | None = Field(
        None, description="Molecular mass in kDa, for the second virial coefficient"
    )
