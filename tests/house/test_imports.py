"""The rooms import as they should, and the front door opens quickly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 0.3
TIMED = """
import json, sys, time
began = time.perf_counter()
import halos
took = time.perf_counter() - began
print(json.dumps({"seconds": took, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
HELPED = """
import sys
from halos.commands import main
try:
    main(["--help"])
except SystemExit:
    pass
sys.stderr.write(" ".join(sys.modules))
"""
HEAVY = {"prefect", "dask", "distributed", "matplotlib", "xarray", "numba", "pyFAI", "h5py"}


def test_the_rooms_keep_their_import_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)

    assert cli.lint_imports(no_cache=True) == 0


def test_importing_halos_is_quick() -> None:
    # The best of three, since a busy machine says nothing about us.
    best = min(_imported()["seconds"] for _ in range(3))

    assert best < SECONDS


def test_importing_halos_pulls_in_nothing_heavy() -> None:
    assert HEAVY & set(_imported()["modules"]) == set()


def test_asking_for_help_pulls_in_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELPED], capture_output=True, text=True, check=True)

    assert "reduce" in done.stdout
    assert HEAVY & {name.partition(".")[0] for name in done.stderr.split()} == set()


def test_every_name_at_the_front_door_is_there() -> None:
    import halos

    assert [name for name in halos.__all__ if not hasattr(halos, name)] == []


def _imported() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found
