"""Read `--set key=value` into the parameters of a recipe, with short names where they are clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel

VARIANTS = ("images.buffer_normalization.", "background_beam.")


class UsageError(Exception):
    """The command line asks for something that cannot be; the message says what can."""


def assumptions(given: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping."""
    return dict(_split(each) for each in given)


def applied(model: type[BaseModel], defaults: Mapping[str, Any], given: Iterable[str]) -> dict[str, Any]:
    """`defaults` with each `key=value` of `given` put in its place.

    A key is a dotted path into the parameters, or the last part of one where only one
    parameter ends so. Values are read as YAML.
    """
    paths = leaves(model)
    values = _copied(defaults)
    for each in given:
        key, text = _split(each)
        place = _place(key, paths)
        _put(values, place.split("."), _value(key, text))
    return values


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every parameter of a model by its dotted path."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        inner = _nested(info.annotation)
        if inner is None:
            found[prefix + name] = info
        else:
            found |= leaves(inner, f"{prefix}{name}.")
    return found


def _nested(annotation: Any) -> type[BaseModel] | None:
    # Imported here, so that commands that take no settings start at once.
    from pydantic import BaseModel

    # Several of a kind are one value, given as a list.
    if get_origin(annotation) in (tuple, list):
        return None
    options = [annotation, *getattr(annotation, "__args__", ())]
    for each in options:
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"{text!r} is not of the form key=value")
    return key.strip(), value.strip()


def _value(key: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"the value of {key} cannot be read: {text!r}") from error


def _place(key: str, paths: Mapping[str, Any]) -> str:
    if key in paths:
        return key
    fitting = [path for path in paths if path.endswith(f".{key}")]
    # A group that is a variant of another (the buffer's own normalisation) is asked for by its full path.
    shallow = [path for path in fitting if not path.startswith(VARIANTS)]
    if len(shallow) == 1:
        return shallow[0]
    if fitting:
        raise UsageError(f"{key} could be any of {', '.join(fitting)}; give the whole name")
    near = [path for path in paths if key.lower() in path.lower()] or sorted(paths)
    raise UsageError(f"there is no parameter {key}; known are: {', '.join(near)}")


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(each) if isinstance(each, Mapping) else each for key, each in values.items()}


def _put(values: dict[str, Any], place: list[str], value: Any) -> None:
    for part in place[:-1]:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[place[-1]] = value
