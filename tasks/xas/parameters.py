"""What a user may choose about an absorption spectrum."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.common.parameters import Values


class EdgeParameters(Values):
    """Which columns are what, and how the edge is found."""

    energy: str | None = Field(None, description="Column with the energy, as the file names it")
    energy_unit: Literal["eV", "keV"] | None = Field(
        None, description="Unit of the energy where the file states none"
    )
    absorption: str | None = Field(None, description="Column with the absorption, as the file names it")
    incident: str | None = Field(None, description="Or: column with the intensity before the sample")
    transmitted: str | None = Field(None, description="Column with the intensity behind the sample")
    fluorescence: str | None = Field(None, description="Or: column with the fluorescence of the sample")
    low_ev: float | None = Field(None, description="Use the spectrum from this energy on, in eV")
    high_ev: float | None = Field(None, description="Use the spectrum up to this energy, in eV")
    slope_points: int = Field(5, ge=3, description="Points that a slope is taken over; odd")
    before_ev: tuple[float, float] = Field(
        (-200.0, -30.0), description="Where the line before the edge is fitted, in eV from the edge"
    )
    after_ev: tuple[float, float] = Field(
        (50.0, 400.0), description="Where the line after the edge is fitted, in eV from the edge"
    )
