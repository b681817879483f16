"""How patterns of a run lie on its scan, and what a pixel of them spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.stem.errors import PatternError
from tasks.stem.parameters import PatternParameters

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """Rows and columns, and the steps (angstrom) between them where they are known."""

    rows: int
    columns: int
    steps: tuple[float, float] | None
    flags: tuple[Flag, ...] = ()

    def image(self, values: Floats) -> Floats:
        """Values (n, ...) of all points as rows and columns."""
        return values.reshape(self.rows, self.columns, *values.shape[1:])

    def coords(self) -> dict[str, Any]:
        """Places of rows and columns: in angstrom, or counted where no step is known."""
        unit = {"units": "dimensionless" if self.steps is None else "angstrom"}
        steps = self.steps or (1.0, 1.0)
        sizes = (self.rows, self.columns)
        return {
            name: (name, step * np.arange(size), unit)
            for name, step, size in zip(("row", "column"), steps, sizes, strict=True)
        }


def scan_of(run: Measurement, parameters: PatternParameters) -> Scan:
    """The scan as given, else as the file says it, else an error that names the parameter."""
    count = run.data.sizes["frame"]
    stated = None if "scan_shape" not in run.data else run.data["scan_shape"].values.astype(int)
    rows, columns = parameters.scan_rows, parameters.scan_columns
    flags: tuple[Flag, ...] = ()
    if rows is None and columns is None:
        if stated is None:
            raise MissingMetadataError(
                f"how its {count} patterns lie on the scan", run.provenance.path, "patterns.scan_columns"
            )
        rows, columns = int(stated[0]), int(stated[1])
    else:
        columns = columns or count // max(rows or 1, 1)
        rows = rows or count // max(columns, 1)
        if stated is not None and (rows, columns) != tuple(stated.tolist()):
            told = (
                f"the file says a scan of {stated[0]} x {stated[1]}; {rows} x {columns} is used as you said"
            )
            flags = (Flag.caution("header_overridden", told),)
    if rows * columns != count:
        raise PatternError(
            f"{run.provenance.path} has {count} patterns, which are not {rows} x {columns}",
            "Give scan_rows and scan_columns of the whole scan",
        )
    steps = None if "scan_step" not in run.data else run.data["scan_step"].values
    return Scan(rows, columns, None if steps is None else (float(steps[0]), float(steps[1])), flags)


@dataclass(frozen=True)
class Pixel:
    """What a pixel of a pattern spans, and in which unit: mrad or 1/angstrom."""

    step: float
    unit: str


def pixel_of(run: Measurement, parameters: PatternParameters) -> tuple[Pixel | None, tuple[Flag, ...]]:
    """The pixel as given, else as the file says it; None where neither does."""
    stated = None
    if "pattern_step" in run.data:
        step, unit = float(run.data["pattern_step"].values[0]), run.data["pattern_step"].attrs["units"]
        stated = Pixel(1e3 * step, "mrad") if unit == "rad" else Pixel(step, "1/angstrom")
    if parameters.mrad_per_px is None:
        return stated, ()
    given = Pixel(parameters.mrad_per_px, "mrad")
    if stated is None or (stated.unit == "mrad" and abs(stated.step - given.step) < 0.005 * given.step):
        return given, ()
    told = f"the file says {stated.step:.4g} {stated.unit} a pixel; {given.step:g} mrad is used as you said"
    return given, (Flag.caution("header_overridden", told),)
