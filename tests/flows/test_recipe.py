"""Recipes: those that come with HALOS fit their reductions, and a broken plugin harms no other."""

from importlib.metadata import EntryPoint

import pytest

from configs.load import ConfigurationError
from flows import recipe as recipes


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_every_recipe_fits_the_parameters_of_its_reduction(name):
    recipe, reduction = recipes.recipe_called(name)

    assert reduction.parameters.model_validate(recipe.parameters)
    assert recipe.title


def test_a_recipe_with_an_unknown_parameter_is_refused_with_its_line(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("reduction: saxs\ntitle: mine\nparameters:\n  nonsense: 1\n")

    with pytest.raises(ConfigurationError, match="nonsense"):
        recipes.recipe_called(mine)


def test_a_recipe_of_an_unknown_reduction_is_refused(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("reduction: nonsense\ntitle: mine\n")

    with pytest.raises(ConfigurationError, match="known"):
        recipes.recipe_called(mine)


def test_a_broken_plugin_is_told_and_left_out(monkeypatch, tmp_path):
    announced = [
        EntryPoint("broken", "no_such_module:THING", recipes.GROUP),
        EntryPoint("no_reduction", "flows.saxs:TOLD", recipes.GROUP),
        EntryPoint("saxs", "flows.saxs:SAXS", recipes.GROUP),
    ]
    said = []
    monkeypatch.setattr(recipes, "entry_points", lambda group: announced)
    monkeypatch.setattr(recipes.log, "warning", lambda form, *words: said.append(form % words))
    recipes._announced.cache_clear()
    try:
        found = recipes.reductions()
        (tmp_path / "mine.yaml").write_text("reduction: broken\ntitle: mine\n")
        with pytest.raises(ConfigurationError, match=r"cannot be loaded: .*no_such_module"):
            recipes.recipe_called(tmp_path / "mine.yaml")
    finally:
        recipes._announced.cache_clear()

    assert list(found) == ["saxs"]
    assert "no_such_module" in said[0]
    assert "not a Reduction" in said[1]
