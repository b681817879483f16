"""What is written in configuration and project file fits what the code expects."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from adapters.protocol import Adapter
from configs.load import load
from flows.campaign import Campaign
from flows.recipe import Reduction, cluster_called, recipe_called

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
KINDS: dict[str, Callable[[str], Any]] = {
    "campaigns": lambda stem: load(f"campaigns/{stem}", into=Campaign),
    "clusters": cluster_called,
    "recipes": recipe_called,
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TYPES: dict[str, type] = {"halos.adapters": Adapter, "halos.recipes": Reduction}
ANNOUNCED = [
    (group, name, place)
    for group, points in PROJECT["entry-points"].items()
    for name, place in points.items()
]


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_yaml_loads_into_its_type(path: Path) -> None:
    assert KINDS[path.parent.name](path.stem)


@pytest.mark.parametrize(("group", "name", "place"), ANNOUNCED, ids=lambda text: text)
def test_an_entry_point_resolves_to_what_its_group_wants(group: str, name: str, place: str) -> None:
    module, _, attribute = place.partition(":")

    found = getattr(import_module(module), attribute)

    assert isinstance(found() if isinstance(found, type) else found, TYPES[group])
    assert found.name == name


@pytest.mark.parametrize("group", sorted(PROJECT["entry-points"]))
def test_what_is_installed_is_what_is_announced(group: str) -> None:
    installed = {point.name for point in entry_points(group=group)}

    assert set(PROJECT["entry-points"][group]) <= installed, "install again: pip install -e '.[test]'"


def test_the_version_is_the_same_everywhere() -> None:
    import halos

    changes = (ROOT / "CHANGELOG.md").read_text()

    assert halos.__version__ == PROJECT["version"]
    assert f"## {PROJECT['version']}" in changes
