"""Columns of a scattering curve as a labelled dataset, with all that is odd about them flagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import LayoutError
from adapters.formats.q_unit import CANONICAL, Settled
from adapters.formats.text import Floats, impersonal
from adapters.model import Flag, Measurement, Metadata, Provenance, merged

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"


@dataclass(frozen=True)
class Columns:
    """q (n,) with intensity and errors (n,) or (frames, n), as the file holds them."""

    q: Floats
    intensity: Floats
    errors: Floats | None = None
    resolution: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "intensity", np.atleast_2d(self.intensity))
        if self.errors is not None:
            object.__setattr__(self, "errors", np.atleast_2d(self.errors))


@dataclass(frozen=True)
class Read:
    """What a reader found out about a curve beside its columns."""

    technique: str = "curve"
    facility: str | None = None
    instrument: str | None = None
    intensity_unit: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()


def measurement(path: Path, adapter: str, columns: Columns, unit: Settled, read: Read) -> Measurement:
    """The measurement of a curve, q in 1/angstrom whatever the file's unit."""
    if columns.q.size == 0:
        raise LayoutError(path, "it holds no points")
    intensity_unit, unit_flags = stated_or_arbitrary(read.intensity_unit)
    data, data_flags = dataset(columns, unit, intensity_unit)
    raw = {"q_unit": unit.unit, "q_unit_because": unit.because, **impersonal(read.raw)}
    metadata = Metadata(
        technique=read.technique,
        facility=read.facility,
        instrument=read.instrument,
        raw=raw,
        **read.fields,
    )
    flags = merged(unit.flags, unit_flags, read.flags, data_flags)
    return Measurement(data, metadata, Provenance(str(path), adapter, VERSION), flags)


def stated_or_arbitrary(unit: str | None) -> tuple[str, tuple[Flag, ...]]:
    """The intensity's unit; `arbitrary`, and flagged, where the file states none."""
    if unit is not None:
        return unit, ()
    said = "the file does not state the unit of its intensity; it is taken as an arbitrary scale"
    return "arbitrary", (Flag.info("intensity_unit_unstated", said),)


def dataset(columns: Columns, unit: Settled, intensity_unit: str) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """Columns as variables over (frame, q), and flags for every value that is not as it should be."""
    import xarray as xr

    intensity, intensity_flags = _finite(columns.intensity, "intensity")
    variables: dict[str, Any] = {"intensity": (("frame", "q"), intensity, {"units": intensity_unit})}
    errors, error_flags = _positive(columns.errors)
    if errors is not None:
        variables["intensity_errors"] = (("frame", "q"), errors, {"units": intensity_unit})
    if columns.resolution is not None:
        resolution = unit.to_inverse_angstrom(columns.resolution)
        variables["q_resolution"] = (("q",), resolution, {"units": CANONICAL})
    q = ("q", unit.to_inverse_angstrom(columns.q), {"units": CANONICAL})
    found = xr.Dataset(variables, coords={"q": q})
    return found, (*_axis_flags(columns.q), *intensity_flags, *error_flags)


def _finite(values: Floats, what: str) -> tuple[Floats, tuple[Flag, ...]]:
    bad = ~np.isfinite(values)
    if not bad.any():
        return values, ()
    said = f"{int(bad.sum())} of {values.size} values of {what} are not finite; they stand as NaN"
    return np.where(bad, np.nan, values), (Flag.caution(f"{what}_not_finite", said),)


def _positive(errors: Floats | None) -> tuple[Floats | None, tuple[Flag, ...]]:
    if errors is None:
        said = "the file holds no uncertainties of its intensity"
        return None, (Flag.caution("no_uncertainties", said),)
    bad = ~(np.isfinite(errors) & (errors > 0))
    if not bad.any():
        return errors, ()
    said = f"{int(bad.sum())} of {errors.size} errors are zero, negative or not finite; they stand as NaN"
    return np.where(bad, np.nan, errors), (Flag.caution("errors_not_positive", said),)


def _axis_flags(q: Floats) -> tuple[Flag, ...]:
    steps = np.diff(q)
    counts = {
        "q_not_finite": (int((~np.isfinite(q)).sum()), "values of q are not finite"),
        "q_not_positive": (int((q <= 0).sum()), "values of q are zero or negative"),
        "q_not_increasing": (int((steps < 0).sum()), "steps of q go down; the order of the file is kept"),
        "q_duplicate": (int(q.size - np.unique(q).size), "values of q stand more than once; all are kept"),
    }
    return tuple(Flag.caution(code, f"{count} {said}") for code, (count, said) in counts.items() if count)
