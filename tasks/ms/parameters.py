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
