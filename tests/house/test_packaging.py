"""What is built is whole, and nobody's machine stands in what it is built from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("halos", "deployments", "flows", "tasks", "adapters", "configs")
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the files in a wheel, built from a copy so that nothing is left here."""
    pytest.importorskip("setuptools", minversion="77")
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED:
        shutil.copy(ROOT / name, copy)
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=copy, check=True, capture_output=True)
    with ZipFile(next(out.glob("*.whl"))) as archive:
        return archive.namelist()


def test_the_wheel_holds_all_code_and_all_values(wheel: list[str]) -> None:
    sources = [
        path for room in ROOMS for suffix in ("py", "yaml") for path in (ROOT / room).rglob(f"*.{suffix}")
    ]

    assert {str(path.relative_to(ROOT)) for path in sources} - set(wheel) == set()


def test_the_wheel_holds_nothing_else(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}

    assert {top for top in tops if not top.startswith("halos-")} == set(ROOMS)


def test_the_wheel_carries_its_licence(wheel: list[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_every_tested_version_is_one_version_from_no_place() -> None:
    odd = [line for line in CONSTRAINTS if not re.match(r"[a-z0-9._-]+==[\w.+!]+( ; .+)?$", line)]

    assert odd == []


def test_every_dependency_has_a_tested_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pinned = {_plain(Requirement(line).name) for line in CONSTRAINTS}

    assert {_plain(Requirement(line).name) for line in asked} - pinned == {"halos"}


def test_tested_versions_are_ones_that_we_allow() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = {_plain(found.name): found.specifier for found in map(Requirement, project["dependencies"])}
    tested = [Requirement(line) for line in CONSTRAINTS]

    outside = [
        str(each)
        for each in tested
        if _plain(each.name) in allowed and str(each.specifier).lstrip("=") not in allowed[_plain(each.name)]
    ]
    assert outside == []


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
