"""Products of techniques without an application definition of their own: NXdata groups in one NXentry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5
from adapters.formats.labelled import read_group, write_group
from adapters.model import TECHNIQUES, Measurement, Metadata, Provenance, Readiness, violations
from adapters.model.technique import PRODUCT_SIGNAL
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MARK = "halos_product"


@dataclass(frozen=True)
class Product:
    """What to write: labelled tables by name, the one to plot first, and which variable of it."""

    title: str
    technique: str
    key: str
    tables: Mapping[str, xr.Dataset]
    default: str
    signal: str
    process: Mapping[str, Any]


def write(path: Path, product: Product) -> None:
    """Write a product whose tables `open_run` can read again."""
    with h5py.File(path, "w") as file:
        file.attrs["NX_class"], file.attrs["default"] = "NXroot", "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", product.default
        entry.attrs[MARK] = VERSION
        entry["title"], entry["experiment_description"] = product.title, product.technique
        process = entry.create_group("process")
        process.attrs["NX_class"] = "NXprocess"
        process["program"] = "halos"
        process["key"] = product.key
        process["parameters"] = json.dumps(product.process, sort_keys=True)
        for name, table in product.tables.items():
            write_group(entry.create_group(name), table, product.signal if name == product.default else None)


@dataclass(frozen=True)
class ProductReader:
    """A reader of these products: what the technique measured or calculated, on its own axis."""

    name: str = "halos_product"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the mark that only this writer sets."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.INSTRUMENT if MARK in _entry(file).attrs else Confidence.NO
        except (AdapterError, KeyError, AttributeError):
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it can be read."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The default table as a measurement of its technique."""
        with hdf5.opened(path) as file:
            entry = _entry(file)
            technique = entry["experiment_description"].asstr()[()]
            name = str(entry.attrs["default"])
            group = entry[name]
            table, signal = read_group(group), group.attrs.get("signal")
        form = FORMS.get(technique, _itself)
        named = "curve" if form is _curve else technique
        if named not in TECHNIQUES:
            raise LayoutError(path, f"a product of {technique!r} is no run to open")
        data = form(table)
        if violations(TECHNIQUES[named], data):
            if signal is None:
                raise LayoutError(path, f"its table {name!r} does not say what it is about")
            data = table.assign({PRODUCT_SIGNAL: ((), str(signal), {"units": "dimensionless"})})
        metadata = Metadata(technique=named)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION))


def _entry(file: h5py.File) -> h5py.Group:
    return file["entry"]


def _itself(table: xr.Dataset) -> xr.Dataset:
    return table


def _curve(table: xr.Dataset) -> xr.Dataset:
    return table[["intensity", "intensity_errors"]].expand_dims("frame")


def _spectrum(table: xr.Dataset) -> xr.Dataset:
    from adapters.formats.mass_spectrum import spectra

    if "mz" not in table:
        # Masses stand on their own axis; other tables of the technique are taken as they are.
        return table[["intensity"]] if "mass" in table.coords else table
    found = spectra([(table["mz"].values, table["intensity"].values)])
    return found.assign(profile=("scan", np.array([True]), {"units": "dimensionless"}))


# How the default table of a technique's product becomes a measurement, where it is not one as it stands.
FORMS = {
    "modules": _curve,
    "ms": _spectrum,
    "structure": _curve,
}

PRODUCT = ProductReader()
