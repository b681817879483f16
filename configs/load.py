"""Read a YAML file into its type: unknown keys are errors, and errors name file, line and remedy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class Values(BaseModel):
    """Configured values: unknown names are errors, values do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfigurationError(Exception):
    """A configuration file that cannot be used, with the place and what to do."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def load(name: str | Path, into: type[Model]) -> Model:
    """The configuration called `name` (such as "recipes/saxs") or the YAML file at that path."""
    source, text = _read(name)
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(source, f"not valid YAML: {error}") from error
    return checked(values or {}, into, source, text)


def checked(values: Any, into: type[Model], source: str, text: str = "") -> Model:
    """`values` as a model, or ConfigurationError naming each wrong key, its line and its fault."""
    try:
        return into.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(source, "; ".join(faults_of(error, text))) from error


def faults_of(error: ValidationError, text: str = "", below: tuple[int | str, ...] = ()) -> list[str]:
    """Each fault with its place; `below` is where in `text` the checked values stand."""
    return [f"{_place((*below, *fault['loc']), text)}: {fault['msg']}" for fault in error.errors()]


def names(kind: str) -> list[str]:
    """The configurations that come with HALOS under `kind`, such as "recipes"."""
    folder = files("configs") / kind
    return sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml"))


def _read(name: str | Path) -> tuple[str, str]:
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise ConfigurationError(path, "there is no such file")
        return str(path), path.read_text()
    kind, _, stem = str(name).rpartition("/")
    found = files("configs") / kind / f"{stem}.yaml"
    if not found.is_file():
        known = ", ".join(names(kind)) if (files("configs") / kind).is_dir() else "nothing"
        raise ConfigurationError(str(name), f"there is no such configuration; known are: {known}")
    return str(name), found.read_text()


def _place(location: tuple[int | str, ...], text: str) -> str:
    where = ".".join(map(str, location)) or "the whole"
    line = line_of(location, text)
    return where if line is None else f"line {line}, {where}"


def line_of(location: tuple[int | str, ...], text: str) -> int | None:
    """Where in the YAML `text` the value at `location` stands, or what should hold it; None if nowhere."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = None
    for part in location:
        for start, inner in _inside(node, part):
            line, node = start.line + 1, inner
    return line


def _inside(node: yaml.Node | None, part: int | str) -> list[tuple[yaml.Mark, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(key.start_mark, value) for key, value in node.value if key.value == str(part)]
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return [(node.value[part].start_mark, node.value[part])]
    return []
