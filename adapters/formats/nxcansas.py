"""NXcanSAS: curves and maps that other programs and HALOS itself reduced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5, plane
from adapters.formats.cansas_unit import LEGAL_INTENSITY, SPELLINGS
from adapters.formats.cansas_xml import technique
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.nxcansas_writer import NxCanSas, write
from adapters.formats.q_unit import Evidence, Settled, TakesQUnit, settled
from adapters.formats.text import Floats
from adapters.model import TECHNIQUES, Flag, Measurement, Readiness, convert
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NXCANSAS", "NxCanSas", "NxCanSasReader", "groups", "read_group", "write"]

ENTRY, DATA = "SASentry", "SASdata"
# Field, where writers put it below the instrument or the sample, unit if none is stated, ours.
NUMBERS = (
    ("wavelength_angstrom", ("source/incident_wavelength", "source/wavelength"), "angstrom"),
    ("distance_m", ("detector/SDD",), "m"),
    ("beam_center_x_px", ("detector/beam_center_x",), "pixel"),
    ("beam_center_y_px", ("detector/beam_center_y",), "pixel"),
    ("pixel_size_x_m", ("detector/x_pixel_size",), "m"),
    ("pixel_size_y_m", ("detector/y_pixel_size",), "m"),
    ("exposure_s", ("detector/count_time",), "s"),
    ("thickness_m", ("sample/thickness",), "m"),
    ("transmission", ("sample/transmission",), "dimensionless"),
    ("temperature_k", ("sample/temperature",), "K"),
    ("concentration_mg_ml", ("sample/concentration",), "mg/ml"),
)
CLASSES = {"source": "SASsource", "detector": "SASdetector", "sample": "SASsample"}


@dataclass(frozen=True)
class NxCanSasReader(TakesQUnit):
    """A reader of NXcanSAS in one and two dimensions."""

    name: str = "nxcansas"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a SASentry, or an entry defined as NXcanSAS."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if any(_entries(file)) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the file opens, its links lead somewhere, and it holds data."""
        whole = hdf5.check(path)
        if whole != Readiness.ready():
            return whole
        try:
            with hdf5.opened(path) as file:
                _default_data(file)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return whole

    def open(self, path: Path) -> Measurement:
        """The default curve or map; others are named in a flag and given by `read_group`."""
        with hdf5.opened(path) as file:
            entry, data = _default_data(file)
            read = _read(file, entry, data)
            intensity = _values(hdf5.require(data, _signal(data)))
            errors = _uncertainty(data, _signal(data), "Idev")
            if "Qx" in data and "Qy" in data:
                unit = _settled(path, data["Qx"], self.q_unit)
                return _map(path, self.name, data, (intensity, errors), unit, read)
            unit = _settled(path, hdf5.require(data, "Q"), self.q_unit)
            return _curve(path, self.name, data, (intensity, errors), unit, read)


def _entries(file: h5py.File) -> Iterator[h5py.Group]:
    for name in file:
        item = file.get(name)
        if isinstance(item, h5py.Group):
            definition = hdf5.text(item["definition"]) if "definition" in item else ""
            if (_class(item) == ENTRY and _parts(item, DATA)) or definition.startswith("NXcanSAS"):
                yield item


def _class(item: Any) -> str:
    said = hdf5.text(item.attrs.get("canSAS_class", ""))
    # Drafts of the definition put the canSAS class where NeXus has its own.
    draft = hdf5.text(item.attrs.get("NX_class", ""))
    return said or (draft if draft.startswith("SAS") else "")


def _parts(group: h5py.Group, wanted: str) -> list[h5py.Group]:
    found = (group.get(name) for name in group)
    return [item for item in found if isinstance(item, h5py.Group) and _class(item) == wanted]


def _default_data(file: h5py.File) -> tuple[h5py.Group, h5py.Group]:
    entries = list(_entries(file))
    if not entries:
        raise LayoutError(file.filename, "there is no SASentry")
    entry = _named_default(file, entries) or entries[0]
    data = _parts(entry, DATA)
    if not data:
        raise LayoutError(file.filename, f"{entry.name} holds no SASdata")
    return entry, _named_default(entry, data) or data[0]


def _named_default(parent: h5py.Group, among: list[h5py.Group]) -> h5py.Group | None:
    wanted = hdf5.text(parent.attrs.get("default", ""))
    return next((each for each in among if each.name.rpartition("/")[2] == wanted), None)


def _signal(data: h5py.Group) -> str:
    return hdf5.text(data.attrs.get("signal", "I"))


def _values(dataset: h5py.Dataset) -> Floats:
    return np.asarray(dataset[()], np.float64)


def _uncertainty(data: h5py.Group, of: str, usual: str) -> Floats | None:
    attrs = data[of].attrs
    said = next(
        (attrs[key] for key in ("uncertainties", "uncertainty", "resolutions") if key in attrs), usual
    )
    name = hdf5.text(said)
    return _values(data[name]) if name in data else None


def _unit(dataset: h5py.Dataset) -> str | None:
    # Drafts of the definition spell the attribute in the singular.
    said = hdf5.text(dataset.attrs.get("units", dataset.attrs.get("unit", "")))
    return SPELLINGS.get(said.lower(), said) or None


def _curve(
    path: Path,
    adapter: str,
    data: h5py.Group,
    values: tuple[Floats, Floats | None],
    unit: Settled,
    read: Read,
) -> Measurement:
    q = _values(data["Q"])
    if q.ndim != 1 or values[0].ndim > 2 or values[0].shape[-1] != q.size:
        raise LayoutError(
            path, f"Q is {q.shape} and I is {values[0].shape}: neither a curve nor a regular map"
        )
    columns = Columns(q, values[0], values[1], _uncertainty(data, "Q", "Qdev"))
    return measurement(path, adapter, columns, unit, read)


def _map(
    path: Path,
    adapter: str,
    data: h5py.Group,
    values: tuple[Floats, Floats | None],
    unit: Settled,
    read: Read,
) -> Measurement:
    qx, qy = _values(data["Qx"]), _values(data["Qy"])
    intensity, errors = values
    if qx.ndim == 1 and qy.ndim == 1:
        axes = (qx, qy)
    elif qx.shape == qy.shape == intensity.shape and qx.ndim == 2:
        if qx.shape[0] > 1 and qx[0, 0] != qx[1, 0]:
            qx, qy, intensity = qx.T, qy.T, intensity.T
            errors = None if errors is None else errors.T
        axes = plane.grid_axes(path, qx, qy)
    else:
        raise LayoutError(path, f"Qx is {qx.shape}, Qy {qy.shape} and I {intensity.shape}")
    return plane.measurement(path, adapter, axes, (intensity, errors), unit, read)


def _settled(path: Path, dataset: h5py.Dataset, assumed: str | None) -> Settled:
    unit = _unit(dataset)
    stated = None if unit is None else Evidence(unit, f"the attribute of {dataset.name}")
    return settled(path, (stated,), assumed)


def _read(file: h5py.File, entry: h5py.Group, data: h5py.Group) -> Read:
    instrument = next(iter(_parts(entry, "SASinstrument")), None)
    parts = {
        "sample": _parts(entry, "SASsample"),
        "detector": _parts(instrument, "SASdetector") if instrument else [],
        # Some writers leave the class of the source out.
        "source": (_parts(instrument, "SASsource") or _by_name(instrument, "source")) if instrument else [],
    }
    radiation = next((hdf5.text(part["radiation"]) for part in parts["source"] if "radiation" in part), None)
    stated = hdf5.text(entry["technique"]) if "technique" in entry else ""
    intensity_unit = _unit(data[_signal(data)])
    return Read(
        technique=stated if stated in TECHNIQUES else technique(radiation),
        instrument=hdf5.text(instrument["name"]) if instrument and "name" in instrument else None,
        facility=hdf5.text(entry["facility"]) if "facility" in entry else None,
        intensity_unit=intensity_unit,
        fields=_fields(parts),
        raw=_raw(file, entry),
        flags=(*_illegal(intensity_unit), *_further(file, entry)),
    )


def _by_name(instrument: h5py.Group, name: str) -> list[h5py.Group]:
    item = instrument.get(name)
    return [item] if isinstance(item, h5py.Group) else []


def _fields(parts: dict[str, list[h5py.Group]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, places, to in NUMBERS:
        for place in places:
            part, _, key = place.partition("/")
            # With several detectors the file does not say which of them made the curve.
            if name not in fields and len(parts[part]) == 1 and key in parts[part][0]:
                value = _number(parts[part][0][key], to)
                if value is not None:
                    fields[name] = value
    sample = next(iter(parts["sample"]), None)
    if sample is not None and "name" in sample and hdf5.text(sample["name"]):
        fields["sample_name"] = hdf5.text(sample["name"])
    return fields


def _number(dataset: h5py.Dataset, to: str) -> float | None:
    value = float(np.ravel(dataset[()])[0])
    unit = _unit(dataset)
    # Only a transmission is a pure number; anything else without a unit is not known.
    if not np.isfinite(value) or (unit is None and to != "dimensionless"):
        return None
    return convert(value, unit or to, to, str(dataset.name))


def _raw(file: h5py.File, entry: h5py.Group) -> dict[str, Any]:
    raw = {name: hdf5.text(entry[name]) for name in ("title", "run") if name in entry}
    if "creator" in file.attrs:
        raw["creator"] = hdf5.text(file.attrs["creator"])
    for process in _parts(entry, "SASprocess"):
        if "parameters" in process:
            said = {name: _said(item) for name, item in process["parameters"].items()}
            return {**raw, "process": said}
    return raw


def _said(dataset: h5py.Dataset) -> Any:
    if dataset.attrs.get("encoding") == "json":
        return json.loads(hdf5.text(dataset))
    value = dataset[()]
    return hdf5.text(value) if isinstance(value, bytes) else value.item()


def _illegal(unit: str | None) -> Iterator[Flag]:
    legal = {SPELLINGS.get(each, each) for each in LEGAL_INTENSITY}
    if unit is not None and unit not in legal:
        said = f"intensity is labelled {unit!r}, which NXcanSAS does not allow; the label may be wrong"
        yield Flag.caution("intensity_unit_suspect", said)


def _further(file: h5py.File, entry: h5py.Group) -> Iterator[Flag]:
    entries = list(_entries(file))
    if len(entries) > 1:
        said = f"the file holds {len(entries)} entries; {entry.name} is opened"
        yield Flag.caution("further_data_not_opened", said)


def groups(path: Path) -> tuple[str, ...]:
    """Names of all groups of data (NXdata) in the default entry."""
    with hdf5.opened(path) as file:
        entry, _ = _default_data(file)
        return tuple(name for name in entry if hdf5.text(entry[name].attrs.get("NX_class", "")) == "NXdata")


def read_group(path: Path, name: str) -> xr.Dataset:
    """One group of data of the default entry as a dataset, its variables named as in the file."""
    import xarray as xr

    with hdf5.opened(path) as file:
        entry, _ = _default_data(file)
        if name not in entry:
            raise LayoutError(path, f"{entry.name} has no group {name!r}")
        group = entry[name]
        axes = [hdf5.text(axis) for axis in np.atleast_1d(group.attrs["axes"])]
        variables, coords = {}, {}
        for key, item in group.items():
            dims = [axes[int(place)] for place in np.atleast_1d(group.attrs.get(f"{key}_indices", []))]
            if key in axes:
                coords[key] = ((key,), item[()], {"units": _unit(item)})
            else:
                variables[key] = (dims or axes[-item.ndim :], item[()], {"units": _unit(item)})
        return xr.Dataset(variables, coords=coords)


NXCANSAS = NxCanSasReader()
