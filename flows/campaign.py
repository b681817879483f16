"""A campaign as a file says it: one sample, its runs with their recipes, and the fusions wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from configs.load import ConfigurationError, Values, faults_of, line_of, load
from flows.recipe import Reduction, recipe_called
from tasks.fusion.parameters import FusionParameters

LOCAL = "local"
MODEL = "structure"
# Only here the solution in the beam has the concentration of the sample: a column dilutes
# it, and a series has several.
AT_SAMPLE_CONCENTRATION = ("saxs",)


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
        min_length=1, description="Files or folders, from where the campaign file lies"
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


def read(path: Path) -> Work:
    """The work that the campaign at `path` asks for.

    Raises
    ------
    ConfigurationError
        If the file is not a campaign, naming each wrong key with its line.
    CampaignError
        If it asks for what cannot be: names twice, sites, recipes, parameters or files that
        are not there; all are told together.
    """
    return _Reader(path, load(path, into=Campaign), path.read_text()).work()


class _Reader:
    """Turns a campaign into work and gathers what stands in the way."""

    def __init__(self, path: Path, campaign: Campaign, text: str) -> None:
        self.path, self.campaign, self.text = path, campaign, text
        self.home = path.resolve().parent
        self.faults: list[str] = []

    def work(self) -> Work:
        self._names()
        jobs = tuple(self._jobs())
        joins = tuple(self._joins([job.name for job in jobs]))
        if self.faults:
            raise CampaignError(self.path, tuple(self.faults))
        return Work(self.campaign.sample, jobs, joins)

    def _fault(self, place: tuple[int | str, ...], reason: str) -> None:
        line = line_of(place, self.text)
        where = ".".join(map(str, place))
        self.faults.append(f"{where}: {reason}" if line is None else f"line {line}, {where}: {reason}")

    def _names(self) -> None:
        named: dict[str, tuple[CampaignRun | Fusion, ...]] = {
            "runs": self.campaign.runs,
            "fusions": self.campaign.fusions,
        }
        for kind, entries in named.items():
            counts = Counter(each.name for each in entries)
            for index, each in enumerate(entries):
                if counts[each.name] > 1:
                    self._fault((kind, index, "name"), f"{each.name!r} is used twice; give each its own name")

    def _jobs(self) -> Iterator[Job]:
        for index, run in enumerate(self.campaign.runs):
            place = ("runs", index)
            if run.site != LOCAL:
                self._fault(
                    (*place, "site"),
                    f"{run.name} lies at {run.site}, and here only what is {LOCAL} can be run; "
                    "run it where its data lie (sites come with `halos site`)",
                )
            elif (job := self._job(place, run)) is not None:
                yield job
        if (structure := self.campaign.sample.structure) is not None:
            if any(run.name == MODEL for run in self.campaign.runs):
                self._fault(("sample", "structure"), f"a run is called {MODEL!r} already; rename that run")
            run = CampaignRun(name=MODEL, paths=(structure,), recipe=MODEL)
            if (job := self._job(("sample", "structure"), run)) is not None:
                yield job

    def _job(self, place: tuple[int | str, ...], run: CampaignRun) -> Job | None:
        before = len(self.faults)
        paths = tuple(self._there((*place, "paths", index), path) for index, path in enumerate(run.paths))
        try:
            recipe, reduction = recipe_called(self._recipe(run.recipe))
        except ConfigurationError as error:
            self._fault((*place, "recipe"), f"{run.recipe}: {error.reason}")
            return None
        parameters = self._parameters((*place, "parameters"), run, recipe.parameters, reduction)
        if parameters is None or len(self.faults) > before:
            return None
        return Job(run.name, Path(run.recipe).stem, reduction, paths, parameters)

    def _recipe(self, name: str) -> str:
        return str(self.home / name) if name.endswith((".yaml", ".yml")) else name

    def _there(self, place: tuple[int | str, ...], path: Path) -> Path:
        found = self.home / path
        if not found.exists():
            self._fault(place, f"{found} does not exist; paths start where the campaign file lies")
        return found

    def _parameters(
        self,
        place: tuple[int | str, ...],
        run: CampaignRun,
        defaults: Mapping[str, Any],
        reduction: Reduction,
    ) -> BaseModel | None:
        values = _laid_over(defaults, run.parameters)
        if reduction.name in AT_SAMPLE_CONCENTRATION:
            values = self._with_concentration(values)
        try:
            parameters = reduction.parameters.model_validate(values)
        except ValidationError as error:
            self.faults += faults_of(error, self.text, place)
            return None
        return reduction.parameters.model_validate(self._placed(place, parameters.model_dump()))

    def _with_concentration(self, values: dict[str, Any]) -> dict[str, Any]:
        sample = self.campaign.sample
        shape = values.get("shape") or {}
        if sample.concentration_mg_ml is None or "concentration_mg_ml" in shape:
            return values
        known = {
            "concentration_mg_ml": sample.concentration_mg_ml,
            "concentration_error_mg_ml": sample.concentration_error_mg_ml,
        }
        return values | {"shape": known | shape}

    def _placed(self, place: tuple[int | str, ...], value: Any) -> Any:
        """`value` with every path in it taken from where the campaign file lies."""
        if isinstance(value, Path):
            return self._there(place, value)
        if isinstance(value, Mapping):
            return {name: self._placed((*place, name), each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._placed((*place, index), each) for index, each in enumerate(value)]
        return value

    def _joins(self, known: list[str]) -> Iterator[Join]:
        asked = {run.name for run in self.campaign.runs} | set(known)
        for index, fusion in enumerate(self.campaign.fusions):
            for number, name in enumerate(fusion.runs):
                if name not in asked:
                    self._fault(
                        ("fusions", index, "runs", number),
                        f"no run is called {name!r}; known are: {', '.join(sorted(asked))}",
                    )
            sample = self.campaign.sample
            values = {"sample": sample.name, "sequence": sample.sequence} | fusion.parameters
            try:
                parameters = FusionParameters.model_validate(values)
            except ValidationError as error:
                self.faults += faults_of(error, self.text, ("fusions", index, "parameters"))
                continue
            yield Join(fusion.name, fusion.runs or tuple(known), parameters)


def _laid_over(defaults: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """`defaults` with what is `given` in its place, group by group."""
    merged = dict(defaults)
    for key, value in given.items():
        under = merged.get(key)
        groups = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = _laid_over(under, value) if groups else value
    return merged
