"""MAX IV: scans in the standard layout (scan-NNNN.h5) of CoSAXS and neighbours, and their detector files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, DanglingLinkError, LayoutError, StillWritingError
from adapters.formats import hdf5, late
from adapters.formats.frames import dataset, dectris_sentinels
from adapters.formats.nexus import kept, one_value, text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe

VERSION = "1"
SCAN = re.compile(r"scan-\d{4,}\.(h5|hdf5)$")
DETECTOR_FILE = re.compile(r"(scan-\d{4,})_(\w+)\.(h5|hdf5)$")
# /data/visitors/<beamline>/<proposal>/<visit>/raw, and the same for staff.
HOME = re.compile(r"/data/(?:visitors?|staff)/([a-z0-9]+)/")
# Area detectors, the one for small angles first.
DETECTORS = ("eiger", "pilatus", "lambda", "andor", "orca", "zyla")
TECHNIQUES = {"cosaxs": "saxs", "formax": "saxs", "danmax": "powder", "biomax": "mx", "micromax": "mx"}
INSTRUMENT = "entry/instrument"
MOST_CHANNEL_VALUES = 1000


@dataclass(frozen=True, slots=True)
class Frames:
    """One detector of a scan: its name, and the file and group that hold its frames."""

    detector: str
    file: Path
    group: str


@dataclass(frozen=True, slots=True)
class MaxIvScan:
    """The reader of a scan, or of one of its detector files.

    Of several detectors in a scan the first in `DETECTORS` is read, and a flag says
    so; to read another, open its detector file.
    """

    name: str = "maxiv_scan"
    late_s: float = late.LATE_S
    techniques: dict[str, str] = field(default_factory=lambda: dict(TECHNIQUES))

    def probe(self, probe: Probe) -> Confidence:
        """By the name of the file, and a detector of the beamlines in it."""
        if not (SCAN.match(probe.path.name) or DETECTOR_FILE.match(probe.path.name)):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.INSTRUMENT if detectors(file, probe.path) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the detector files are there and closed, and hold the frames that were asked for."""
        try:
            with hdf5.opened(path) as file:
                found = detectors(file, path)
            if not found:
                return Readiness.broken(f"{path} has no detector under {INSTRUMENT}")
            if missing := [each for each in found if not each.file.exists()]:
                names = ", ".join(each.file.name for each in missing)
                said = f"{path} links to detector files that are missing: {names}"
                return late.judged(said, [path], late_s=self.late_s)
            short = [said for each in found if (said := _shortfall(each))]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        if short:
            files = [each.file for each in found]
            return late.judged("; ".join(short), [path, *files], late_s=self.late_s)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The frames of one detector, labelled with the detector's sequence numbers."""
        with hdf5.opened(path) as file:
            found = detectors(file, path)
            channels = _channels(file)
        if not found:
            raise LayoutError(path, f"there is no detector under {INSTRUMENT}")
        chosen, flags = found[0], list[Flag]()
        if len(found) > 1:
            others = ", ".join(each.detector for each in found[1:])
            flags.append(
                Flag.info("one_of_several_detectors", f"read {chosen.detector}; also there: {others}")
            )
        if not chosen.file.exists():
            raise DanglingLinkError(path, f"{INSTRUMENT}/{chosen.detector} -> {chosen.file.name}")
        with hdf5.opened(chosen.file) as file:
            group = _group(file, chosen)
            stored = hdf5.require(group, "data")
            index = _sequence(group, stored, flags)
            exposure = _exposure(group, flags)
            turns = _turns(group, flags)
            counts = hdf5.lazy(stored, chosen.file)
        home = HOME.search(str(path.absolute()))
        beamline = home[1] if home else None
        metadata = Metadata(
            technique=self.techniques.get(beamline or "", "image"),
            facility="maxiv",
            instrument=beamline,
            exposure_s=exposure,
            raw={**channels, **({"rotate": turns} if turns else {})},
        )
        data = dataset(counts, sentinels=dectris_sentinels(counts.dtype), index=index)
        provenance = Provenance(str(path), self.name, VERSION, (str(chosen.file),))
        return Measurement(data, metadata, provenance, tuple(flags))


def detectors(file: h5py.File, path: Path) -> list[Frames]:
    """The area detectors of a scan or detector file, the one for small angles first."""
    instrument = file.get(INSTRUMENT)
    if not isinstance(instrument, h5py.Group):
        return []
    names = {name.lower(): name for name in instrument}
    return [_frames(instrument, names[name], path) for name in DETECTORS if name in names]


def _frames(instrument: h5py.Group, name: str, path: Path) -> Frames:
    link = instrument.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        # HDF5 itself would also look in the working directory.
        return Frames(name, path.parent / link.filename, link.path)
    return Frames(name, path, f"{INSTRUMENT}/{name}")


def _group(file: h5py.File, frames: Frames) -> h5py.Group:
    group = file.get(frames.group)
    if not isinstance(group, h5py.Group):
        raise LayoutError(frames.file, f"there is no group {frames.group}")
    return group


def _shortfall(frames: Frames) -> str:
    with hdf5.opened(frames.file) as file:
        group = _group(file, frames)
        stored = hdf5.require(group, "data")
        there, lost = stored.shape[0], _lost(_numbers(group))
        asked = [one_value(group[name]) for name in ("nimages", "ntrigger") if name in group]
    if there == 0:
        return f"{frames.file.name} has no frames"
    wanted = int(np.prod([value for value in asked if value is not None])) if asked else there
    if there + lost >= wanted:
        return ""
    return f"{frames.file.name} holds {there} of {wanted} frames"


def _numbers(group: h5py.Group) -> np.ndarray[Any, Any] | None:
    if "sequence_number" not in group:
        return None
    return np.asarray(hdf5.require(group, "sequence_number")[()]).ravel()


def _lost(numbers: np.ndarray[Any, Any] | None) -> int:
    """Numbers that the detector gave to frames between the first and the last, and that are not there."""
    if numbers is None or not len(numbers):
        return 0
    return int(numbers.max()) - int(numbers.min()) + 1 - len(np.unique(numbers))


def _sequence(group: h5py.Group, stored: h5py.Dataset, flags: list[Flag]) -> np.ndarray[Any, Any] | None:
    numbers = _numbers(group)
    if numbers is None:
        return None
    if len(numbers) != stored.shape[0] or len(np.unique(numbers)) != len(numbers):
        message = f"{len(numbers)} sequence numbers, not all different, for {stored.shape[0]} frames"
        flags.append(Flag.caution("sequence_unusable", message))
        return None
    if lost := _lost(numbers):
        flags.append(Flag.caution("frames_lost", f"{lost} frames are missing from the detector's sequence"))
    return numbers


def _exposure(group: h5py.Group, flags: list[Flag]) -> float | None:
    if "count_time" not in group:
        return None
    stored = hdf5.require(group, "count_time")
    value = one_value(stored)
    unit = stored.attrs.get("units")
    if unit is None:
        flags.append(Flag.info("unit_assumed", "count_time states no unit; the detector means s"))
    return None if value is None else convert(value, "s" if unit is None else hdf5.text(unit), "s")


def _turns(group: h5py.Group, flags: list[Flag]) -> int:
    """Quarter turns that the receiver gave the frames; which way, the detector tells."""
    value = one_value(hdf5.require(group, "rotate")) if "rotate" in group else None
    turns = int(value or 0) % 4
    if turns:
        said = f"the header says rotate = {turns}: a geometry must be that of the turned frames"
        flags.append(Flag.info("frames_rotated", said))
    return turns


def _channels(file: h5py.File) -> dict[str, Any]:
    """The scan command and the scalar channels, whose units the files do not state, for `raw`."""
    said: dict[str, Any] = {"title": text(file, "entry/title")}
    instrument = file[INSTRUMENT]
    for name in instrument:
        if name.lower() in DETECTORS or not isinstance(instrument.get(name), h5py.Group):
            continue
        for place in (f"{name}/data", f"{name}/value"):
            item = instrument.get(place)
            if isinstance(item, h5py.Dataset) and item.size and item.size <= MOST_CHANNEL_VALUES:
                said[name] = kept(instrument, place)
    return said


MAXIV_SCAN = MaxIvScan()
