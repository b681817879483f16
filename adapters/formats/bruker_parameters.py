"""Parameter files of Bruker, of TopSpin and of ParaVision alike: labelled records in JCAMP-DX."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from adapters.errors import CorruptFileError
from adapters.formats import text

Parameters = Mapping[str, str]
RECORD = re.compile(r"^##\$?([^=\n]+)=[ \t]*", re.MULTILINE)
# Where a machine and its user write who they are: between records, never in their values.
COMMENT = re.compile(r"\$\$.*$", re.MULTILINE)
SIZES = re.compile(r"^\(\s*([\d.,\s]+)\)")


def read(path: Path) -> dict[str, str]:
    """Every record of the file by its name, as text."""
    content = COMMENT.sub("", text.text(path))
    if "##TITLE" not in content[:4096]:
        raise CorruptFileError(path, "it is no parameter file: it does not begin with ##TITLE")
    if "##END" not in content:
        raise CorruptFileError(path, "it is cut short: there is no ##END")
    found: dict[str, str] = {}
    places = list(RECORD.finditer(content))
    for here, after in zip(places, [*places[1:], None], strict=True):
        stop = after.start() if after else len(content)
        found.setdefault(here.group(1).strip(), content[here.end() : stop].strip())
    return found


def number(parameters: Parameters, name: str, path: Path) -> float | None:
    """The number of that name; None where it is not there, an error where it is none."""
    if name not in parameters:
        return None
    value = text.number(parameters[name].split("\n")[0].strip())
    if value is None:
        raise CorruptFileError(path, f"{name} is {parameters[name][:40]!r}, which is no number")
    return value


def required(parameters: Parameters, name: str, path: Path) -> float:
    """The number of that name, which this layout cannot do without."""
    value = number(parameters, name, path)
    if value is None or not math.isfinite(value):
        raise CorruptFileError(path, f"it does not state {name}")
    return value


def count(parameters: Parameters, name: str, path: Path) -> int:
    """The whole number of that name, not negative, which this layout cannot do without."""
    value = required(parameters, name, path)
    if value < 0 or value != int(value) or value > 2**40:
        raise CorruptFileError(path, f"{name} is {value:g}, which is no count")
    return int(value)


def word(parameters: Parameters, name: str) -> str | None:
    """The text of that name without its brackets; None where it says nothing."""
    said = parameters.get(name, "")
    said = said.split("\n", 1)[1] if SIZES.match(said) and "\n" in said else said
    inside = re.search(r"<([^>]*)>", said, re.DOTALL)
    found = (inside.group(1) if inside else said).strip()
    return found or None


def values(parameters: Parameters, name: str, path: Path) -> list[str]:
    """The words of an array, its size in front left out, repeats written out."""
    said = parameters.get(name, "")
    said = said[match.end() :] if (match := SIZES.match(said)) else said
    found: list[str] = []
    for each in re.findall(r"@\d+\*\([^)]*\)|<[^>]*>|[^\s<>]+", said):
        repeated = re.fullmatch(r"@(\d+)\*\(([^)]*)\)", each)
        if repeated and int(repeated.group(1)) > 10**7:
            raise CorruptFileError(path, f"{name} repeats a value {repeated.group(1)} times")
        found += [repeated.group(2)] * int(repeated.group(1)) if repeated else [each.strip("<>")]
    return found


def numbers(parameters: Parameters, name: str, path: Path) -> list[float]:
    """The numbers of an array; empty where it is not there."""
    found = [text.number(each) for each in values(parameters, name, path)]
    if any(each is None for each in found):
        raise CorruptFileError(path, f"{name} holds what is no number")
    return found  # type: ignore[return-value]
