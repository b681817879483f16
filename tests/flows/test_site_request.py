"""A request to a site is read strictly, and every path in it is found and given its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flows.recipe import Recipe, Reduction, recipe_called, reductions
from flows.site_request import MalformedRequestError, SiteRequest, parameters_of, read

PLAIN = {"recipe": "saxs", "paths": ["beam/a.dat"], "parameters": {}, "label": "first"}


def test_a_request_is_read_as_it_was_sent():
    request = read(PLAIN)

    assert request.to_json() == PLAIN


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "saxs",
        {},
        PLAIN | {"paths": []},
        PLAIN | {"paths": "beam/a.dat"},
        PLAIN | {"paths": [1]},
        PLAIN | {"recipe": "../saxs"},
        PLAIN | {"recipe": "saxs.yaml"},
        PLAIN | {"recipe": "/etc/saxs"},
        PLAIN | {"recipe": "saxs\n"},
        PLAIN | {"command": "rm"},
        PLAIN | {"label": "x" * 201},
        PLAIN | {"parameters": {"q": float("inf")}},
        PLAIN | {"parameters": {"q": "x" * 5_000_000}},
    ],
)
def test_what_is_no_request_is_malformed(said):
    with pytest.raises(MalformedRequestError):
        read(said)


def placed(**parameters: Any) -> tuple[Any, list[str]]:
    asked: list[str] = []

    def place(path: str) -> Path:
        asked.append(path)
        return Path("/data") / path

    recipe, reduction = recipe_called("saxs")
    request = SiteRequest(recipe="saxs", paths=("beam/a",), parameters=parameters)
    return parameters_of(request, recipe, reduction, place), asked


def test_every_path_in_the_parameters_gets_its_place():
    found, asked = placed(
        buffer=["beam/b1", "beam/b2"],
        images={"files": {"mask": "beam/mask.npy", "dark": ["beam/d"], "calibration": "beam/g.poni"}},
    )

    assert sorted(asked) == ["beam/b1", "beam/b2", "beam/d", "beam/g.poni", "beam/mask.npy"]
    assert found.buffer == (Path("/data/beam/b1"), Path("/data/beam/b2"))
    assert found.images.files.mask == Path("/data/beam/mask.npy")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "file:///etc/passwd", "beam//x", "a/./b"])
def test_a_path_is_judged_as_it_was_written(path):
    _, asked = placed(buffer=[path])

    assert asked == [path]


@pytest.mark.parametrize(
    "parameters",
    [{"unknown": 1}, {"buffer": [7]}, {"images": {"files": {"mask": ["a"]}}}, {"shape": "round"}],
)
def test_parameters_that_the_recipe_does_not_take_are_malformed(parameters):
    with pytest.raises(MalformedRequestError):
        placed(**parameters)


class WithPath(BaseModel):
    geometry: Path = Path("own.poni")


def test_a_path_of_the_recipe_itself_stays():
    recipe = Recipe(reduction="x", title="x", parameters={"geometry": "recipe.poni"})
    reduction = Reduction("x", "x", ("saxs",), WithPath, flow=dict)
    request = SiteRequest(recipe="x", paths=("beam/a",))

    assert parameters_of(request, recipe, reduction, Path).geometry == Path("recipe.poni")


def _leaves(model: type[BaseModel]) -> list[tuple[str, str]]:
    found = []
    for name, field in model.model_fields.items():
        inner = [
            each
            for each in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(each, type) and issubclass(each, BaseModel)
        ]
        found += [leaf for each in inner for leaf in _leaves(each)] or [(name, str(field.annotation))]
    return found


@pytest.mark.parametrize("name", sorted(reductions()))
def test_no_parameter_that_may_be_a_path_is_taken_for_plain_text(name):
    # What may be either would slip through; so would a place in a text.
    odd = [
        leaf
        for leaf, kind in _leaves(reductions()[name].parameters)
        if ("Path" in kind and "str" in kind)
        or "Url" in kind
        or ("str" in kind and any(word in leaf for word in ("path", "file", "folder", "url")))
    ]

    assert odd == []
