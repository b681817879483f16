"""Each form names every field, leads to a flow that is there, and fits the model behind it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prefect.flows import Flow
from prefect.utilities.schema_tools import validate

from configs.load import names
from deployments.forms import Form, forms
from deployments.schema import for_people, label
from flows.recipe import recipe_called, recipe_names, reductions

FORMS = forms()
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


def fields(form: Form) -> dict[str, dict[str, Any]]:
    """Every field at every depth by its model and name."""
    models = {"": form.schema, **form.schema.get("definitions", {})}
    return {
        f"{model}.{name}": field
        for model, schema in models.items()
        for name, field in schema.get("properties", {}).items()
    }


def test_there_is_a_form_for_each_recipe_and_each_reduction():
    offered = {form.name for form in FORMS}

    assert offered == set(recipe_names()) | set(reductions())
    assert len(offered) == len(FORMS)


@each_form
def test_the_entrypoint_of_a_form_imports(form):
    module, _, name = form.entrypoint.rpartition(".")

    assert isinstance(getattr(import_module(module), name), Flow)


@each_form
def test_every_field_is_described(form):
    models = form.schema["definitions"]

    bare = [
        name
        for name, field in fields(form).items()
        if not field.get("description")
        and not models.get(field.get("$ref", "").rpartition("/")[2], {}).get("description")
    ]

    assert bare == []


@each_form
def test_no_field_asks_what_the_form_settles(form):
    assert "recipe" not in form.schema["properties"]
    assert form.parameters["recipe"] == form.name


@each_form
def test_the_defaults_of_a_form_fit_its_own_schema_and_the_model(form):
    group = form.schema["properties"]["parameters"]
    model = {"$ref": group["$ref"], "definitions": form.schema["definitions"]}
    reduction = next(each for each in reductions().values() if each.flow.name == form.flow)
    given = {**group.get("default", {}), **form.parameters.get("parameters", {})}

    if "default" in group:
        Draft202012Validator(model).validate(given)
        shown = reduction.parameters.model_validate(given)
        assert shown == reduction.parameters.model_validate(form.parameters.get("parameters", {}))
    else:
        assert "parameters" in form.schema["required"]


@each_form
def test_what_may_stay_empty_may_also_be_sent_as_null(form):
    group = form.schema["properties"]["parameters"].get("default")
    reduction = next(each for each in reductions().values() if each.flow.name == form.flow)

    if group is not None:
        whole = reduction.parameters.model_validate(group).model_dump(mode="json")
        validate({"sample": ["/data/a.dat"], "parameters": whole}, form.schema, raise_on_error=True)


def test_a_field_that_may_stay_empty_is_one_box():
    saxs = next(form for form in FORMS if form.name == "saxs")
    distance = fields(saxs)["GeometryParameters.distance_m"]

    assert distance["type"] == "number"
    assert distance["title"] == "Distance (m)"
    assert "anyOf" not in distance
    assert "default" not in distance


def test_a_group_that_may_be_absent_stays_a_choice():
    group = {"anyOf": [{"$ref": "#/definitions/Group"}, {"type": "null"}], "default": None}

    shown = for_people({"properties": {"group": group}})

    assert shown["properties"]["group"] == {**group, "title": "Group"}


def test_the_cluster_is_chosen_from_those_there_are():
    saxs = next(form for form in FORMS if form.name == "saxs")

    assert saxs.schema["properties"]["cluster"]["enum"] == [*names("clusters"), None]


def test_a_form_has_the_defaults_of_its_recipe():
    merge = next(form for form in FORMS if form.name == "saxs-merge")

    assert merge.parameters["parameters"] == recipe_called("saxs-merge")[0].parameters


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("concentration_mg_ml", "Concentration (mg/ml)"),
        ("dmax_angstrom", "Dmax (angstrom)"),
        ("pixel_size_m", "Pixel size (m)"),
        ("q_min", "q min"),
        ("outliers", "Outliers"),
    ],
)
def test_a_label_is_words_with_a_unit(name, shown):
    assert label(name) == shown
