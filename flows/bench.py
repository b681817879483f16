"""The private folder a product is built in: steps leave labelled data there and hand on the name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import xarray as xr

from adapters.formats.labelled import read_group, write_group
from adapters.model import Finding, Flag

NOTES = "notes"


@dataclass(frozen=True)
class Leaf:
    """What a step left: data, what it found, what must be said, and a few plain facts."""

    data: xr.Dataset
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()
    facts: dict[str, Any] | None = None

    def fact(self, name: str) -> Any:
        """A plain fact by its name, None where there is none."""
        return (self.facts or {}).get(name)


def leave(bench: Path, name: str, leaf: Leaf) -> str:
    """Store a leaf under `name` and return the name; a step done again replaces its leaf whole."""
    target = work_folder(bench) / f"{name}.h5"
    fresh = target.with_suffix(".part")
    with h5py.File(fresh, "w") as file:
        write_group(file.create_group("data"), leaf.data)
        file.attrs[NOTES] = json.dumps(
            {
                "findings": [each.to_json() for each in leaf.findings],
                "flags": [each.to_json() for each in leaf.flags],
                "facts": leaf.facts or {},
            }
        )
    fresh.rename(target)
    return name


def take(bench: Path, name: str) -> Leaf:
    """The leaf that a step left under `name`."""
    with h5py.File(work_folder(bench) / f"{name}.h5", "r") as file:
        notes = json.loads(file.attrs[NOTES])
        return Leaf(
            data=read_group(file["data"]),
            findings=tuple(Finding.from_json(each) for each in notes["findings"]),
            flags=tuple(Flag.from_json(each) for each in notes["flags"]),
            facts=notes["facts"],
        )


def work_folder(bench: Path) -> Path:
    """Where leaves lie: beside the product's files, so that they are not committed with it."""
    folder = bench.with_name(f"{bench.name}.work")
    folder.mkdir(exist_ok=True)
    return folder


def left(bench: Path, name: str) -> bool:
    """Whether a step left something under `name`."""
    return (work_folder(bench) / f"{name}.h5").exists()


@contextmanager
def worked_beside(bench: Path) -> Iterator[None]:
    """Leaves may lie beside `bench` inside; they are gone afterwards."""
    try:
        yield
    finally:
        shutil.rmtree(work_folder(bench), ignore_errors=True)
