"""A labelled dataset as an HDF5 group and back: NXdata with units, dims by name, errors beside values."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import xarray as xr

from adapters.errors import LayoutError

PLAIN = (str, int, float, bool, np.integer, np.floating, np.bool_)


def write_group(group: h5py.Group, data: xr.Dataset, signal: str | None = None) -> None:
    """Write every variable of `data` with its dims and attributes; `signal` is the one to plot."""
    group.attrs["NX_class"] = "NXdata"
    if signal is not None:
        group.attrs["signal"] = signal
        group.attrs["axes"] = [dim if dim in data.coords else "." for dim in map(str, data[signal].dims)]
    for name, variable in data.variables.items():
        values = variable.values
        worded = values.dtype.kind in "UO"
        kind: Any = h5py.string_dtype() if worded else values.dtype
        # HDF5 takes words as objects, not in numpy's own type of fixed width.
        stored = group.create_dataset(str(name), data=values.astype(object) if worded else values, dtype=kind)
        stored.attrs["dims"] = [str(dim) for dim in variable.dims]
        for key, value in variable.attrs.items():
            if isinstance(value, PLAIN):
                stored.attrs[str(key)] = value
    # JSON keeps text, numbers and truth apart, which attributes of HDF5 do not.
    group.attrs["about"] = json.dumps({str(key): _plain(value) for key, value in data.attrs.items()})
    group.attrs["coordinates"] = [str(name) for name in data.coords]


def read_group(group: h5py.Group) -> xr.Dataset:
    """The inverse of :func:`write_group`; arrays are read now."""
    if "coordinates" not in group.attrs:
        raise LayoutError(group.file.filename, f"{group.name} holds no labelled dataset")
    coordinates = set(_words(group.attrs["coordinates"]))
    variables: dict[str, xr.Variable] = {}
    for name, stored in group.items():
        if not isinstance(stored, h5py.Dataset):
            continue
        attrs = {key: value for key, value in stored.attrs.items() if key != "dims"}
        values = stored.asstr()[()] if h5py.check_string_dtype(stored.dtype) else stored[()]
        variables[name] = xr.Variable(_words(stored.attrs["dims"]), values, attrs)
    return xr.Dataset(
        {name: each for name, each in variables.items() if name not in coordinates},
        coords={name: each for name, each in variables.items() if name in coordinates},
        attrs=json.loads(group.attrs["about"]),
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _words(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in np.atleast_1d(values)]
