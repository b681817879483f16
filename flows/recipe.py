"""Named reductions: which flow, with which defaults, by entry point and by YAML."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from configs.load import ConfigurationError, Values, checked, load, names
from flows.compute import Cluster

if TYPE_CHECKING:
    from flows.order import Order

GROUP = "halos.recipes"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reduction:
    """A flow that reduces runs of some techniques, and the model of its parameters.

    `ask(sample, parameters, recipe)` gives the order without computing, so that a plan can tell
    what is there already; a reduction without it is only known by its result.
    """

    name: str
    title: str
    techniques: tuple[str, ...]
    parameters: type[BaseModel]
    flow: Callable[..., dict[str, Any]]
    ask: Callable[..., Order] | None = None


class Recipe(Values):
    """A reduction with default parameters, as a YAML file says it."""

    reduction: str = Field(description="Name of the reduction, as announced by an entry point")
    title: str = Field(description="One line for people")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Defaults of this recipe")


def reductions() -> Mapping[str, Reduction]:
    """All reductions announced by installed packages, by name.

    One that cannot be loaded is told in the log and left out: a broken plugin must not
    keep the others from working.
    """
    return _announced()[0]


@cache
def _announced() -> tuple[Mapping[str, Reduction], Mapping[str, str]]:
    """Reductions by name, and why others cannot be used."""
    found: dict[str, Reduction] = {}
    faults: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        # A plugin runs arbitrary code on import, so anything may come out of it.
        try:
            reduction = point.load()
        except Exception as error:
            faults[point.name] = f"cannot be loaded: {type(error).__name__}: {error}"
        else:
            if isinstance(reduction, Reduction):
                found[point.name] = reduction
            else:
                faults[point.name] = f"is not usable: {point.value} is not a Reduction"
    for name, fault in faults.items():
        log.warning("reduction %s %s", name, fault)
    return found, faults


def recipe_called(name: str | Path) -> tuple[Recipe, Reduction]:
    """A recipe by name or file, checked against the parameters of its reduction."""
    path = Path(name)
    source = path if path.suffix in {".yaml", ".yml"} else f"recipes/{name}"
    recipe = load(source, into=Recipe)
    reduction = reductions().get(recipe.reduction)
    if reduction is None:
        if (fault := _announced()[1].get(recipe.reduction)) is not None:
            raise ConfigurationError(str(source), f"the reduction {recipe.reduction!r} {fault}")
        known = ", ".join(reductions())
        raise ConfigurationError(str(source), f"no reduction is called {recipe.reduction!r}; known: {known}")
    checked(recipe.parameters, reduction.parameters, str(source))
    return recipe, reduction


def recipe_names() -> list[str]:
    """The recipes that come with HALOS."""
    return names("recipes")


def cluster_called(name: str | None) -> Cluster:
    """A cluster by name or file; without one, what HALOS_CLUSTER says, else threads."""
    chosen = name or os.environ.get("HALOS_CLUSTER", "threads")
    source = chosen if chosen.endswith((".yaml", ".yml")) else f"clusters/{chosen}"
    return load(source, into=Cluster)
