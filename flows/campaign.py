"""A campaign as a file says it: one sample, its runs with their recipes, and the fusions wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, model_validator

from configs.load import ConfigurationError, Values
from flows.recipe import Reduction
from tasks.fusion.parameters import FusionParameters

LOCAL = "local"


class CampaignError(ConfigurationError):
    """A campaign that cannot be run as it stands; each fault is told with its line."""

    def __init__(self, path: str | Path, faults: tuple[str, ...]) -> None:
        super().__init__(path, "\n  ".join(("cannot be run as it stands:", *faults)))
        self.args = (str(path), tuple(faults))
        self.faults = tuple(faults)


class CampaignSample(Values):
    """What is measured, and what is known about it beforehand."""

    name: str = Field(min_length=1, description="Name of the sample, as the passport shows it")
    sequence: str | None = Field(None, description="Sequence of one protomer in one-letter code")
    structure: Path | None = Field(
        None, description="PDB or mmCIF file of the particle; reduced as one more run, called structure"
    )
    stoichiometry: PositiveInt | None = Field(
        None, description="Protomers in a particle, if known; a passport that finds another number says so"
    )
    concentration_mg_ml: PositiveFloat | None = Field(
        None, description="Concentration in all saxs runs whose parameters do not give their own"
    )
    concentration_error_mg_ml: float | None = Field(
        None, ge=0, description="Standard uncertainty of that concentration in mg/ml"
    )


class CampaignRun(Values):
    """One measurement of the sample, and how it is to be reduced."""

    name: str = Field(min_length=1, description="Name of the run within the campaign")
    site: str = Field(LOCAL, description="Where the data lie; local is this machine")
    paths: tuple[Path, ...] = Field(
        min_length=1,
        description="Files or folders, from where the campaign file lies; at a site, as root/path",
    )
    recipe: str = Field(description="A recipe by name, or a YAML file")
    parameters: dict[str, Any] = Field(default_factory=dict, description="What differs from the recipe")


class Fusion(Values):
    """An answer wanted: which runs it joins, and with which thresholds."""

    name: str = Field("passport", min_length=1, description="Name of the answer")
    runs: tuple[str, ...] = Field((), description="Names of the runs to join; empty joins all")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters of the fusion")


class Campaign(Values):
    """A sample, its runs, and the answers wanted."""

    sample: CampaignSample
    runs: tuple[CampaignRun, ...] = Field((), description="Measurements of the sample")
    fusions: tuple[Fusion, ...] = Field((Fusion(),), min_length=1, description="Answers wanted")

    @model_validator(mode="after")
    def _something_to_do(self) -> Campaign:
        if not self.runs and self.sample.structure is None:
            raise ValueError("nothing to reduce; give runs, or a structure of the sample")
        return self


@dataclass(frozen=True)
class Job:
    """A run, ready to be reduced: every path absolute, every parameter checked."""

    name: str
    recipe: str
    reduction: Reduction
    paths: tuple[Path, ...]
    parameters: BaseModel


@dataclass(frozen=True)
class Away:
    """A run whose data lie at a site: asked for there, with what the site is told."""

    name: str
    recipe: str
    site: str
    paths: tuple[str, ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Join:
    """A fusion, ready to be done once its runs are reduced."""

    name: str
    runs: tuple[str, ...]
    parameters: FusionParameters


@dataclass(frozen=True)
class Work:
    """All that a campaign file asks for."""

    sample: CampaignSample
    jobs: tuple[Job, ...]
    joins: tuple[Join, ...]
    away: tuple[Away, ...] = ()
