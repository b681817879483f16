"""Curves and maps that scipp stored in its own HDF5 form, as the reduction software of ESS leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
MARK = "scipp-type"
Floats = np.ndarray[Any, np.dtype[np.float64]]
MOST_VALUES = 100_000_000


@dataclass(frozen=True, slots=True)
class ScippHdf5:
    """A reader of one data array over Q, or over Qy and Qx; edges become the middles of their bins."""

    name: str = "scipp_hdf5"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by scipp's mark on a data array."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                is_array = MARK in file.attrs and hdf5.text(file.attrs[MARK]) == "DataArray"
                return Confidence.CONTENT if is_array else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it can be read."""
        whole = hdf5.check(path)
        if whole != Readiness.ready():
            return whole
        try:
            self.open(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return whole

    def open(self, path: Path) -> Measurement:
        """The array as a curve or a map; other coordinates, such as the wavelengths in it, go to raw."""
        import xarray as xr

        with hdf5.opened(path) as file:
            stored = hdf5.require(file, "data/values")
            dims = [hdf5.text(dim) for dim in np.atleast_1d(stored.attrs["dims"])]
            if dims not in (["Q"], ["Qy", "Qx"]) or stored.size > MOST_VALUES:
                raise LayoutError(path, f"an array over {', '.join(dims)} is no scattering curve or map")
            values, unit = _values(stored), unit_of(stored)
            variances = file.get("data/variances")
            if isinstance(variances, h5py.Dataset) and variances.shape != values.shape:
                raise LayoutError(path, f"variances are {variances.shape}, values {values.shape}")
            errors = np.sqrt(_values(variances)) if isinstance(variances, h5py.Dataset) else None
            coords = {name: (each, unit_of(each)) for name, each in _coordinates(file).items()}
            axes = {
                dim.lower(): (
                    dim.lower(),
                    _inverse_angstrom(path, *coords[dim], size),
                    {"units": "1/angstrom"},
                )
                for dim, size in zip(dims, values.shape, strict=True)
                if dim in coords
            }
            if len(axes) != len(dims):
                raise LayoutError(path, f"it lacks a coordinate of {', '.join(dims)}")
            raw = {
                name: [*np.ravel(_values(each)).tolist()[:1000], told]
                for name, (each, told) in coords.items()
                if name not in dims and each.dtype.kind in "iuf" and each.size <= 1000
            }
        names = ["q"] if dims == ["Q"] else ["qy", "qx"]
        form, lead = (["frame", "q"], values[None]) if names == ["q"] else (names, values)
        data = {"intensity": (form, lead, {"units": unit})}
        if errors is not None:
            data["intensity_errors"] = (form, errors.reshape(lead.shape), {"units": unit})
        metadata = Metadata(technique="curve", raw=raw)
        return Measurement(xr.Dataset(data, axes), metadata, Provenance(str(path), self.name, VERSION))


def _values(stored: h5py.Dataset) -> Floats:
    if stored.dtype.kind not in "iuf":
        raise LayoutError(stored.file.filename, f"{stored.name} holds no numbers")
    return np.asarray(stored[()], float)


def _coordinates(file: h5py.File) -> dict[str, h5py.Dataset]:
    group = file.get("coords")
    if not isinstance(group, h5py.Group):
        return {}
    return {
        hdf5.text(each.attrs.get("name", key)): hdf5.require(each, "values")
        for key, each in group.items()
        if isinstance(each, h5py.Group)
    }


def unit_of(stored: h5py.Dataset) -> str:
    """The unit as a text: scipp stores a factor and powers of SI base units."""
    said: Any = stored.attrs.get("unit")
    names = getattr(getattr(said, "dtype", None), "names", None) or ()
    if "multiplier" not in names:
        return "dimensionless"
    powers: Any = said["powers"] if "powers" in names else None
    base = "*".join(
        f"{name}**{int(powers[name])}"
        for name in (powers.dtype.names if powers is not None else ())
        if powers[name]
    )
    factor = float(said["multiplier"])
    return (base or "dimensionless") if factor == 1 else f"{factor:g}*{base or 'dimensionless'}"


def _inverse_angstrom(path: Path, stored: h5py.Dataset, unit: str, size: int) -> Floats:
    from adapters.model import convert

    factor, _, base = unit.rpartition("*m**-1")
    if unit != "m**-1" and (base or not factor):
        raise LayoutError(path, f"{stored.name} is in {unit}, not an inverse length")
    values = _values(stored) * convert(float(factor or 1), "1/m", "1/angstrom")
    if values.ndim != 1 or values.size not in (size, size + 1):
        raise LayoutError(path, f"{stored.name} has {values.shape} values for {size} bins")
    return values if values.size == size else 0.5 * (values[1:] + values[:-1])


SCIPP_HDF5 = ScippHdf5()
