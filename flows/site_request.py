"""What a site is asked to do: a recipe, data by the names of the site's roots, and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from configs.load import Values, faults_of
from flows.recipe import Recipe, Reduction
from flows.ticket import canonical

RECIPE = r"^[a-z0-9][a-z0-9_-]{0,62}$"
# The flow and the parameters under which a site takes requests.
FLOW = "reduce-at-site"
MOST_PATHS, MOST_BYTES = 100_000, 4 * 2**20


class SiteRequest(Values):
    """A reduction asked of a site; every path is "root/relative/path", in the parameters too."""

    recipe: str = Field(pattern=RECIPE, description="Recipe that comes with HALOS, by name")
    paths: tuple[str, ...] = Field(
        min_length=1, max_length=MOST_PATHS, description="Files or folders of the run"
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="What differs from the recipe")
    label: str = Field("", max_length=200, description="What the asker calls it")

    def to_json(self) -> dict[str, Any]:
        """As it is sent, and as a ticket is made for it."""
        return self.model_dump(mode="json")


class MalformedRequestError(Exception):
    """A request that is none; for the site's audit log, not for the asker."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the request is malformed: {self.reason}"


def read(said: Any) -> SiteRequest:
    """The request in plain JSON; MalformedRequestError where it is none."""
    if not isinstance(said, Mapping):
        raise MalformedRequestError("it is no mapping")
    try:
        if len(canonical(said)) > MOST_BYTES:
            raise MalformedRequestError(f"it is longer than {MOST_BYTES} bytes")
        return SiteRequest.model_validate(said)
    except ValidationError as error:
        raise MalformedRequestError("; ".join(faults_of(error))) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedRequestError("it cannot be written as JSON") from error


def parameters_of(
    request: SiteRequest, recipe: Recipe, reduction: Reduction, place: Callable[[str], Path]
) -> BaseModel:
    """The request's parameters, checked against their model, each path in them given its place.

    Paths are found by what the model makes of the values, so none can hide; `place` is asked
    for each that the request names. Those of the recipe itself stay as they are.
    """
    values = laid_over(recipe.parameters, request.parameters)
    known = _checked(values, reduction)
    for location in list(_paths(known.model_dump())):
        raw = _at(request.parameters, location)
        if raw is not None:
            _put(values, location, place(raw))
    return _checked(values, reduction)


def _checked(values: Mapping[str, Any], reduction: Reduction) -> BaseModel:
    try:
        return reduction.parameters.model_validate(values)
    except ValidationError as error:
        raise MalformedRequestError("; ".join(faults_of(error))) from error


def _paths(value: Any, location: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in dumped parameters paths stand."""
    if isinstance(value, Path):
        yield location
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _paths(each, (*location, name))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _paths(each, (*location, index))


def _at(values: Any, location: Sequence[str | int]) -> str | None:
    """The text at a location of the request; None where the recipe or the model says it."""
    for part in location:
        named = isinstance(values, Mapping) and part in values
        numbered = isinstance(values, (list, tuple)) and isinstance(part, int) and part < len(values)
        if not (named or numbered):
            return None
        values = values[part]
    if not isinstance(values, str):
        raise MalformedRequestError(f"{'.'.join(map(str, location))} is no path")
    return values


def _put(values: Any, location: Sequence[str | int], path: Path) -> None:
    for part in location[:-1]:
        values = values[part]
    values[location[-1]] = str(path)


def laid_over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `defaults` with what is `given` in its place, group by group."""
    merged: dict[str, Any] = {name: _copied(value) for name, value in defaults.items()}
    for name, value in given.items():
        under = merged.get(name)
        groups = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[name] = laid_over(dict(under or {}), value) if groups else _copied(value)
    return merged


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, (list, tuple)) else value
