"""Dectris masters and their data files, as filewriter 1 (links) and filewriter 2 (virtual) leave them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, DanglingLinkError, LayoutError, StillWritingError
from adapters.formats import hdf5, late, nxmx
from adapters.formats.frames import as_frames, dataset, dectris_sentinels, fitting
from adapters.formats.nexus import NexusLayout, Text, first_place, one_value, pixel_mask
from adapters.formats.virtual import require_sources
from adapters.model import Flag, Measurement, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
SPECIFIC = f"{nxmx.DETECTOR}/detectorSpecific"
PART = re.compile(r"data_\d+$")
FRAMES = "entry/data/data"

# The metadata of both generations; where the arrays are is the matter of this module.
TABLE = NexusLayout(
    name="dectris",
    technique="image",
    marker=nxmx.DETECTOR,
    arrays={},
    numbers=nxmx.NUMBERS,
    texts={**nxmx.TEXTS, "instrument": Text(f"{nxmx.DETECTOR}/description")},
    raw=nxmx.RAW,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset of frames: its name in the master, and the file and place that hold it."""

    name: str
    file: Path
    place: str


@dataclass(frozen=True, slots=True)
class DectrisMaster:
    """The reader of master files; one whose last data files are missing waits while it is young."""

    name: str = "dectris"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """By what the detector's own software writes."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if nxmx.is_dectris_master(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every linked file is there, closed and readable, and the promised frames are in them."""
        try:
            with hdf5.opened(path) as file:
                if hdf5.has(file, FRAMES):
                    require_sources(hdf5.require(file, FRAMES))
                found, promised = parts(file, path), promised_frames(file)
            files = [part.file for part in found]
            if missing := [part for part in found if not part.file.exists()]:
                return self._incomplete(path, found, missing)
            frames = sum(_shape(part)[0] for part in found)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        if frames == 0:
            return late.judged(f"{path} has no frames", [path, *files], late_s=self.late_s)
        if promised is not None and frames < promised:
            short = f"{path} promises {promised} frames, {frames} are there"
            return late.judged(short, [path, *files], late_s=self.late_s)
        return Readiness.ready()

    def _incomplete(self, path: Path, found: Sequence[Part], missing: Sequence[Part]) -> Readiness:
        names = ", ".join(part.file.name for part in missing)
        said = f"{path} links to {len(found)} data files, of which {len(missing)} are missing: {names}"
        last_ones = list(missing) == list(found[-len(missing) :])
        witnesses = [path, *(part.file for part in found)]
        return late.judged(said, witnesses, may_come=last_ones, late_s=self.late_s)

    def open(self, path: Path) -> Measurement:
        """All frames of all data files, labelled with the detector's own image numbers."""
        with hdf5.opened(path) as file:
            found, promised = parts(file, path), promised_frames(file)
            metadata, flags = TABLE.described(file, path)
            metadata, more = nxmx.completed(metadata, file)
            place = first_place(file, nxmx.MASKS)
            mask = None if place is None else pixel_mask(file, place, path)
        counts, index = joined(found, path)
        more += short_of(promised, counts.shape[0])
        mask = fitting(mask, counts.shape, path)
        data = dataset(counts, sentinels=dectris_sentinels(counts.dtype), mask=mask, index=index)
        files = tuple(dict.fromkeys(str(part.file) for part in found))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), (*flags, *more))


def short_of(promised: int | None, found: int) -> tuple[Flag, ...]:
    """A flag if frames are missing."""
    if promised is None or found >= promised:
        return ()
    return (Flag.caution("frames_missing", f"{found} of {promised} promised frames are there"),)


def promised_frames(file: h5py.File) -> int | None:
    """Images a trigger times triggers, None where the master does not say."""
    counts = [
        one_value(hdf5.require(file, f"{SPECIFIC}/{name}")) if hdf5.has(file, f"{SPECIFIC}/{name}") else None
        for name in ("nimages", "ntrigger")
    ]
    if counts[0] is None:
        return None
    return int(counts[0] * (1 if counts[1] is None else counts[1]))


def parts(file: h5py.File, path: Path) -> list[Part]:
    """Where the frames are, in the order of their names; the files need not exist."""
    if hdf5.has(file, FRAMES):
        return [Part("data", path, FRAMES)]
    data = file.get("entry/data")
    names = [name for name in data if PART.match(name)] if isinstance(data, h5py.Group) else []
    if not names:
        raise LayoutError(path, "there are no frames under entry/data")
    return [_part(data, name, path) for name in sorted(names, key=lambda name: int(name[5:]))]


def _part(data: h5py.Group, name: str, path: Path) -> Part:
    link = data.get(name, getlink=True)
    if not isinstance(link, h5py.ExternalLink):
        return Part(name, path, f"entry/data/{name}")
    # HDF5 itself would also look in the working directory, where a file of the
    # same name may lie that has nothing to do with this run.
    stated = path.parent / link.filename
    beside = path.parent / Path(link.filename).name
    return Part(name, stated if stated.exists() else beside, link.path)


def _shape(part: Part) -> tuple[int, ...]:
    with hdf5.opened(part.file) as file:
        shape: tuple[int, ...] = hdf5.require(file, part.place).shape
        return shape


def joined(found: Sequence[Part], path: Path) -> tuple[da.Array, np.ndarray[Any, Any] | None]:
    """The frames of all parts as one array, and their image numbers if every part states them."""
    import dask.array as da

    arrays: list[da.Array] = []
    numbers: list[np.ndarray[Any, Any] | None] = []
    for part in found:
        if not part.file.exists():
            raise DanglingLinkError(path, f"{part.name} -> {part.file.name}")
        with hdf5.opened(part.file) as file:
            stored = hdf5.require(file, part.place)
            require_sources(stored)
            arrays.append(_three_dimensional(hdf5.lazy(stored, part.file), part))
            numbers.append(image_numbers(stored, file))
    if len({(array.shape[1:], array.dtype) for array in arrays}) > 1:
        raise LayoutError(path, "its data files differ in image size or type")
    stated = [each for each in numbers if each is not None]
    index = np.concatenate(stated) if len(stated) == len(numbers) else None
    return da.concatenate(arrays), index


def _three_dimensional(array: da.Array, part: Part) -> da.Array:
    if array.ndim == 4:
        if array.shape[1] != 1:
            channels = f"{part.place} has {array.shape[1]} energy channels"
            raise LayoutError(part.file, f"{channels}; which one to read is not decided")
        array = array[:, 0]
    return as_frames(array, str(part.file))


def image_numbers(stored: h5py.Dataset, file: h5py.File) -> np.ndarray[Any, Any] | None:
    """The detector's own numbers of the frames, None where they are not stated or do not fit."""
    if stored.ndim == 4 and hdf5.has(file, "entry/data/image_id"):
        numbers = np.asarray(hdf5.require(file, "entry/data/image_id")[()]).ravel()
    elif "image_nr_low" in stored.attrs and "image_nr_high" in stored.attrs:
        low, high = (int(stored.attrs[name]) for name in ("image_nr_low", "image_nr_high"))
        numbers = np.arange(low, high + 1)
    else:
        return None
    return numbers if len(numbers) == stored.shape[0] else None


@dataclass(frozen=True, slots=True)
class DectrisData:
    """The reader of a data file without its master: frames and their numbers, nothing else is said."""

    name: str = "dectris_data"

    def probe(self, probe: Probe) -> Confidence:
        """By the image numbers on the frames."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                numbered = hdf5.has(file, FRAMES) and "image_nr_low" in hdf5.require(file, FRAMES).attrs
                return Confidence.CONTENT if numbered else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the file opens and holds frames."""
        try:
            frames = _shape(Part("data", path, FRAMES))[0]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready() if frames else Readiness.broken(f"{path} has no frames")

    def open(self, path: Path) -> Measurement:
        """The frames; that the master is not at hand is flagged."""
        from adapters.model import Metadata

        counts, index = joined([Part("data", path, FRAMES)], path)
        data = dataset(counts, sentinels=dectris_sentinels(counts.dtype), index=index)
        flag = Flag.caution("master_absent", "a data file without its master: nothing is known of the set-up")
        return Measurement(data, Metadata("image"), Provenance(str(path), self.name, VERSION), (flag,))


DECTRIS = DectrisMaster()
DECTRIS_DATA = DectrisData()
