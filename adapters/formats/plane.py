"""Intensity over a plane of qx and qy as a labelled dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import LayoutError
from adapters.formats.curve import VERSION, Read, stated_or_arbitrary
from adapters.formats.q_unit import CANONICAL, Settled
from adapters.formats.text import Floats, impersonal
from adapters.model import Flag, Measurement, Metadata, Provenance, merged

# Axes are printed with few digits; a grid is regular if its lines meet within this part of a step.
GRID_TOLERANCE = 0.1


def measurement(
    path: Path,
    adapter: str,
    axes: tuple[Floats, Floats],
    values: tuple[Floats, Floats | None],
    unit: Settled,
    read: Read,
) -> Measurement:
    """A map of `values` (intensity, errors), each (y, x), over the `axes` (qx, qy)."""
    import xarray as xr

    qx, qy = (unit.to_inverse_angstrom(axis) for axis in axes)
    intensity, errors = values
    intensity_unit, unit_flags = stated_or_arbitrary(read.intensity_unit)
    attrs = {"units": intensity_unit}
    variables: dict[str, Any] = {"intensity": (("qy", "qx"), intensity, attrs)}
    flags: list[Flag] = []
    if errors is None:
        flags.append(Flag.caution("no_uncertainties", "the file holds no uncertainties of its intensity"))
    else:
        bad = ~(np.isfinite(errors) & (errors > 0))
        if bad.any():
            said = f"{int(bad.sum())} of {errors.size} errors are not positive numbers; they stand as NaN"
            flags.append(Flag.caution("errors_not_positive", said))
        variables["intensity_errors"] = (("qy", "qx"), np.where(bad, np.nan, errors), attrs)
    coords = {"qx": ("qx", qx, {"units": CANONICAL}), "qy": ("qy", qy, {"units": CANONICAL})}
    raw = {"q_unit": unit.unit, "q_unit_because": unit.because, **impersonal(read.raw)}
    metadata = Metadata(
        technique=read.technique, facility=read.facility, instrument=read.instrument, raw=raw, **read.fields
    )
    return Measurement(
        xr.Dataset(variables, coords=coords),
        metadata,
        Provenance(str(path), adapter, VERSION),
        merged(unit.flags, unit_flags, read.flags, flags),
    )


def grid_axes(path: Path, qx: Floats, qy: Floats) -> tuple[Floats, Floats]:
    """The axes (x,) and (y,) of maps (y, x) of qx and qy that lie on a regular grid."""
    across, down = qx[0, :], qy[:, 0]
    if not (_meets(qx, across[None, :]) and _meets(qy, down[:, None])):
        raise LayoutError(path, "its qx and qy are not on a regular grid")
    return across, down


def _meets(values: Floats, axis: Floats) -> bool:
    steps = np.abs(np.diff(axis.ravel()))
    step = float(np.median(steps)) if steps.size else 0.0
    return step > 0 and bool(np.max(np.abs(values - axis)) <= GRID_TOLERANCE * step)


def gridded(path: Path, qx: Floats) -> tuple[int, int]:
    """Rows and columns of points (n,) that run through a regular grid, qx fastest."""
    turns = np.flatnonzero(np.diff(qx) < 0)
    columns = int(turns[0]) + 1 if turns.size else qx.size
    if columns < 2 or columns == qx.size or qx.size % columns:
        raise LayoutError(path, "its points are not on a regular grid")
    return qx.size // columns, columns
