"""What a user may choose about fusion: thresholds of the verdicts, and the numbers of the relations."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, field_validator, model_validator

from tasks.common.kernels.composition import NAMES
from tasks.common.parameters import Values


class VerdictParameters(Values):
    """When claims agree, stand in tension, or conflict."""

    tension_p: float = Field(
        0.05, gt=0, lt=1, description="Chance of the chi-square below which claims are in tension"
    )
    conflict_p: float = Field(
        0.0027, gt=0, lt=1, description="Chance of the chi-square below which claims are in conflict"
    )
    odd_sigma: PositiveFloat = Field(
        3.0, description="Standard errors from all others at which a single claim is called odd"
    )

    @model_validator(mode="after")
    def _ordered(self) -> VerdictParameters:
        if self.conflict_p >= self.tension_p:
            raise ValueError("conflict_p must be below tension_p")
        return self


class RelationParameters(Values):
    """How claims of different definition are brought together, each with its own uncertainty."""

    same_data_share: float = Field(
        0.9, ge=0, le=1, description="Part of the uncertainty that methods on the same data have in common"
    )
    apparent_mass: float = Field(
        0.03,
        ge=0,
        description="Relative uncertainty of taking an apparent SAXS mass for the true one, beside its own",
    )
    native_mass: float = Field(
        0.001,
        ge=0,
        description="Relative uncertainty of taking the mass of an ion with adducts for the true one",
    )
    sequence_mass: float = Field(
        0.001, ge=0, description="Relative uncertainty of the sequence's mass for modifications and ligands"
    )
    shell_contrast: float = Field(
        0.03, ge=0, description="Contrast of the hydration shell, electrons per cubic angstrom"
    )
    shell_contrast_error: float = Field(0.015, ge=0, description="Standard uncertainty of that contrast")
    shell_angstrom: PositiveFloat = Field(3.0, description="Thickness of the hydration shell")
    instrument: float = Field(
        0.02, ge=0, description="Relative uncertainty of a size between instruments and preparations"
    )
    crystal_to_solution: float = Field(
        0.015, ge=0, description="Relative uncertainty of taking a size in a crystal for that in solution"
    )
    seen_dimension: float = Field(
        0.06, ge=0, description="Relative uncertainty of taking where P(r) ends for the largest distance"
    )


class Shared(Values):
    """A cause of error that several products have in common, such as one protein stock."""

    source: str = Field(description="What is shared, in words")
    quantity: str = Field(description="Quantity whose claims share it")
    products: tuple[str, ...] = Field(description="Labels of the products, as the passport shows them")
    relative: PositiveFloat = Field(description="Relative standard uncertainty that it causes in each claim")


class FusionParameters(Values):
    """Everything that may be chosen about a fusion."""

    sample: str | None = Field(None, description="Name of the sample; empty leaves it unnamed")
    sequence: str | None = Field(
        None, description="Sequence of one protomer in one-letter code; empty takes the structure's"
    )
    highest_oligomer: int = Field(60, ge=1, le=1000, description="Numbers of protomers up to this are tried")
    least_probability: float = Field(
        0.95, gt=0, lt=1, description="A number of protomers less probable than this stays undecided"
    )
    verdict: VerdictParameters = VerdictParameters()
    relations: RelationParameters = RelationParameters()
    shared: tuple[Shared, ...] = Field((), description="Causes of error that products have in common")

    @field_validator("sequence")
    @classmethod
    def _amino_acids(cls, sequence: str | None) -> str | None:
        unknown = sorted(set((sequence or "").upper()) - set(NAMES) - set(" \n\t"))
        if unknown:
            raise ValueError(f"no amino acids: {', '.join(unknown)}")
        return sequence
