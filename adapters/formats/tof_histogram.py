"""NeXus runs sorted by detector and time of flight, as spectrometers of older sources leave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5, nexus_monitors
from adapters.formats.nexus import kept, text, units
from adapters.formats.nexus_groups import by_class, child
from adapters.formats.nexus_pixels import Window, angles, length
from adapters.formats.nxmx import aware
from adapters.model import Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe

VERSION = "1"
RAW = ("title", "analysis", "run_number", "end_time", "sample/chemical_formula")


@dataclass(frozen=True, slots=True)
class TofHistogram:
    """A reader of counts over (detector, time of flight) in the default data of an entry."""

    name: str = "nexus_tof_histogram"

    def probe(self, probe: Probe) -> Confidence:
        """By counts whose last axis is a time of flight."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if _data(file) is not None else Confidence.NO
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
        """Counts by detector and time, with angles and distances, and the monitors."""
        import xarray as xr

        with hdf5.opened(path) as file:
            group = _data(file)
            if group is None:
                raise LayoutError(path, "no counts over time of flight")
            counts, axis = hdf5.require(group, "data"), hdf5.require(group, "time_of_flight")
            if len(counts.shape) != 2 or axis.shape != (counts.shape[1] + 1,):
                raise LayoutError(path, f"counts are {counts.shape}, edges of time {axis.shape}")
            unit = units(axis)
            if unit is None:
                raise LayoutError(path, f"{axis.name} states no unit")
            edges = np.asarray(axis[()], float) * convert(1.0, unit, "ns", f"{path}:{axis.name}")
            data: dict[str, Any] = {
                "counts": (("pixel", "tof"), hdf5.lazy(counts, path), {"units": "count"}),
                "tof_edges": ("tof_edge", edges, {"units": "ns"}),
            }
            classes = by_class(file, "NXdetector", "NXmonitor", "NXentry", "NXinstrument")
            entry = classes["NXentry"][0]
            for detector in classes["NXdetector"]:
                data |= _places(group, detector, counts.shape[0])
            more, flags = nexus_monitors.variables(
                classes["NXmonitor"], {}, path, np.zeros(3), Window(), None
            )
            raw = {place: kept(entry, place) for place in RAW if hdf5.has(entry, place)}
            metadata = Metadata(
                technique="tof",
                instrument=text(entry, "instrument/name"),
                sample_name=text(entry, "sample/name"),
                start_time=aware(text(entry, "start_time")),
                raw=raw,
            )
        return Measurement(
            xr.Dataset(data | more), metadata, Provenance(str(path), self.name, VERSION), tuple(flags)
        )


def _data(file: h5py.File) -> h5py.Group | None:
    for group in by_class(file, "NXdata")["NXdata"]:
        if {"data", "time_of_flight"} <= set(group) and len(getattr(group["data"], "shape", ())) == 2:
            return group
    return None


def _places(group: h5py.Group, detector: h5py.Group, total: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    holder = group if hdf5.has(group, "polar_angle") else detector
    if hdf5.has(holder, "polar_angle"):
        found["two_theta"] = ("pixel", angles(holder, "polar_angle", total), {"units": "rad"})
    far = child(detector, "distance")
    if far is not None and far.shape == (total,):
        found["distance"] = ("pixel", np.asarray(far[()], float) * length(far, Window()), {"units": "m"})
    return found


TOF_HISTOGRAM = TofHistogram()
