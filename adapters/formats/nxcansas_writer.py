"""NXcanSAS written: the product of a small angle reduction, with its further tables and its process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import LayoutError, UnitError
from adapters.formats.cansas_unit import LEGAL_INTENSITY, SPELLINGS
from adapters.model import TECHNIQUES, Metadata

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1.1"
DEFINITIONS = "2026.01"
CURVE = "sasdata"
RADIATION = {"saxs": "x-ray", "waxs": "x-ray", "sans": "neutron"}
SHORT = {unit: spelled for spelled, unit in SPELLINGS.items() if spelled in LEGAL_INTENSITY}
# Group, field of the metadata, name in the file, unit.
NUMBERS = (
    ("sassource", "wavelength_angstrom", "incident_wavelength", "angstrom"),
    ("sasdetector", "distance_m", "SDD", "m"),
    ("sasdetector", "beam_center_x_px", "beam_center_x", "pixel"),
    ("sasdetector", "beam_center_y_px", "beam_center_y", "pixel"),
    ("sasdetector", "pixel_size_x_m", "x_pixel_size", "m"),
    ("sasdetector", "pixel_size_y_m", "y_pixel_size", "m"),
    ("sasdetector", "exposure_s", "count_time", "s"),
    ("sassample", "thickness_m", "thickness", "m"),
    ("sassample", "transmission", "transmission", "dimensionless"),
    ("sassample", "temperature_k", "temperature", "K"),
    ("sassample", "concentration_mg_ml", "concentration", "mg/ml"),
)


@dataclass(frozen=True)
class NxCanSas:
    """What goes into one file.

    `curve` has `intensity` over q (a `frame` of one is dropped), with `intensity_errors`
    and `q_resolution` where known. `others` are further datasets over one axis, each
    variable with its unit and, as `<name>_errors`, its uncertainty; the first variable
    is the one to plot. `process` holds notes and parameters, anything JSON can hold.
    """

    title: str
    run: str
    curve: xr.Dataset
    metadata: Metadata
    sample_name: str | None = None
    process: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, xr.Dataset] = field(default_factory=dict)
    created: datetime | None = None


def write(path: Path, product: NxCanSas) -> None:
    """Write `product`; the file must not exist yet, so that nothing is overwritten."""
    path = Path(path)
    try:
        file = h5py.File(path, "x")
    except OSError as error:
        raise LayoutError(path, f"cannot be created ({error})") from error
    with file:
        file.attrs.update(default="sasentry", creator="halos", NeXus_release=DEFINITIONS, file_name=path.name)
        file.attrs["HDF5_Version"] = h5py.version.hdf5_version
        if product.created is not None:
            file.attrs["file_time"] = product.created.isoformat()
        entry = _group(file, "sasentry", "NXentry", "SASentry", version=VERSION, default=CURVE)
        entry["definition"] = "NXcanSAS"
        entry["title"], entry["run"] = product.title, product.run
        _write_curve(path, entry, CURVE, product.curve)
        for name, table in product.others.items():
            if "intensity" in table and "q" in table.coords:
                _write_curve(path, entry, name, table)
            else:
                _write_table(path, entry, name, table)
        _write_metadata(entry, product)
        _write_process(entry, product)


def _group(parent: h5py.Group, name: str, nexus: str, cansas: str = "", **attrs: Any) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus
    if cansas:
        group.attrs["canSAS_class"] = cansas
    group.attrs.update(attrs)
    return group


def _field(group: h5py.Group, name: str, values: Any, unit: str, **attrs: Any) -> None:
    dataset = group.create_dataset(name, data=values)
    dataset.attrs["units"] = unit
    dataset.attrs.update(attrs)


def _write_curve(path: Path, entry: h5py.Group, name: str, curve: xr.Dataset) -> None:
    curve = curve.squeeze("frame", drop=True) if "frame" in curve.dims else curve
    if curve["intensity"].dims != ("q",):
        raise LayoutError(path, f"{name} has the dims {curve['intensity'].dims}, not one curve over q")
    unit = _legal(path, str(curve["intensity"].attrs.get("units", "")))
    q_unit = str(curve["q"].attrs.get("units", ""))
    if q_unit not in ("1/angstrom", "1/nm", "1/m"):
        raise UnitError(path, f"q of {name} is in {q_unit!r}, which NXcanSAS does not allow")
    group = _group(entry, name, "NXdata", "SASdata", signal="I", I_axes="Q", Q_indices=[0], axes=["Q"])
    has_errors, has_resolution = "intensity_errors" in curve, "q_resolution" in curve
    _field(group, "Q", curve["q"].values, q_unit, **({"resolutions": "Qdev"} if has_resolution else {}))
    _field(group, "I", curve["intensity"].values, unit, **({"uncertainties": "Idev"} if has_errors else {}))
    if has_errors:
        _field(group, "Idev", curve["intensity_errors"].values, unit)
    if has_resolution:
        _field(group, "Qdev", curve["q_resolution"].values, q_unit)
    for key in curve.data_vars.keys() - {"intensity", "intensity_errors", "q_resolution"}:
        # What stands beside the curve, such as its fit: not canSAS, but part of the answer.
        _field(group, str(key), curve[key].values, str(curve[key].attrs["units"]))


def _legal(path: Path, unit: str) -> str:
    spelled = SHORT.get(unit, unit)
    if spelled not in LEGAL_INTENSITY:
        allowed = ", ".join(LEGAL_INTENSITY)
        raise UnitError(path, f"intensity is in {unit!r}, but NXcanSAS allows only {allowed}")
    return spelled


def _write_table(path: Path, entry: h5py.Group, name: str, table: xr.Dataset) -> None:
    signals = [str(key) for key in table.data_vars]
    if not signals:
        raise LayoutError(path, f"{name} holds no variables")
    axes = [str(dim) for dim in table[signals[0]].dims]
    group = _group(entry, name, "NXdata", signal=signals[0], axes=axes)
    for key, variable in table.variables.items():
        if "units" not in variable.attrs:
            raise UnitError(path, f"{key} of {name} has no unit")
        _field(group, str(key), variable.values, str(variable.attrs["units"]))
        places = [axes.index(str(dim)) for dim in variable.dims if str(dim) in axes]
        group.attrs[f"{key}_indices"] = places
    auxiliary = [key for key in signals[1:] if not key.endswith("_errors")]
    if auxiliary:
        group.attrs["auxiliary_signals"] = auxiliary


def _write_metadata(entry: h5py.Group, product: NxCanSas) -> None:
    said = product.metadata
    instrument = _group(entry, "sasinstrument", "NXinstrument", "SASinstrument")
    if said.instrument:
        instrument["name"] = said.instrument
    source = _group(instrument, "sassource", "NXsource", "SASsource")
    if said.technique in RADIATION:
        source["radiation"] = RADIATION[said.technique]
    groups = {"sassource": source}
    groups["sasdetector"] = _group(instrument, "sasdetector", "NXdetector", "SASdetector")
    groups["sasdetector"]["name"] = said.instrument or "unknown"
    groups["sassample"] = _group(entry, "sassample", "NXsample", "SASsample")
    groups["sassample"]["name"] = product.sample_name or said.sample_name or ""
    for group, name, key, unit in NUMBERS:
        value = getattr(said, name)
        if value is not None:
            _field(groups[group], key, float(value), unit)
    entry["technique"] = said.technique
    technique = TECHNIQUES[said.technique]
    if technique.iri:
        entry["technique"].attrs["identifier"] = technique.iri
    if said.facility:
        entry["facility"] = said.facility


def _write_process(entry: h5py.Group, product: NxCanSas) -> None:
    process = _group(entry, "sasprocess", "NXprocess", "SASprocess")
    process["name"] = process["program"] = "halos"
    if product.created is not None:
        process["date"] = product.created.isoformat()
    parameters = _group(process, "parameters", "NXparameters")
    for key, value in product.process.items():
        if isinstance(value, (bool, int, float, str, np.generic)):
            parameters[key] = value
        else:
            parameters[key] = json.dumps(value)
            parameters[key].attrs["encoding"] = "json"
