"""The text behind `halos adapters new`: a small package with a reader, a sample writer and its proof."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template

from adapters.errors import AdapterError

NAME = re.compile(r"[a-z][a-z0-9_]*$")

PROJECT = Template("""\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "$project"
version = "0.1.0"
description = "HALOS adapter for $name"
requires-python = ">=3.11"
dependencies = ["halos"]

[project.optional-dependencies]
test = ["pytest"]

# This line is how HALOS finds the adapter.
[project.entry-points."halos.adapters"]
$name = "$package:$constant"

[tool.setuptools]
packages = ["$package"]

[tool.pytest.ini_options]
testpaths = ["tests"]
""")

README = Template("""\
# $project

A HALOS adapter. `$package/__init__.py` says where things stand in a file; `tests/` writes
such a file and proves that it is read right.

1. Change the table in `$package/__init__.py` to what your files hold. A value whose unit the
   file does not state needs one in the table. What the file does not say, leave out.
2. Change `write_sample` in `tests/test_$name.py` to write a small file as your instrument does.
3. `pip install -e '.[test]'`, then `pytest`.
4. `halos adapters list` shows it; `halos adapters check $name PATH` judges it on a real file.
""")

ADAPTER = Template('''\
"""How $name files are laid out."""

from halos import Array, NexusLayout, Number, Text

$constant = NexusLayout(
    name="$name",
    technique="saxs",
    facility="$name",
    # A place that every file of this instrument has, and what its text begins with.
    marker="entry/instrument/name",
    marker_says="$name",
    arrays={"counts": Array("entry/data/data", ("frame", "y", "x"), unit="count")},
    # The file's own units win; `unit` is what it means where it states none.
    numbers={
        "wavelength_angstrom": Number("entry/beam/wavelength", unit="nm", to="angstrom"),
        "distance_m": Number("entry/detector/distance", unit="mm", to="m"),
        "exposure_s": Number("entry/detector/exposure", to="s"),
    },
    texts={"sample_name": Text("entry/sample/name")},
)
''')

TESTS = Template('''\
"""A file as $name writes it is read right: the conformance kit asks, the sample answers."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from halos import AdapterConformance, Sample

from $package import $constant


def write_sample(path: Path, frames: np.ndarray) -> Path:
    """A small file as the instrument writes it."""
    with h5py.File(path, "w") as file:
        file["entry/instrument/name"] = "$name"
        file["entry/data/data"] = frames
        file["entry/beam/wavelength"] = 0.124
        file["entry/beam/wavelength"].attrs["units"] = "nm"
        file["entry/detector/distance"] = 2500.0
        file["entry/detector/distance"].attrs["units"] = "mm"
    return path


class Test$title(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return $constant

    @pytest.fixture
    def sample(self, tmp_path):
        frames = np.arange(60, dtype="u4").reshape(3, 4, 5)
        return Sample(
            write_sample(tmp_path / "run.h5", frames),
            sizes={"frame": 3, "y": 4, "x": 5},
            sums={"counts": frames.sum()},
            metadata={"wavelength_angstrom": 1.24, "distance_m": 2.5, "exposure_s": None},
        )
''')


class ScaffoldError(AdapterError):
    """A package cannot be started there or by that name."""


def scaffold(name: str, folder: Path) -> list[Path]:
    """Write an installable package with the adapter `name` into a new folder of `folder`.

    Raises
    ------
    ScaffoldError
        The name cannot be one, or the package is there already.
    """
    if not NAME.match(name) or keyword.iskeyword(name):
        raise ScaffoldError(f"{name!r} cannot name an adapter: use small letters, digits and _")
    project, package = f"halos-{name.replace('_', '-')}", f"halos_{name}"
    home = folder / project
    if home.exists():
        raise ScaffoldError(f"{home} is there already; nothing was written")
    title = "".join(part.capitalize() for part in name.split("_"))
    words = {
        "name": name,
        "project": project,
        "package": package,
        "constant": name.upper(),
        "title": title,
    }
    texts = {
        home / "pyproject.toml": PROJECT,
        home / "README.md": README,
        home / package / "__init__.py": ADAPTER,
        home / "tests" / f"test_{name}.py": TESTS,
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.substitute(words), encoding="utf-8")
    return list(texts)
