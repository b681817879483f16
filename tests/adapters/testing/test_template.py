"""A package started by `halos adapters new` is found, proves itself, and is judged right."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters.testing.template import ScaffoldError, scaffold

FIND = "from adapters.registry import registry; print(registry().named('mylab_saxs').name, registry().broken)"


def installed(home: Path) -> None:
    """What an installer leaves of a package: its metadata on the path, made from its own project file."""
    project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
    record = home / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    entries = project["entry-points"].items()
    lines = [[f"[{group}]", *(f"{name} = {at}" for name, at in points.items())] for group, points in entries]
    text = "\n".join(line for group in lines for line in group)
    (record / "entry_points.txt").write_text(text)


def run_there(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the package's folder, with the package on its path."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(home), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_package_is_found_and_passes_its_own_tests(tmp_path: Path) -> None:
    home = scaffold("mylab_saxs", tmp_path)[0].parent
    installed(home)

    found = run_there(home, "-c", FIND)
    tested = run_there(home, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")

    assert found.stdout.split() == ["mylab_saxs", "()"], found.stderr
    assert tested.returncode == 0, tested.stdout
    assert "failed" not in tested.stdout


@pytest.mark.parametrize("name", ["My-Lab", "7lab", "class", "", "a b", "../x"])
def test_what_cannot_be_a_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="cannot name an adapter"):
        scaffold(name, tmp_path)


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    first = scaffold("mylab", tmp_path)
    first[0].write_text("mine")

    with pytest.raises(ScaffoldError, match="there already"):
        scaffold("mylab", tmp_path)
    assert first[0].read_text() == "mine"
