"""What a user may choose about maps, micrographs and particles of electron microscopy."""

from __future__ import annotations

from pydantic import Field, PositiveFloat

from tasks.common.parameters import Values


class MapParameters(Values):
    """How a map is measured, and how a model is sought in it."""

    voxel_angstrom: PositiveFloat | None = Field(
        None, description="Edge of a voxel in angstrom, where the file does not say it or says it wrongly"
    )
    level: float | None = Field(
        None,
        description="Density at the surface of the particle, in the map's own unit; "
        "empty estimates it from the map and says so",
    )
    least_symmetry: float = Field(
        0.9, gt=0, lt=1, description="Correlation of the map with itself from which a turn counts as symmetry"
    )
    resolution_angstrom: PositiveFloat | None = Field(
        None,
        description="Resolution at which map and model are compared; "
        "empty takes that of the half maps, else the median local one",
    )
    hand: bool = Field(
        True, description="Seek the model in the mirror image too, to tell the hand of the map"
    )
