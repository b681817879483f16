"""Tomography in Data Exchange HDF5: projections, flats, darks and angles under `exchange`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5
from adapters.formats.nexus import text
from adapters.formats.projections import Stack, projections
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
PROJECTIONS, ANGLES = "exchange/data", "exchange/theta"
FLATS, DARKS = "exchange/data_white", "exchange/data_dark"


@dataclass(frozen=True, slots=True)
class DataExchange:
    """The reader of Data Exchange tomography, as APS and converters for tomopy write it."""

    name: str = "data_exchange"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the group and the projections in it."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                implements = (text(file, "implements") or "").startswith("exchange")
                there = hdf5.has(file, PROJECTIONS) and (implements or hdf5.has(file, ANGLES))
                return Confidence.CONTENT if there else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every projection has an angle."""
        judged = hdf5.check(path)
        if judged != Readiness.ready():
            return judged
        try:
            with hdf5.opened(path) as file:
                frames = hdf5.require(file, PROJECTIONS).shape[0]
                angles = hdf5.require(file, ANGLES).shape[0]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        if not frames or frames != angles:
            return Readiness.broken(f"{path} has {frames} projections and {angles} angles")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """All frames lazily, by kind; the angles now."""
        flags: list[Flag] = []
        with hdf5.opened(path) as file:
            counts = _stack(file, PROJECTIONS, path)
            flats, darks = _optional(file, FLATS, path), _optional(file, DARKS, path)
            angles, unit = _angles(file, flags)
            name = text(file, "measurement/sample/name")
        stack = Stack(counts, flats, darks, angles, unit)
        data, more = projections(stack, str(path))
        metadata = Metadata(technique="tomo", sample_name=name)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), (*flags, *more))


def _stack(file: h5py.File, place: str, path: Path) -> da.Array:
    stored = hdf5.require(file, place)
    if stored.ndim != 3:
        raise LayoutError(path, f"{place} has the shape {stored.shape}, not (frame, y, x)")
    return hdf5.lazy(stored, path)


def _optional(file: h5py.File, place: str, path: Path) -> da.Array | None:
    return _stack(file, place, path) if hdf5.has(file, place) else None


def _angles(file: h5py.File, flags: list[Flag]) -> tuple[np.ndarray[Any, Any], str]:
    stored = hdf5.require(file, ANGLES)
    stated = stored.attrs.get("units")
    if stated is None:
        flags.append(Flag.info("unit_assumed", "no unit is stated for theta: degree is used"))
    return np.asarray(stored[()], float), "degree" if stated is None else hdf5.text(stated)


DATA_EXCHANGE = DataExchange()
