"""Do a reduction again from its manifest, and compare what comes out with what was kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from adapters.model import Manifest
from adapters.stores.errors import ProductError
from adapters.stores.products import sha256, verified
from flows.ledger.database import kept_apart
from flows.recipe import reductions

Verdict = Literal["equal", "within tolerance", "different"]


@dataclass(frozen=True)
class Comparison:
    """The verdict on a replay, and why: each reason is one sentence."""

    verdict: Verdict
    reasons: tuple[str, ...]
    largest_relative_difference: float


def replay(folder: Path, scratch: Path, tolerance: float = 1e-6) -> Comparison:
    """Reduce again what `folder` holds, into `scratch`, and compare.

    Raises
    ------
    ProductError
        If the product is damaged, or an input is gone or was altered since.
    """
    manifest = verified(folder)
    _inputs_unaltered(folder, manifest)
    asked = manifest.details.get("asked")
    if not asked or asked["reduction"] not in reductions():
        raise ProductError(folder, "its manifest does not say how to ask for it again")
    reduction = reductions()[asked["reduction"]]
    with kept_apart():
        answer = reduction.flow.fn(  # type: ignore[attr-defined]
            [Path(path) for path in asked["sample"]],
            parameters=reduction.parameters.model_validate(asked["parameters"]),
            results=scratch,
            recipe=manifest.recipe,
        )
    return compared(folder / manifest.product, Path(answer["product"]), manifest, answer["key"], tolerance)


def _inputs_unaltered(folder: Path, manifest: Manifest) -> None:
    for each in manifest.inputs:
        path = Path(each.path)
        if not path.is_file():
            raise ProductError(folder, f"its input {path} is gone")
        if sha256(path) != each.sha256:
            raise ProductError(folder, f"its input {path} was altered since")


def compared(kept: Path, made: Path, manifest: Manifest, key: str, tolerance: float) -> Comparison:
    """Compare two products number by number."""
    reasons = [] if key == manifest.key else ["the code or a reader changed since, so the key is another"]
    first, second = numbers(kept), numbers(made)
    for name in sorted(first.keys() ^ second.keys()):
        reasons.append(f"{name} is only in the {'kept' if name in first else 'new'} product")
    largest = 0.0
    for name in sorted(first.keys() & second.keys()):
        off = _difference(first[name], second[name])
        largest = max(largest, off)
        if off > tolerance:
            reasons.append(f"{name} differs by {off:.2g} of its largest value")
    if first.keys() != second.keys() or largest > tolerance:
        return Comparison("different", tuple(reasons), largest)
    return Comparison("equal" if largest == 0.0 else "within tolerance", tuple(reasons), largest)


def numbers(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every numeric dataset of an HDF5 file by its name."""
    found: dict[str, np.ndarray[Any, Any]] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iufb":
            found[name] = np.asarray(item[()], float)

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return found


def _difference(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    if first.shape != second.shape or not np.array_equal(np.isnan(first), np.isnan(second)):
        return float("inf")
    scale = float(np.nanmax(np.abs(first), initial=0.0)) or 1.0
    return float(np.nanmax(np.abs(first - second), initial=0.0)) / scale
