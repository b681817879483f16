"""European XFEL: runs of trains, raw or corrected, with detectors of several modules and their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    MissingMetadataError,
    StillWritingError,
    TruncatedFileError,
)
from adapters.facilities import euxfel_channels
from adapters.facilities import euxfel_detectors as detectors
from adapters.facilities import euxfel_files as files
from adapters.facilities.euxfel_detectors import Detector, Frames, Part
from adapters.facilities.euxfel_files import FileIndex
from adapters.formats import hdf5, joined, late
from adapters.formats.channels import UNKNOWN_UNIT, Channel
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
INSTRUMENTS = {"SPB", "FXE", "HED", "MID", "SCS", "SQS", "SXP"}
BAD_MODULE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class EuxfelRun:
    """The reader of a file, of the folder of a run, or of a proposal.

    What can be supplied: `data` (raw, proc, or proc_or_raw) and `run` where a path holds
    more than one; `detector` to choose one of several; `channels` to name further channels.
    """

    name: str = "euxfel_run"
    late_s: float = late.LATE_S
    assumed: dict[str, str] = field(default_factory=dict)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What can be supplied."""
        return ("data", "run", "detector", "channels")

    def assuming(self, assumed: Mapping[str, str]) -> EuxfelRun:
        """The same reader with choices made."""
        return replace(self, assumed=dict(assumed))

    def probe(self, probe: Probe) -> Confidence:
        """By names that the DAQ gives, and an index of trains in the first of the files."""
        try:
            found = self._files(probe.path)
        except MissingMetadataError:
            return Confidence.INSTRUMENT
        except AdapterError:
            return Confidence.NO
        if probe.path.is_file() and not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(found.files[0]) as file:
                ours = "INDEX/trainId" in file and ("INSTRUMENT" in file or "CONTROL" in file)
        except AdapterError:
            return Confidence.SIGNATURE if probe.path.is_dir() else Confidence.NO
        return Confidence.INSTRUMENT if ours else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every file opens, no sequence or module is missing, and no index points past its data."""
        try:
            found = self._files(path)
        except MissingMetadataError:
            # Which of several runs is meant can be said only on opening; each is judged by itself then.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        witnesses = list(found.files)
        try:
            sources = self._sources(found.files)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            # A copy that goes on leaves files cut short behind it for a while.
            passing = isinstance(error, (TruncatedFileError, CorruptFileError))
            return late.judged(str(error), witnesses, may_come=passing, late_s=self.late_s)
        return self._complete(path, witnesses, sources)

    def _sources(self, paths: Sequence[Path]) -> set[str]:
        sources: set[str] = set()
        for path in paths:
            with hdf5.opened(path) as file:
                sources |= _sound(file, path)
        return sources

    def _complete(self, path: Path, witnesses: list[Path], sources: set[str]) -> Readiness:
        if missing := files.missing_sequences(witnesses):
            return late.judged(f"files are missing: {', '.join(missing[:5])}", witnesses, late_s=self.late_s)
        absent = [each for each in detectors.found(sources) if each.absent and path.is_dir()]
        if absent and late.younger_than(self.late_s, *witnesses):
            said = "; ".join(f"{each.name} has no modules {_few(each.absent)}" for each in absent)
            return Readiness.wait(f"{said}; the run is young, so they may still arrive", 30.0)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames of one detector with train and pulse of each, and channels by train."""
        found = self._files(path)
        flags: list[Flag] = []
        if found.substituted:
            flags.append(Flag.caution("raw_for_corrected", found.substituted))
        indices = [files.indexed(file) for file in found.files]
        _told(indices, flags)
        sources = frozenset().union(*(index.instrument for index in indices))
        known = detectors.found(sources)
        frames = None
        if "detector" in self.assumed or (known and "channels" not in self.assumed):
            frames = _frames(self._detector(known, path, flags), indices, flags)
        data, more = _dataset(
            frames, euxfel_channels.wanted(self.assumed, indices, path, flags), indices, flags
        )
        metadata = _metadata(indices, found.kind, frames, known, set(data), more)
        provenance = Provenance(str(path), self.name, VERSION, tuple(map(str, found.files)))
        return Measurement(data, metadata, provenance, tuple(flags))

    def _files(self, path: Path) -> files.RunFiles:
        return files.run_files(path, self.assumed.get("data"), self.assumed.get("run"))

    def _detector(self, known: list[Detector], path: Path, flags: list[Flag]) -> Detector:
        asked = self.assumed.get("detector")
        if asked is None:
            chosen = known[0]
        else:
            matching = [each for each in known if asked in (each.name, each.kind.name)]
            if len(matching) != 1:
                names = ", ".join(each.name for each in known) or "none"
                raise LayoutError(path, f"{asked!r} is not one of its detectors ({names})")
            chosen = matching[0]
        if others := [each.name for each in known if each is not chosen]:
            said = f"read {chosen.name}; also there: {', '.join(others)}"
            flags.append(Flag.info("one_of_several_detectors", said))
        return chosen


def _few(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:6])) + (" ..." if len(numbers) > 6 else "")


def _sound(file: h5py.File, path: Path) -> set[str]:
    """The instrument sources of a file whose indices stay within its data."""
    ids = hdf5.require(file, "INDEX/trainId")
    found: set[str] = set()
    index, instrument = file["INDEX"], file.get("INSTRUMENT")
    if not isinstance(instrument, h5py.Group):
        return found
    for source in files.listed(file, "INSTRUMENT", 3):
        found.add(source)
        groups = index.get(source)
        if not isinstance(groups, h5py.Group):
            continue
        for name in groups:
            first, count = groups.get(f"{name}/first"), groups.get(f"{name}/count")
            if not isinstance(first, h5py.Dataset) or not isinstance(count, h5py.Dataset):
                continue
            if first.shape != count.shape or first.ndim != 1:
                said = f"the index of {source}/{name} is {first.shape} beside {count.shape}"
                raise CorruptFileError(path, said)
            ends = first[:].astype(np.int64) + count[:].astype(np.int64)
            last = int(ends[count[:] > 0].max(initial=0))
            rows = _rows_there(instrument, f"{source}/{name}")
            if rows is not None and last > rows:
                raise CorruptFileError(path, f"the index of {source}/{name} goes to row {last} of {rows}")
    for virtual in (item for item in _main_data(instrument, found) if item.is_virtual):
        if absent := hdf5.absent_sources(virtual):
            raise LayoutError(path, f"{virtual.name} draws on {absent[0]}, which is not there")
    if ids.ndim != 1:
        raise CorruptFileError(path, f"INDEX/trainId is {ids.shape}")
    return found


def _rows_there(instrument: h5py.Group, name: str) -> int | None:
    group = instrument.get(name)
    if not isinstance(group, h5py.Group):
        return None
    sizes = [len(item) for item in group.values() if isinstance(item, h5py.Dataset) and item.ndim]
    return min(sizes) if sizes else None


def _main_data(instrument: h5py.Group, sources: set[str]) -> list[h5py.Dataset]:
    names = [
        f"{source}/{each.kind.group}/{each.kind.data}"
        for each in detectors.found(sources)
        for source in each.sources.values()
    ]
    return [item for name in names if isinstance(item := instrument.get(name), h5py.Dataset)]


def _told(indices: list[FileIndex], flags: list[Flag]) -> None:
    if cut := [index.path.name for index in indices if not index.whole]:
        said = f"METADATA are cut off in {', '.join(cut)}; its sources are those whose groups are there"
        flags.append(Flag.caution("metadata_cut_off", said))
    suspect = {index.path.name: int((~index.valid).sum()) for index in indices if not index.valid.all()}
    if suspect:
        said = ", ".join(f"{count} in {name}" for name, count in suspect.items())
        flags.append(Flag.caution("trains_suspect", f"trains flagged as suspect are left out: {said}"))
    if zeros := {index.path.name: index.zeros for index in indices if index.zeros}:
        said = ", ".join(f"{count} in {name}" for name, count in zeros.items())
        flags.append(
            Flag.caution("trains_without_id", f"rows without a possible train id are left out: {said}")
        )


def _frames(detector: Detector, indices: list[FileIndex], flags: list[Flag]) -> Frames:
    parts: dict[int, list[Part]] = {}
    for index in indices:
        mine = {number: source for number, source in detector.sources.items() if source in index.instrument}
        if not mine:
            continue
        with hdf5.opened(index.path) as file:
            for number, source in mine.items():
                part = detectors.module_part(index, file, detector.kind, source)
                if part is not None:
                    parts.setdefault(number, []).append(part)
    frames = detectors.frames_of(detector, parts, flags)
    if detector.absent:
        said = f"{detector.name} has no data of modules {_few(detector.absent)}; they stand as missing"
        flags.append(Flag.caution("module_missing", said))
    there = frames.present()[:, [number in parts for number in detector.modules]]
    if there.size and not there.all():
        said = f"{int((~there.all(axis=1)).sum())} of {len(there)} frames of {detector.name} lack some module"
        flags.append(Flag.caution("frames_incomplete", said))
    return frames


def _dataset(
    frames: Frames | None, chosen: dict[str, Channel], indices: list[FileIndex], flags: list[Flag]
) -> tuple[xr.Dataset, dict[str, Any]]:
    import xarray as xr

    read = {
        name: values
        for name, each in chosen.items()
        if (values := euxfel_channels.values_of(each, indices)) is not None
    }
    if absent := [each.dataset for name, each in chosen.items() if name not in read]:
        raise LayoutError(indices[0].path, f"there is no channel of numbers {', '.join(absent)}")
    electrons = euxfel_channels.electron_lists(indices, flags)
    trains = euxfel_channels.trains_of(indices, [*read.values(), *electrons.values()])
    variables: dict[str, Any] = euxfel_channels.electrons_of(electrons, trains)
    for name, values in read.items():
        variables |= euxfel_channels.variables_of(name, chosen[name], values, trains)
    if any(values.unit == UNKNOWN_UNIT for values in read.values()):
        said = "some channels state no unit that is known; they stand in arbitrary ones"
        flags.append(Flag.info("units_unstated", said))
    if frames is not None:
        variables |= _of_detector(frames, flags)
    coords: dict[str, Any] = {"train": ("train", trains, {"units": "dimensionless"})}
    if frames is not None:
        coords |= {
            "frame_train": ("frame", frames.trains, {"units": "dimensionless"}),
            "frame_pulse": ("frame", frames.pulses, {"units": "dimensionless"}),
            "module": ("module", np.array(frames.detector.modules), {"units": "dimensionless"}),
        }
    return xr.Dataset(variables, coords), {"channels": sorted(read)}


def _of_detector(frames: Frames, flags: list[Flag]) -> dict[str, Any]:
    kind = frames.detector.kind
    part = next(part for parts in frames.pieces.values() for part in parts)
    behind = len(part.shape) - 1 - int(kind.cells)
    raw = behind == 3
    if behind not in (2, 3) or (raw and part.shape[-3] < len(kind.planes)):
        raise LayoutError(
            part.piece, f"frames of {frames.detector.name} are {part.shape}, which is not known"
        )
    dims = ("frame", "module", "y", "x")
    planes = kind.planes if raw else ("counts",)
    found: dict[str, Any] = {
        "present": (("frame", "module"), frames.present(), {"units": "dimensionless"}),
    }
    for number, name in enumerate(planes or ("counts",)):
        source = frames.array(kind.data, (number,) if raw else ())
        assert source is not None  # the main data of a detector is what its parts are made of
        values = joined.lazy(source)
        if kind.margin and source.shape[2] == kind.shape[0] + 2 * kind.margin:
            values = values[:, :, kind.margin : -kind.margin]
        found[name] = (dims, values, {"units": "arbitrary"})
    more = {"gain": ("gain", np.nan, dims), "mask": ("mask", BAD_MODULE, dims)}
    for name, (key, fill, theirs) in more.items():
        source = frames.array(key, (), fill)
        if source is not None and source.ndim == 4:
            found[name] = (theirs, joined.lazy(source), {"units": "dimensionless"})
    cell = frames.array("memoryCell" if kind.cells else "cellId", () if not _boxed(part) else (0,))
    if cell is not None and cell.ndim == 2:
        found["cell"] = (("frame", "module"), joined.lazy(cell), {"units": "dimensionless"})
    said = f"{frames.detector.name} gives digital units or corrected energies, not photons counted one by one"
    flags.append(Flag.caution("not_photon_counting", said))
    return found


def _boxed(part: Part) -> bool:
    """Whether ids of frames have an axis of length 1 behind them, as raw data do."""
    ids = part.others.get("cellId")
    return ids is not None and len(ids[0]) == 2


def _metadata(
    indices: list[FileIndex],
    kind: str,
    frames: Frames | None,
    known: list[Detector],
    names: set[Any],
    more: dict[str, Any],
) -> Metadata:
    said = next((index.said for index in indices if index.said), {})
    pixel = None if frames is None else frames.detector.kind.pixel_m
    stamp = min((index.first_ns for index in indices if index.first_ns > 0), default=0)
    sample = str(said.get("sample", "")).strip()
    electrons = set(euxfel_channels.ELECTRONS) <= names
    technique = "modules" if frames is not None else "mpes" if electrons else "trains"
    return Metadata(
        technique=technique,
        facility="euxfel",
        instrument=_instrument(indices, known),
        sample_name=sample if sample and sample != "No Sample" else None,
        start_time=datetime.fromtimestamp(stamp / 1e9, UTC) if stamp else None,
        pixel_size_x_m=pixel,
        pixel_size_y_m=pixel,
        raw={
            "data": {name: word for word, name in files.KINDS.items()}.get(kind, kind),
            "format": said.get("dataFormatVersion"),
            "run": _number(said.get("runNumber")),
            "proposal": _number(said.get("proposalNumber")),
            "detectors": [each.name for each in known],
            **more,
        },
    )


def _number(said: Any) -> int | None:
    """One number, as metadata state it; what is stated as several is not known."""
    values = np.ravel(said) if said is not None else np.empty(0)
    return int(values[0]) if values.size == 1 else None


def _instrument(indices: list[FileIndex], known: list[Detector]) -> str | None:
    """The instrument that the names of detectors begin with, where they agree."""
    names = [each.name for each in known]
    names += [source for index in indices for source in index.instrument if euxfel_channels.MCP.match(source)]
    found = {name.partition("_")[0] for name in names} & INSTRUMENTS
    return found.pop().lower() if len(found) == 1 else None


EUXFEL_RUN = EuxfelRun()
