"""The reference says what the code says: generated pages are up to date, every flag is explained."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
ROOMS = ("adapters", "tasks", "flows", "deployments", "halos")
UP_TO_DATE: dict[str, list[str]] = {"to add": [], "to remove": []}
# Where a code is put together at run time, by file: what it can be.
COMPOSED = {
    "adapters/formats/ascii_curve.py": {"divided_by_concentration"},
    "adapters/formats/curve.py": {
        "intensity_not_finite",
        "q_not_finite",
        "q_not_positive",
        "q_not_increasing",
        "q_duplicate",
    },
}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "script" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["command.md", "exit-status.md", "findings.md", "recipes.md"])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    fresh = generator().PAGES[name]()

    assert (REFERENCE / name).read_text() == fresh, "run `make reference`"


def test_every_adapter_is_in_the_table_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    announced = project["entry-points"]["halos.adapters"]

    assert behind(named_in("adapters.md"), announced) == UP_TO_DATE


def test_the_table_of_adapters_gives_facility_and_instrument_as_they_do() -> None:
    from adapters.registry import registry

    said = {row[0].strip("`"): (row[1], row[2]) for row in rows_of("adapters.md")}
    fixed = [each for each in registry().adapters if each.name in said and hasattr(each, "instrument")]

    assert {each.name: said[each.name] for each in fixed} == {
        each.name: (each.facility or "", each.instrument or "") for each in fixed
    }


def rows_of(page: str) -> list[list[str]]:
    """Cells of every row whose first cell is a name in code type."""
    lines = [line for line in (REFERENCE / page).read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named_in(page: str) -> list[str]:
    return [row[0].strip("`") for row in rows_of(page)]


def test_every_flag_is_in_the_table_and_no_other() -> None:
    assert behind(named_in("flags.md"), raised()) == UP_TO_DATE


def test_every_flag_has_the_severities_it_can_have() -> None:
    told = {row[0].strip("`"): set(row[1].split(", ")) for row in rows_of("flags.md")}
    can = raised()

    assert {code: told[code] for code in told if code in can and told[code] != can[code]} == {}


def behind(shown: Iterable[str], there: Iterable[str]) -> dict[str, list[str]]:
    """What a table does not have yet, and what it has still."""
    return {"to add": sorted(set(there) - set(shown)), "to remove": sorted(set(shown) - set(there))}


def raised() -> dict[str, set[str]]:
    """Every code that any room can put into a flag, with the severities it can have."""
    found: dict[str, set[str]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for code, severities in _codes(path):
                found.setdefault(code, set()).update(severities)
    return found


def _codes(path: Path) -> Iterator[tuple[str, set[str]]]:
    place = str(path.relative_to(ROOT))
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call) or not call.args or isinstance(call.func, ast.Call):
            continue
        # The maker may be a choice: (Flag.info if well else Flag.caution)(...)
        severities = set(filter(None, map(_severity, ast.walk(call.func))))
        if not severities:
            continue
        codes = _constant(call.args[0], place) or COMPOSED.get(place)
        assert codes, f"{place}:{call.lineno}: list in COMPOSED what this code can be"
        yield from ((code, severities) for code in codes)


def _severity(node: ast.AST) -> str | None:
    """The word in Flag.<word>."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Flag":
        return node.attr if node.attr in {"info", "caution", "invalid"} else None
    return None


def _constant(node: ast.expr, place: str) -> set[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _constant(node.body, place) | _constant(node.orelse, place)
    if isinstance(node, ast.Name) and node.id.isupper():
        module: Any = import_module(place.removesuffix(".py").replace("/", "."))
        return {getattr(module, node.id)}
    return set()
