"""Read a campaign: every fault in it is told at once, each with its line, before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from configs.load import ConfigurationError, faults_of, line_of, load
from flows.campaign import LOCAL, Away, Campaign, CampaignError, CampaignRun, Fusion, Job, Join, Work
from flows.recipe import Recipe, Reduction, recipe_called
from flows.site_request import laid_over
from tasks.fusion.parameters import FusionParameters

MODEL = "structure"
# Only here the solution in the beam has the concentration of the sample: a column dilutes
# it, and a series has several.
AT_SAMPLE_CONCENTRATION = ("saxs",)


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
        jobs, away = tuple(self._jobs()), tuple(self._away())
        joins = tuple(self._joins([*(job.name for job in jobs), *(run.name for run in away)]))
        if self.faults:
            raise CampaignError(self.path, tuple(self.faults))
        return Work(self.campaign.sample, jobs, joins, away)

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
            if run.site == LOCAL and (job := self._job(("runs", index), run)) is not None:
                yield job
        if (structure := self.campaign.sample.structure) is not None:
            if any(run.name == MODEL for run in self.campaign.runs):
                self._fault(("sample", "structure"), f"a run is called {MODEL!r} already; rename that run")
            run = CampaignRun(name=MODEL, paths=(structure,), recipe=MODEL)
            if (job := self._job(("sample", "structure"), run)) is not None:
                yield job

    def _away(self) -> Iterator[Away]:
        for index, run in enumerate(self.campaign.runs):
            if run.site != LOCAL and (away := self._at_site(("runs", index), run)) is not None:
                yield away

    def _at_site(self, place: tuple[int | str, ...], run: CampaignRun) -> Away | None:
        """What the site is told: what differs from its own recipe, and paths below its own roots."""
        if run.recipe.endswith((".yaml", ".yml")):
            reason = f"{run.site} runs its own recipes only; name one, without .yaml"
            self._fault((*place, "recipe"), reason)
            return None
        if (known := self._recipe_called((*place, "recipe"), run.recipe)) is None:
            return None
        recipe, reduction = known
        told = dict(run.parameters)
        whole = laid_over(recipe.parameters, told)
        if reduction.name in AT_SAMPLE_CONCENTRATION and self._with_concentration(whole) is not whole:
            told = self._with_concentration(told)
        try:
            reduction.parameters.model_validate(laid_over(whole, told))
        except ValidationError as error:
            self.faults += faults_of(error, self.text, (*place, "parameters"))
            return None
        paths = tuple(path.as_posix() for path in run.paths)
        return Away(run.name, run.recipe, run.site, paths, told)

    def _recipe_called(self, place: tuple[int | str, ...], name: str) -> tuple[Recipe, Reduction] | None:
        try:
            return recipe_called(self._recipe(name))
        except ConfigurationError as error:
            self._fault(place, f"{name}: {error.reason}")
            return None

    def _job(self, place: tuple[int | str, ...], run: CampaignRun) -> Job | None:
        before = len(self.faults)
        paths = tuple(self._there((*place, "paths", index), path) for index, path in enumerate(run.paths))
        if (known := self._recipe_called((*place, "recipe"), run.recipe)) is None:
            return None
        recipe, reduction = known
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
        values = laid_over(defaults, run.parameters)
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
