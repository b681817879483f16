"""What was asked for, told apart by content: inputs, readers, parameters and code make the key."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from adapters.model import Input, Measurement
from adapters.stores.products import sha256

# A change in any of these rooms may change a number; the front door may not.
CODE = ("adapters", "tasks", "flows")
LIBRARIES = ("numpy", "scipy", "numba", "pyFAI", "h5py", "hdf5plugin", "fabio", "dask", "xarray")
# Within this time two states of a file can bear the same time of change.
SETTLED_S = 5.0


@dataclass(frozen=True)
class Order:
    """A reduction asked for: `key` is the same wherever and whenever the same thing is asked.

    `asked` is how it was asked for, with paths, so that it can be asked for again; it is
    not part of the key.
    """

    recipe: str
    technique: str
    inputs: tuple[Input, ...]
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    key: str
    asked: Mapping[str, Any]

    @property
    def input_paths(self) -> tuple[Path, ...]:
        """Every file that goes in."""
        return tuple(Path(each.path) for each in self.inputs)


def place(
    recipe: str,
    technique: str,
    inputs: Iterable[Input],
    parameters: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> Order:
    """An order with its key: content hashes in role order, readers, parameters and code."""
    inputs = tuple(inputs)
    versions = {"halos": halos_version(), "code": code_fingerprint(), **_libraries()}
    said = {
        "recipe": recipe,
        "inputs": [[each.role, each.sha256, each.adapter] for each in inputs],
        "parameters": parameters,
        "code": versions["code"],
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
    key = hashlib.sha256(text.encode()).hexdigest()
    return Order(recipe, technique, inputs, parameters, versions, key, asked)


def request(reduction: str, sample: Sequence[Path], parameters: BaseModel) -> dict[str, Any]:
    """How a reduction is asked for, with absolute paths: enough to ask for it again."""
    return {
        "reduction": reduction,
        "sample": [str(path.resolve()) for path in sample],
        "parameters": _absolute(parameters.model_dump()),
    }


def _absolute(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, Mapping):
        return {str(name): _absolute(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_absolute(each) for each in value]
    return value


def inputs_of(role: str, runs: Iterable[Measurement]) -> list[Input]:
    """Every file of the runs, hashed, with the reader that opened it and its version."""
    return [
        _input(role, path, f"{run.provenance.adapter} {run.provenance.adapter_version}")
        for run in runs
        for path in run.provenance.all_files
        # A run that is a folder names the files within it that matter.
        if not path.is_dir()
    ]


def input_of(role: str, path: Path) -> Input:
    """A single file that is no run, such as a geometry or a mask."""
    return _input(role, path, "file")


def _input(role: str, path: Path, adapter: str) -> Input:
    return Input(role, str(path.resolve()), _hash_of(path), path.stat().st_size, adapter)


def _hash_of(path: Path) -> str:
    """Hash of a file; one that did not change since it was hashed here is not read again."""
    said = path.stat()
    if time.time() - said.st_mtime < SETTLED_S:
        return sha256(path)
    return _hashed(path.resolve(), said.st_ino, said.st_size, said.st_mtime_ns)


@lru_cache(maxsize=65536)
def _hashed(path: Path, *_: int) -> str:
    return sha256(path)


@cache
def code_fingerprint() -> str:
    """Hash over the source of all rooms whose change may change a number."""
    digest = hashlib.sha256()
    for room in CODE:
        root = Path(str(files(room)))
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def halos_version() -> str:
    """The installed version of HALOS."""
    return version("halos")


@cache
def _libraries() -> dict[str, str]:
    return {name: found for name in LIBRARIES if (found := _version_of(name)) is not None}


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
