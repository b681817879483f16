"""What a user may choose about a table of reflections."""

from __future__ import annotations

from pydantic import Field, PositiveFloat

from tasks.common.parameters import Values


class ReflectionParameters(Values):
    """Which columns are what, and where the signal is taken to end."""

    intensity: str | None = Field(
        None,
        description="Column with the intensities, as the file names it; empty takes the mean ones",
    )
    sigma: str | None = Field(None, description="Column with their uncertainties; empty takes its namesake")
    shells: int = Field(20, ge=2, le=200, description="Shells of equal volume in reciprocal space")
    least_ratio: PositiveFloat = Field(
        2.0, description="The resolution ends where the mean of I / sigma falls below this"
    )
    cell_relative_error: float | None = Field(
        None,
        ge=0,
        description="Relative standard uncertainty of the cell edges (1e-3 is 0.1 %); empty is open",
    )
