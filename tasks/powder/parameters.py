"""What a user may choose about peaks of a powder pattern and the lattice behind them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tasks.common.parameters import Values

StandardName = Literal["cerium_dioxide", "lanthanum_hexaboride", "silicon"]


class PeakParameters(Values):
    """How peaks are found and fitted."""

    low: float | None = Field(None, description="Look from here on, in the unit of the pattern's axis")
    high: float | None = Field(None, description="Look up to here, in the unit of the pattern's axis")
    least_snr: PositiveFloat = Field(
        8.0, description="A peak stands out of the background by this many standard deviations"
    )
    apart: PositiveInt = Field(5, description="Peaks closer than this many points are one")
    background_points: PositiveInt = Field(
        60, description="Half width of the window below which the background is smooth, in points"
    )
    least_height: float = Field(
        0.002, ge=0, lt=1, description="Peaks lower than this share of the highest are left out"
    )
    largest_error: PositiveFloat = Field(
        0.25, description="A peak whose position is less certain than this share of its width is left out"
    )


class LatticeParameters(Values):
    """Which cubic lattice the peaks are looked for on."""

    standard: StandardName | None = Field(None, description="A named standard; it starts the search")
    edge_angstrom: PositiveFloat | None = Field(
        None, description="Or the edge of a cubic cell to start from, in angstrom"
    )
    centring: Literal["P", "I", "F", "diamond"] = Field("P", description="Centring of that cell")
    tolerance: float = Field(
        0.01, gt=0, lt=0.1, description="A peak belongs to a reflection within this fraction of its spacing"
    )
    offset: Literal["none", "zero", "displacement"] = Field(
        "none", description="Let all angles be off together: a wrong zero, or a sample beside the axis"
    )
    largest_offset_deg: PositiveFloat = Field(
        1.0, description="The offset is looked for up to this many degrees"
    )
    least_peaks: int = Field(3, ge=2, description="Give no lattice parameter from fewer peaks")
    wavelength_relative_error: float = Field(
        0.0, ge=0, description="Relative standard uncertainty of the wavelength (1e-4 is 0.01 %)"
    )

    @model_validator(mode="after")
    def _one_start(self) -> LatticeParameters:
        if self.standard is not None and self.edge_angstrom is not None:
            raise ValueError("give a standard or the edge of a cell, not both")
        return self
