"""Tomography in NeXus: one stack of frames with an image key, as NXtomo says and as Diamond writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, DanglingLinkError, LayoutError, StillWritingError
from adapters.formats import hdf5, late
from adapters.formats.nexus import text
from adapters.formats.nxmx import aware
from adapters.formats.projections import by_key, projections
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe

VERSION = "1"


@dataclass(frozen=True, slots=True)
class NxTomo:
    """The reader of stacks with an image key; links that it does not need may be dead."""

    name: str = "nxtomo"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a detector with an image key."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if _detectors(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether frames, keys and angles are there and as many of each."""
        try:
            with hdf5.opened(path) as file:
                detector = _detector(file, path)
                frames = hdf5.require(file, f"{detector}/data").shape[0]
                keys = hdf5.require(file, f"{detector}/image_key").size
                angles = hdf5.require(file, _angles_at(file, detector, path)).shape[0]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except DanglingLinkError as error:
            return late.judged(str(error), [path], late_s=self.late_s)
        except AdapterError as error:
            return Readiness.broken(str(error))
        if frames == keys == angles and frames:
            return Readiness.ready()
        said = f"{path} has {frames} frames, {keys} image keys and {angles} angles"
        return late.judged(said, [path], late_s=self.late_s)

    def open(self, path: Path) -> Measurement:
        """Frames lazily, parted by what they show; keys and angles now."""
        with hdf5.opened(path) as file:
            detector = _detector(file, path)
            stored = hdf5.require(file, f"{detector}/data")
            if stored.ndim != 3:
                raise LayoutError(path, f"its frames have the shape {stored.shape}, not (frame, y, x)")
            files = tuple(dict.fromkeys(_files(file, path, detector)))
            frames = hdf5.lazy(stored, Path(stored.file.filename))
            key = np.asarray(hdf5.require(file, f"{detector}/image_key")[()]).ravel()
            angles, unit, flags = _angles(file, detector, path)
            metadata = _metadata(file, detector, path)
        stack, more = by_key(frames, key, angles, unit, str(path))
        data, missing = projections(stack, str(path))
        provenance = Provenance(str(path), self.name, VERSION, files)
        return Measurement(data, metadata, provenance, (*flags, *more, *missing))


def _entries(file: h5py.File) -> Iterator[str]:
    yield from (name for name in file if isinstance(file.get(name), h5py.Group))


def _detectors(file: h5py.File) -> list[str]:
    """Groups with frames and an image key; those whose frames can be reached come first."""
    found = []
    for entry in _entries(file):
        instrument = file.get(f"{entry}/instrument")
        if isinstance(instrument, h5py.Group):
            places = [f"{entry}/instrument/{name}" for name in instrument]
            found += [
                each for each in places if f"{each}/image_key" in file and hdf5.has(file, f"{each}/data")
            ]
    return sorted(found, key=lambda place: file.get(f"{place}/data") is None)


def _detector(file: h5py.File, path: Path) -> str:
    found = _detectors(file)
    if not found:
        raise LayoutError(path, "no detector in it has an image key")
    return found[0]


def _angles_at(file: h5py.File, detector: str, path: Path) -> str:
    """NXtomo's own place for the angles, else the motor that turns in the detector's NXdata."""
    entry, name = detector.split("/", maxsplit=1)[0], detector.rsplit("/", 1)[-1]
    candidates = [f"{entry}/sample/rotation_angle", f"{entry}/data/rotation_angle"]
    group = file.get(f"{entry}/{name}")
    if isinstance(group, h5py.Group):
        candidates += [
            f"{entry}/{name}/{each}" for each in group if "theta" in each and each.endswith("value")
        ]
    place = next((each for each in candidates if hdf5.has(file, each)), None)
    if place is None:
        raise LayoutError(path, f"no rotation angle belongs to {detector}")
    return place


def _angles(file: h5py.File, detector: str, path: Path) -> tuple[np.ndarray[Any, Any], str, tuple[Flag, ...]]:
    place = _angles_at(file, detector, path)
    stored = hdf5.require(file, place)
    stated = stored.attrs.get("units")
    flags: tuple[Flag, ...] = ()
    if stated is None:
        flags = (Flag.info("unit_assumed", f"no unit is stated for {place}: degree is used"),)
    return np.asarray(stored[()], float), "degree" if stated is None else hdf5.text(stated), flags


def _files(file: h5py.File, path: Path, detector: str) -> Iterator[str]:
    for place in (f"{detector}/data", _angles_at(file, detector, path)):
        yield str(Path(file[place].file.filename))


def _metadata(file: h5py.File, detector: str, path: Path) -> Metadata:
    entry = detector.split("/", maxsplit=1)[0]

    def length(name: str) -> float | None:
        place = f"{detector}/{name}"
        if place not in file or "units" not in file[place].attrs or file[place].size != 1:
            return None
        return convert(
            float(np.ravel(file[place][()])[0]), hdf5.text(file[place].attrs["units"]), "m", str(path)
        )

    beamline = text(file, f"{entry}/instrument/beamline") or text(file, f"{entry}/instrument/name")
    return Metadata(
        technique="tomo",
        instrument=beamline,
        sample_name=text(file, f"{entry}/sample/name"),
        start_time=aware(text(file, f"{entry}/start_time")),
        distance_m=length("distance"),
        pixel_size_x_m=length("x_pixel_size"),
        pixel_size_y_m=length("y_pixel_size"),
    )


NXTOMO = NxTomo()
