"""A flow's parameters as a person wants them in a form: nothing that is settled, no nulls, units named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configs.load import names

# Decided by which form is filled in, not by who fills it in.
SETTLED = ("recipe",)
NULL = {"type": "null"}
UNITS = {
    "mg_ml": "mg/ml",
    "ml_g": "ml/g",
    "angstrom": "angstrom",
    "kda": "kDa",
    "kev": "keV",
    "px": "pixels",
    "nm": "nm",
    "mm": "mm",
    "m": "m",
    "s": "s",
    "k": "K",
}


def for_people(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` as the form shows it.

    A field that may stay empty is one box instead of a choice between a box and nothing:
    what is left empty is not sent, and the flow's own model fills in its default.
    """
    asked = {name: each for name, each in schema["properties"].items() if name not in SETTLED}
    if "cluster" in asked:
        asked["cluster"] = {
            **asked["cluster"],
            "anyOf": [{"type": "string", "enum": names("clusters")}, NULL],
        }
    shown: dict[str, Any] = _without_null({**schema, "properties": _titled(asked)})
    return shown


def label(name: str) -> str:
    """The name of a field for people: `distance_m` is "Distance (m)"."""
    for suffix, unit in UNITS.items():
        if name.endswith(f"_{suffix}"):
            return f"{_sentence(name.removesuffix(f'_{suffix}'))} ({unit})"
    return _sentence(name)


def _sentence(name: str) -> str:
    words = name.replace("_", " ")
    # A symbol such as q keeps its case.
    return words if words.startswith("q ") else words[:1].upper() + words[1:]


def _titled(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {**each, "title": label(name)} for name, each in properties.items()}


def _without_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    field = _one_choice(value)
    plain = {key: _without_null(each) for key, each in field.items() if key != "default"}
    if "default" in field:
        plain["default"] = _given(field["default"])
    if isinstance(inside := plain.get("properties"), Mapping):
        plain["properties"] = _titled(inside)
    return plain


def _one_choice(field: Mapping[str, Any]) -> Mapping[str, Any]:
    options = field.get("anyOf")
    if not isinstance(options, list) or NULL not in options or field.get("default") is not None:
        return field
    left = [each for each in options if each != NULL]
    # A group that may be absent stays a choice: filled with its own defaults it would mean something else.
    if len(left) != 1 or "$ref" in left[0]:
        return field
    plain = {**left[0], **{key: each for key, each in field.items() if key not in ("anyOf", "default")}}
    # The server lets any plain field be null, but choices only if null is one of them.
    return {**plain, "enum": [*plain["enum"], None]} if "enum" in plain else plain


def _given(default: Any) -> Any:
    """A default without its empty places."""
    if isinstance(default, Mapping):
        return {key: _given(each) for key, each in default.items() if each is not None}
    if isinstance(default, (list, tuple)):
        return [_given(each) for each in default]
    return default
