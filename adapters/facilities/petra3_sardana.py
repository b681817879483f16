"""Scans of Sardana at PETRA III: NeXus masters with counters and motors by point, detectors linked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, DanglingLinkError, LayoutError, StillWritingError, UnitError
from adapters.facilities.petra3_beamtime import beamtime_of
from adapters.formats import hdf5, late
from adapters.formats.frames import dectris_sentinels
from adapters.formats.nexus import units
from adapters.formats.scan_table import UNSTATED
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

VERSION = "1"
COLLECTION = "instrument/collection"
# Names under which beamlines record the energy of their monochromator.
ENERGIES = ("mnchrmtr", "energy", "energyfmb", "dcm_energy", "mono_energy")
MOST_VALUES = 10**7


@dataclass(frozen=True)
class Detector:
    """Frames of one detector: its name, and the file and dataset that hold them."""

    name: str
    file: Path
    place: str


@dataclass(frozen=True, slots=True)
class SardanaScan:
    """The reader of a master; a name may be one value in one scan and a value a point in the next."""

    name: str = "petra3_sardana"
    facility: str = "petra3"
    instrument: str = ""
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by an entry with a collection of counters and motors beside its data."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if _entry(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the detector files are there and closed, with a frame for every point."""
        try:
            with hdf5.opened(path) as file:
                entry = _required(file, path)
                found, columns = detectors(entry, path), _columns(entry)[0]
            if missing := [each for each in found if not each.file.exists()]:
                names = ", ".join(each.file.name for each in missing)
                said = f"{path} links to detector files that are missing: {names}"
                return late.judged(said, [path], late_s=self.late_s)
            frames = {each.name: _shape(each)[0] for each in found}
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        points = _points(columns)
        if not points and not any(frames.values()):
            return late.judged(f"{path} has neither points nor frames", [path], late_s=self.late_s)
        short = [
            f"{name} has {count} frames for {points} points"
            for name, count in frames.items()
            if count < points
        ]
        if short and late.younger_than(self.late_s, path, *(each.file for each in found)):
            return Readiness.wait(f"{path}: {'; '.join(short)}, and the run is fresh", 30.0)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Columns over the points; frames of the first detector, where there are as many."""
        import xarray as xr

        flags: list[Flag] = []
        with hdf5.opened(path) as file:
            entry = _required(file, path)
            found = detectors(entry, path)
            columns, fixed, stated = _columns(entry)
            wavelength = _wavelength(fixed, stated, path, flags)
        beamtime = beamtime_of(path)
        points = _points(columns)
        variables: dict[str, Any] = {}
        dim = "point"
        files: tuple[str, ...] = ()
        if found:
            counts, points = _frames(found, points, flags)
            variables["counts"] = (
                ("frame", "y", "x"),
                counts,
                {"units": "count", **dectris_sentinels(counts.dtype)},
            )
            dim, files = "frame", (str(found[0].file),)
        for name, values in columns.items():
            if len(values) >= points:
                variables[name] = (dim, values[:points], {"units": stated.get(name, UNSTATED)})
            else:
                flags.append(
                    Flag.caution("column_left_out", f"{name} has {len(values)} values for {points} points")
                )
        coords = {} if found else {"point": ("point", np.arange(points), {"units": "dimensionless"})}
        metadata = Metadata(
            technique="image" if found else "scan",
            facility=self.facility,
            instrument=beamtime.beamline,
            wavelength_angstrom=wavelength,
            raw={**beamtime.said, "fixed": fixed},
        )
        provenance = Provenance(str(path), self.name, VERSION, files)
        return Measurement(xr.Dataset(variables, coords), metadata, provenance, (*flags, *beamtime.flags))


def _entry(file: h5py.File) -> h5py.Group | None:
    """The entry, whose name is a matter of configuration."""
    for name in file:
        group = file.get(name)
        if (
            isinstance(group, h5py.Group)
            and isinstance(group.get(COLLECTION), h5py.Group)
            and "data" in group
        ):
            return group
    return None


def _required(file: h5py.File, path: Path) -> h5py.Group:
    entry = _entry(file)
    if entry is None:
        raise LayoutError(path, f"no entry in it has {COLLECTION} and data")
    return entry


def detectors(entry: h5py.Group, path: Path) -> list[Detector]:
    """Detectors whose frames are stored in the master or linked from it."""
    found = []
    for name in entry["instrument"]:
        group = entry["instrument"].get(name)
        if not isinstance(group, h5py.Group) or name == "collection":
            continue
        link = group.get("data", getlink=True)
        if isinstance(link, h5py.ExternalLink):
            # HDF5 itself would also look in the working directory.
            found.append(Detector(name, path.parent / link.filename, link.path))
        elif isinstance(group.get("data"), h5py.Dataset) and group["data"].ndim == 3:
            found.append(Detector(name, path, f"{group.name}/data"))
    return found


def _shape(detector: Detector) -> tuple[int, ...]:
    with hdf5.opened(detector.file) as file:
        shape: tuple[int, ...] = hdf5.require(file, detector.place).shape
        return shape


Columns = dict[str, np.ndarray[Any, Any]]


def _columns(entry: h5py.Group) -> tuple[Columns, dict[str, float], dict[str, str]]:
    """Columns by point, single values, and the units that either states."""
    columns: Columns = {}
    fixed: dict[str, float] = {}
    stated: dict[str, str] = {}
    for group in (entry[COLLECTION], entry["data"]):
        for name in group:
            item = group.get(name)
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iufb" or item.ndim > 1:
                continue
            if not item.size or item.size > MOST_VALUES or name in columns:
                continue
            if (unit := units(item)) is not None:
                stated[name] = unit
            if item.ndim == 1 and item.size > 1:
                columns[name] = np.asarray(item[()])
            else:
                fixed[name] = float(np.ravel(item[()])[0])
    return columns, fixed, stated


def _points(columns: Columns) -> int:
    """The length that most columns share."""
    lengths = [len(values) for values in columns.values()]
    return max(set(lengths), key=lengths.count) if lengths else 0


def _wavelength(
    fixed: dict[str, float], stated: dict[str, str], path: Path, flags: list[Flag]
) -> float | None:
    """From the energy of the monochromator, if it is there and states its unit."""
    name = next((each for each in ENERGIES if fixed.get(each, 0.0) > 0), None)
    if name is None:
        return None
    if name not in stated:
        flags.append(
            Flag.caution("unit_missing", f"{name} is {fixed[name]:g} of no stated unit, and is not used")
        )
        return None
    try:
        return HC_KEV_ANGSTROM / convert(fixed[name], stated[name], "keV", str(path))
    except UnitError as error:
        flags.append(Flag.caution("unit_missing", str(error)))
        return None


def _frames(found: list[Detector], points: int, flags: list[Flag]) -> tuple[Any, int]:
    chosen = found[0]
    if len(found) > 1:
        said = f"read {chosen.name}; also there: {', '.join(each.name for each in found[1:])}"
        flags.append(Flag.info("one_of_several_detectors", said))
    if not chosen.file.exists():
        raise DanglingLinkError(chosen.file, f"frames of {chosen.name}")
    with hdf5.opened(chosen.file) as file:
        stored = hdf5.require(file, chosen.place)
        if stored.ndim != 3:
            raise LayoutError(chosen.file, f"{chosen.place} has the shape {stored.shape}, not (frame, y, x)")
        counts = hdf5.lazy(stored, chosen.file)
    frames = counts.shape[0]
    if points and frames != points:
        few = min(frames, points)
        said = f"{chosen.name} has {frames} frames for {points} points; the first {few} are used"
        flags.append(Flag.caution("positions_and_frames_differ", said))
        return counts[:few], few
    return counts, frames


SARDANA = SardanaScan()
