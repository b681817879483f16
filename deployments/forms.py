"""What the browser offers: one form for each recipe, made from the typed parameters of its flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployments.schema import for_people
from flows.recipe import Recipe, Reduction, recipe_called, recipe_names, reductions


@dataclass(frozen=True)
class Form:
    """A recipe as the browser offers it: `schema` makes the form, `parameters` are its defaults."""

    name: str
    flow: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    schema: dict[str, Any]


def forms() -> list[Form]:
    """A form for each recipe that comes with HALOS, and for each reduction that has no recipe of its name."""
    return list(_forms())


def _forms() -> Iterator[Form]:
    listed = recipe_names()
    for name in listed:
        recipe, reduction = recipe_called(name)
        yield form(name, recipe, reduction)
    for name, reduction in reductions().items():
        if name not in listed:
            yield form(name, Recipe(reduction=name, title=reduction.title), reduction)


def form(name: str, recipe: Recipe, reduction: Reduction) -> Form:
    """The form of one recipe; its defaults are filled in, what it settles is not asked."""
    flow: Any = reduction.flow
    parameters: dict[str, Any] = {"recipe": name}
    if recipe.parameters:
        parameters["parameters"] = recipe.parameters
    return Form(
        name=name,
        flow=flow.name,
        entrypoint=f"{flow.fn.__module__}.{flow.fn.__name__}",
        description=_described(recipe, flow),
        tags=("halos", *reduction.techniques),
        parameters=parameters,
        schema=for_people(flow.parameters.model_dump_for_openapi()),
    )


def _described(recipe: Recipe, flow: Any) -> str:
    return f"{recipe.title}.\n\n{flow.description}."
