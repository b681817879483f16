"""What a user may choose about an atomic model: which particle it stands for, how it meets a curve."""

from __future__ import annotations

from pydantic import Field, PositiveFloat

from tasks.common.parameters import Values

ASYMMETRIC_UNIT = "asymmetric_unit"


class StructureParameters(Values):
    """How a file of coordinates becomes a particle."""

    assembly: str | None = Field(
        None,
        description="Name of the biological assembly, or asymmetric_unit for what the file lists; "
        "empty takes the file's first assembly",
    )
    ligands: bool = Field(
        False, description="Count ligands and ions too; water of the crystal is never counted"
    )
    sequence: str | None = Field(
        None, description="Sequence of one chain in one-letter code, where the file's own is incomplete"
    )


class CurveParameters(Values):
    """How the calculated curve is compared with a measured one."""

    q_min: PositiveFloat | None = Field(None, description="Compare from this q (1/angstrom) on")
    q_max: PositiveFloat = Field(0.4, le=1.0, description="Compare up to this q (1/angstrom)")
    background: bool = Field(True, description="Allow a constant under the measured curve")
    expand: bool = Field(True, description="Let the excluded volume vary by up to 4 % in radius")
    contrast: float = Field(
        0.03, ge=0, le=0.08, description="Hydration contrast for prediction, electrons per cubic angstrom"
    )
    contrast_error: float = Field(
        0.015, ge=0, description="Standard uncertainty of that contrast, electrons per cubic angstrom"
    )
    shell_angstrom: PositiveFloat = Field(3.0, le=10, description="Thickness of the hydration shell")
