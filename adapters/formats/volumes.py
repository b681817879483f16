"""Magnetic resonance images as one labelled stack of volumes, whatever file they are from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

UNITLESS = {"units": "dimensionless"}
# What may be said of each volume, with its unit: nothing else leaves a reader.
TIMING = {
    "echo_time": "s",
    "repetition_time": "s",
    "inversion_time": "s",
    "flip_angle": "degree",
    "b_value": "s/mm**2",
}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def stacked(
    signal: Any,
    affine: Any,
    timing: Mapping[str, Any],
    directions: Any = None,
    field_t: float | None = None,
) -> xr.Dataset:
    """A dataset of `signal` (volume, z, y, x) and what is known of each volume.

    `affine` (4, 4) takes the place (x, y, z, 1) of a voxel to mm, x to the right of the
    patient, y to the front, z to the head. What `timing` does not say is left out.
    """
    import xarray as xr

    count = signal.shape[0]
    data = xr.Dataset({"signal": (("volume", "z", "y", "x"), signal, {"units": "arbitrary"})})
    data["affine"] = (("to_axis", "axis"), np.asarray(affine, float), {"units": "mm"})
    for name, value in timing.items():
        if value is None:
            continue
        column = np.broadcast_to(np.asarray(value, float), (count,)).copy()
        if np.isfinite(column).all():
            data[name] = ("volume", column, {"units": TIMING[name]})
    if directions is not None:
        data["direction"] = (("volume", "space"), np.asarray(directions, float), UNITLESS)
    if field_t:
        data["field"] = ((), float(field_t), {"units": "T"})
    return data


def decays(fid: Any, dwell_s: float, frequency_mhz: float, **timing: float | None) -> xr.Dataset:
    """A dataset of decays (row, time) of one voxel; the carrier's place is not said by these files."""
    import xarray as xr

    data = xr.Dataset({"fid": (("row", "time"), fid, {"units": "arbitrary"})})
    data["time"] = ("time", np.arange(fid.shape[1]) * dwell_s, {"units": "s"})
    data["frequency"] = ((), frequency_mhz, {"units": "MHz"})
    for name, value in timing.items():
        if value is not None and np.isfinite(value):
            data[name] = ((), float(value), {"units": TIMING[name]})
    return data
