"""What a user may choose about finding masses in a spectrum."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from tasks.common.parameters import Values


class MassParameters(Values):
    """How peaks are found and given charges."""

    mz_min: PositiveFloat | None = Field(None, description="Use the spectrum from this m/z on")
    mz_max: PositiveFloat | None = Field(None, description="Use the spectrum up to this m/z")
    smoothing_mz: PositiveFloat | None = Field(
        None,
        description="Standard width in m/z by which points are spread before peaks are sought; empty takes "
        "3 steps of a profile, 0.2 of a centroid spectrum so that isotopes merge",
    )
    least_height: float = Field(
        0.02, gt=0, lt=1, description="Peaks standing out by less than this share of the highest are noise"
    )
    highest_charge: PositiveInt = Field(200, le=1000, description="Charges up to this are tried")
    least_rungs: int = Field(3, ge=3, description="Consecutive charges that a mass must show")
    least_share: float = Field(
        0.05, gt=0, lt=1, description="A mass must explain this share of all peak heights"
    )
    species: PositiveInt = Field(4, le=20, description="Masses to look for at most")
    carrier_da: PositiveFloat = Field(
        1.007276, description="Mass of what carries a charge in Da; a proton unless you know otherwise"
    )
    mz_relative_error: float = Field(
        0.0, ge=0, description="Relative standard uncertainty of the m/z calibration (2e-6 is 2 ppm)"
    )
    negative: bool = Field(False, description="Ions are negative: each charge lacks the carrier")


class DetectionParameters(Values):
    """How single ions with their signals become masses."""

    signal_per_charge: PositiveFloat | None = Field(
        None,
        description="Signal of one charge by a calibration, in the file's own unit; "
        "empty finds it from ladders of charges in m/z",
    )
    signal_per_charge_error: PositiveFloat | None = Field(
        None, description="Standard uncertainty of that signal"
    )
    mz_min: PositiveFloat | None = Field(None, description="Use ions from this m/z on")
    mz_max: PositiveFloat | None = Field(None, description="Use ions up to this m/z")
    bin_da: PositiveFloat = Field(10000.0, description="Width of a bin of the mass histogram in Da")
    highest_mass_kda: PositiveFloat = Field(2000.0, description="Histogram up to this mass in kDa")
    smoothing_bins: float = Field(
        1.0, ge=0, description="Blur of the histogram before modes are sought, in bins"
    )
    smoothing_mz: PositiveFloat = Field(
        25.0, description="Standard width in m/z by which ions are spread to find the ladders"
    )
    least_height: float = Field(
        0.05, gt=0, lt=1, description="Peaks standing out by less than this share of the highest are noise"
    )
    least_rungs: int = Field(5, ge=3, description="Consecutive charges that a ladder must show")
    highest_charge: PositiveInt = Field(200, le=1000, description="Charges up to this are tried")
    carrier_da: PositiveFloat = Field(1.007276, description="Mass of what carries a charge in Da")


class ExchangeParameters(Values):
    """How uptakes of deuterium are corrected and compared."""

    reference: str | None = Field(
        None, description="Name of the state that others are compared with; empty takes the first in the file"
    )
    control: str | None = Field(
        None,
        description="Name of the fully deuterated state; empty takes one that calls itself so, and says it",
    )
    exposure_min: PositiveFloat | None = Field(
        None,
        description="Exposure in minutes of the difference map; empty takes the middle one that states share",
    )
    significance: PositiveFloat = Field(3.0, description="Differences above so many standard errors are told")


class CrosslinkParameters(Values):
    """Which cross-links count, and how long one may be."""

    longest_angstrom: PositiveFloat = Field(
        30.0, description="Largest distance between alpha carbons that the linker allows, in angstrom"
    )
    highest_fdr: float | None = Field(
        None, ge=0, le=1, description="Keep matches up to this false discovery rate; empty keeps all targets"
    )
    chains: tuple[str, ...] = Field(
        (), description="Which chain is which protein, as P04050=A; empty finds them by their sequences"
    )


class ChromatogramParameters(Values):
    """Which masses are followed over time, and how identifications are checked."""

    mz: tuple[float, ...] = Field((), description="m/z that are followed in survey scans")
    tolerance_mz: PositiveFloat = Field(0.01, description="Largest difference in m/z of one and the same ion")
    tolerance_s: PositiveFloat = Field(
        1.0, description="Largest difference in time of one and the same scan, s"
    )
