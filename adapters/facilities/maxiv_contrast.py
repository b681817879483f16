"""MAX IV: scans of the acquisition program contrast (NanoMAX, SoftiMAX), with linked detector files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, DanglingLinkError, LayoutError, StillWritingError
from adapters.formats import hdf5, late
from adapters.formats.frames import dataset, dectris_sentinels
from adapters.formats.scan_table import UNSTATED
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MEASUREMENT, DESCRIPTION = "entry/measurement", "entry/description"
# One spelling of each writer that was ever in use, the usual one first.
SNAPSHOTS = ("entry/snapshots/pre_scan", "entry/snapshot")
AFTER = ("entry/snapshots/post_scan", "entry/snapshots/prost_scan")
DETECTOR_FILE = re.compile(r"scan_\d{4,6}_(?P<detector>\w+)\.(hdf5|h5)$")
FRAMES = ("frames", "data")
IMAGE_DETECTORS = ("eiger", "merlin", "pilatus", "andor", "dhyana", "zyla", "balor")
BEAMLINE = re.compile(r"/data/(?:visitors?|staff)/([a-z0-9]+)/")
NOTHING = ("", "None")
# A counter array beyond this is a detector's, and is read lazily.
MOST_VALUES = 10**7


@dataclass(frozen=True)
class Source:
    """Frames of one detector: its name, and the file and dataset that hold them."""

    detector: str
    file: Path
    place: str


@dataclass(frozen=True, slots=True)
class ContrastScan:
    """The reader of a scan's master file."""

    name: str = "maxiv_contrast"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the measurement and the snapshots of all motors beside it."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                known = MEASUREMENT in file and DESCRIPTION in file
                snapshot = any(place in file for place in (*SNAPSHOTS, "entry/snapshots"))
                return Confidence.INSTRUMENT if known and snapshot else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the detector files are there and closed, with a frame for every position."""
        try:
            with hdf5.opened(path) as file:
                found, positions = sources(file, path), _positions(file)
            if missing := [each for each in found if not each.file.exists()]:
                names = ", ".join(each.file.name for each in missing)
                said = f"{path} links to detector files that are missing: {names}"
                return late.judged(said, [path], late_s=self.late_s)
            short = [said for each in found if (said := _shortfall(each, positions))]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        if short and late.younger_than(self.late_s, path, *(each.file for each in found)):
            return Readiness.wait(f"{path}: {'; '.join(short)}, and the run is fresh", 30.0)
        if not found and not positions:
            return Readiness.broken(f"{path} has neither frames nor positions")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames lazily; positions and counters now, under their own names."""
        flags: list[Flag] = []
        with hdf5.opened(path) as file:
            found, columns = sources(file, path), _columns(file)
            raw = {"description": _words(file), "snapshot": _snapshot(file)}
        if not found and not columns:
            raise LayoutError(path, "it has neither frames nor positions")
        if len(found) > 1:
            said = f"read {found[0].detector}; also there: {', '.join(each.detector for each in found[1:])}"
            flags.append(Flag.info("one_of_several_detectors", said))
        files = tuple(str(each.file) for each in found[:1])
        data, technique = _labelled(found, columns, flags)
        home = BEAMLINE.search(str(path.absolute()))
        metadata = Metadata(technique, facility="maxiv", instrument=home[1] if home else None, raw=raw)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), tuple(flags))


def sources(file: h5py.File, path: Path) -> list[Source]:
    """The detectors whose frames are linked or stored, those that take images first."""
    measured = file.get(MEASUREMENT)
    found = []
    for name in measured if isinstance(measured, h5py.Group) else ():
        group = measured.get(name)
        if isinstance(group, h5py.Group):
            found += [_source(group, name, each, path) for each in FRAMES if _is_there(group, each)][:1]
    return sorted(found, key=lambda each: each.detector.lower() not in IMAGE_DETECTORS)


def _is_there(group: h5py.Group, name: str) -> bool:
    return group.get(name, getlink=True) is not None


def _source(group: h5py.Group, detector: str, name: str, path: Path) -> Source:
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        # HDF5 itself would also look in the working directory.
        return Source(detector, path.parent / Path(link.filename).name, link.path)
    return Source(detector, path, f"{group.name}/{name}")


def _shape(source: Source) -> tuple[int, ...]:
    with hdf5.opened(source.file) as file:
        shape: tuple[int, ...] = hdf5.require(file, source.place).shape
        return shape


def _shortfall(source: Source, positions: int) -> str:
    frames = _shape(source)[0]
    return f"{source.detector} has {frames} frames for {positions} positions" if frames < positions else ""


def _columns(file: h5py.File) -> dict[str, np.ndarray[Any, Any]]:
    """Positions and counters, also the buffered ones of a fly scan."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    measured = file[MEASUREMENT]
    for name in measured:
        item = measured.get(name)
        if isinstance(item, h5py.Dataset):
            _keep(found, name, item)
        elif isinstance(item, h5py.Group) and not any(_is_there(item, each) for each in FRAMES):
            for inner in item:
                if isinstance(item.get(inner), h5py.Dataset):
                    _keep(found, f"{name}_{inner}", item[inner])
    return found


def _keep(found: dict[str, np.ndarray[Any, Any]], name: str, item: h5py.Dataset) -> None:
    if item.dtype.kind in "iuf" and item.ndim in (1, 2) and item.size and item.size <= MOST_VALUES:
        found[name] = np.asarray(item[()])


def _positions(file: h5py.File) -> int:
    """How many points the scan has: the length that most columns share."""
    lengths = [len(values) for values in _columns(file).values() if values.ndim == 1]
    return max(set(lengths), key=lengths.count) if lengths else 0


def _labelled(
    found: list[Source], columns: dict[str, np.ndarray[Any, Any]], flags: list[Flag]
) -> tuple[xr.Dataset, str]:
    import xarray as xr

    lengths = [len(values) for values in columns.values() if values.ndim == 1]
    points = max(set(lengths), key=lengths.count) if lengths else 0
    variables: dict[str, Any] = {}
    if found:
        counts, points = _frames(found[0], points, flags)
        variables["counts"] = (
            ("frame", "y", "x"),
            counts,
            {"units": "count", **dectris_sentinels(counts.dtype)},
        )
    for name, values in columns.items():
        here = _fitted(name, values, points, flags)
        if here is None:
            continue
        dims = ("frame",) if here.ndim == 1 else ("frame", f"{name}_channel")
        variables[name] = (dims, here, {"units": UNSTATED})
    spectra = next((name for name, values in columns.items() if values.ndim == 2 and name in variables), None)
    if plain := sorted(name for name in variables if name not in ("counts", spectra)):
        said = f"{', '.join(plain)} are recorded without a unit, and kept as they stand"
        flags.append(Flag.info("units_unstated", said))
    if spectra is not None:
        # What a fluorescence detector counts needs no unit to be known.
        _, values, _ = variables.pop(spectra)
        variables["spectra"] = (("frame", "channel"), values, {"units": "count", "long_name": spectra})
        variables["channel"] = ("channel", np.arange(values.shape[1]), {"units": "dimensionless"})
    variables["point"] = ("point", np.arange(points), {"units": "dimensionless"})
    technique = "image" if "counts" in variables else "xrf" if "spectra" in variables else "scan"
    return xr.Dataset(variables), technique


def _frames(source: Source, positions: int, flags: list[Flag]) -> tuple[Any, int]:
    """The frames (frame, y, x); bursts at one position are added up."""
    if not source.file.exists():
        raise DanglingLinkError(source.file, f"frames of {source.detector}")
    with hdf5.opened(source.file) as file:
        stored = hdf5.require(file, source.place)
        if stored.ndim != 3:
            raise LayoutError(source.file, f"{source.place} has the shape {stored.shape}, not (frame, y, x)")
        counts = hdf5.lazy(stored, source.file)
    frames = counts.shape[0]
    if positions and frames > positions and frames % positions == 0:
        burst = frames // positions
        flags.append(
            Flag.info("burst_summed", f"{burst} frames were taken at each position and are added up")
        )
        return counts.rechunk({0: burst}).reshape(positions, burst, *counts.shape[1:]).sum(axis=1), positions
    if positions and frames != positions:
        few = min(frames, positions)
        said = f"{source.detector} has {frames} frames for {positions} positions; the first {few} are used"
        flags.append(Flag.caution("positions_and_frames_differ", said))
        return counts[:few], few
    return counts, frames


def _fitted(
    name: str, values: np.ndarray[Any, Any], points: int, flags: list[Flag]
) -> np.ndarray[Any, Any] | None:
    """`values` with one for each of `points`: a slow axis is repeated, one that cannot fit is left out."""
    if len(values) == points:
        return values
    if points and len(values) < points and points % len(values) == 0 and len(values) > 1:
        flags.append(Flag.info("slow_axis_repeated", f"{name} has {len(values)} values for {points} points"))
        return np.repeat(values, points // len(values), axis=0)
    if len(values) > points:
        flags.append(
            Flag.caution("column_cut", f"{name} has {len(values)} values, the first {points} are used")
        )
        return values[:points]
    flags.append(Flag.caution("column_left_out", f"{name} has {len(values)} values for {points} points"))
    return None


def _words(file: h5py.File) -> str | None:
    said = hdf5.text(hdf5.require(file, DESCRIPTION))
    return None if said in NOTHING else said


def _snapshot(file: h5py.File) -> dict[str, Any]:
    """Where every motor stood before the scan, in the units of the control system."""
    place = next((each for each in (*SNAPSHOTS, *AFTER) if each in file), None)
    if place is None:
        return {}
    said: dict[str, Any] = {}
    for name, item in file[place].items():
        if isinstance(item, h5py.Dataset) and item.size == 1:
            value = hdf5.text(item) if item.dtype.kind in "SOU" else np.ravel(item[()])[0].item()
            if value not in NOTHING:
                said[name] = value
    return said


@dataclass(frozen=True, slots=True)
class ContrastFrames:
    """The reader of a detector file without its master: frames, and nothing else is said."""

    name: str = "maxiv_contrast_frames"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the name that contrast gives such files and the frames in it."""
        named = DETECTOR_FILE.match(probe.path.name)
        if named is None or not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if _own_frames(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it is closed and holds frames."""
        try:
            self.open(path)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The frames; that the master is not at hand is flagged."""
        with hdf5.opened(path) as file:
            place = _own_frames(file)
            if place is None:
                raise LayoutError(path, "there are no frames under entry")
            stored = hdf5.require(file, place)
            if stored.ndim != 3 or not stored.shape[0]:
                raise LayoutError(path, f"{place} has the shape {stored.shape}, not (frame, y, x)")
            counts = hdf5.lazy(stored, path)
        said = "a detector file without its master: positions are not at hand"
        flag = Flag.caution("master_absent", said)
        data = dataset(counts, sentinels=dectris_sentinels(counts.dtype))
        home = BEAMLINE.search(str(path.absolute()))
        metadata = Metadata("image", facility="maxiv", instrument=home[1] if home else None)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), (flag,))


def _own_frames(file: h5py.File) -> str | None:
    """Where a detector file holds its frames, which depends on the detector."""
    for parent in ("entry/instrument", MEASUREMENT):
        group = file.get(parent)
        for name in group if isinstance(group, h5py.Group) else ():
            if isinstance(group.get(f"{name}/data"), h5py.Dataset):
                return f"{parent}/{name}/data"
    return None


MAXIV_CONTRAST, MAXIV_CONTRAST_FRAMES = ContrastScan(), ContrastFrames()
