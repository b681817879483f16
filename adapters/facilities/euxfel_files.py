"""European XFEL: which files make a run, and where the rows of every source lie by train."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from adapters.errors import (
    CorruptFileError,
    LayoutError,
    MissingExtraError,
    MissingMetadataError,
    NoSuchRunError,
    PathError,
)
from adapters.formats import hdf5

Trains = NDArray[np.uint64]
Rows = NDArray[np.int64]
NAME = re.compile(r"(?P<kind>[A-Z]+)-R(?P<run>\d{4,})-(?P<aggregator>\w+)-S(?P<sequence>\d{5})\.h5$")
RUN_FOLDER = re.compile(r"r(\d{4,})$")
KINDS = {"raw": "RAW", "proc": "CORR"}
# The DAQ counts trains at 10 Hz; beyond this a number is no train id.
MOST_TRAINS = 2**47


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run, by name, whether they are raw or corrected, and what had to be chosen."""

    files: tuple[Path, ...]
    kind: str
    substituted: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of one group of a source lie in one file: the train of each row, and the rows."""

    file: Path
    group: str
    trains: Trains
    rows: Rows


@dataclass
class FileIndex:
    """What one file says of its trains and sources; arrays of values are not read."""

    path: Path
    trains: Trains
    valid: NDArray[np.bool_]
    places: Rows
    control: frozenset[str]
    instrument: frozenset[str]
    zeros: int
    whole: bool
    said: dict[str, Any] = field(default_factory=dict)
    first_ns: int = 0


def is_run_file(path: Path) -> bool:
    """Whether the name is one that the DAQ or the calibration gives."""
    return NAME.match(path.name) is not None


def run_files(path: Path, data: str | None, run: str | None) -> RunFiles:
    """The files at `path`: one file, the folder of a run, or a proposal with its raw and proc.

    `data` is raw, proc, or proc_or_raw, which takes raw where nothing is corrected.

    Raises
    ------
    MissingMetadataError
        The path holds several runs, or raw and corrected data, and nothing says which is meant.
    """
    if not path.exists():
        raise NoSuchRunError(path)
    if data not in (None, "raw", "proc", "proc_or_raw"):
        raise LayoutError("data", f"{data!r} is neither raw, proc nor proc_or_raw")
    if path.is_file():
        match = NAME.match(path.name)
        return RunFiles((path,), match["kind"] if match else "")
    folders = {name: path / name for name in KINDS if (path / name).is_dir()}
    if folders:
        return _of_proposal(path, folders, data, run)
    return _of_folder(path, data)


def _of_proposal(path: Path, folders: dict[str, Path], data: str | None, run: str | None) -> RunFiles:
    runs = {name: _runs(folder) for name, folder in folders.items()}
    numbers = sorted(set().union(*runs.values()))
    if not numbers:
        raise LayoutError(path, "its raw and proc hold no runs")
    if run is None and len(numbers) > 1:
        few = ", ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")
        raise MissingMetadataError(f"which run is meant ({few})", path.name, "run")
    number = numbers[0] if run is None else _number(run)
    there = [name for name in folders if number in runs[name]]
    if not there:
        raise LayoutError(path, f"it has no run {number}")
    if data is None and len(there) > 1:
        raise MissingMetadataError("whether raw or proc data are meant", path.name, "data")
    wanted = there[0] if data is None else data.partition("_")[0]
    if wanted not in there and data != "proc_or_raw":
        raise LayoutError(path, f"run {number} has no {wanted} data, only {there[0]}")
    chosen = wanted if wanted in there else there[0]
    said = "" if chosen == wanted else f"run {number} has no corrected data; raw data were read instead"
    found = _of_folder(runs[chosen][number], None)
    return RunFiles(found.files, found.kind, said)


def _number(run: str) -> int:
    try:
        return int(run.removeprefix("r"))
    except ValueError as error:
        raise LayoutError("run", f"{run!r} is no run number") from error


def _runs(folder: Path) -> dict[int, Path]:
    return {
        int(match[1]): each
        for each in _inside(folder)
        if (match := RUN_FOLDER.match(each.name)) and each.is_dir()
    }


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise PathError(folder, str(error.strerror or error)) from error


def _of_folder(path: Path, data: str | None) -> RunFiles:
    found = [(each, match) for each in _inside(path) if (match := NAME.match(each.name))]
    if not found:
        raise LayoutError(path, "no files of European XFEL are in it")
    runs = sorted({int(match["run"]) for _, match in found})
    if len(runs) > 1:
        raise MissingMetadataError(f"which run is meant ({', '.join(map(str, runs))})", path.name, "run")
    kinds = sorted({match["kind"] for _, match in found})
    wanted = KINDS.get((data or "").partition("_")[0])
    if len(kinds) > 1 and wanted is None:
        raise MissingMetadataError(f"which of {' and '.join(kinds)} is meant", path.name, "data")
    substituted = ""
    if wanted is not None and wanted not in kinds:
        if data != "proc_or_raw":
            raise LayoutError(path, f"it holds {' and '.join(kinds)} files, no {data} data")
        wanted, substituted = kinds[0], f"{path.name} has no corrected data; raw data were read instead"
    kind = wanted or kinds[0]
    return RunFiles(tuple(each for each, match in found if match["kind"] == kind), kind, substituted)


def missing_sequences(files: Sequence[Path]) -> list[str]:
    """Names that lie between the first and the last sequence of an aggregator, and are not there."""
    numbers: dict[tuple[str, str, str], set[int]] = {}
    for file in files:
        if match := NAME.match(file.name):
            key = (match["kind"], match["run"], match["aggregator"])
            numbers.setdefault(key, set()).add(int(match["sequence"]))
    if len(files) == 1:
        return []
    return [
        f"{kind}-R{run}-{aggregator}-S{number:05d}.h5"
        for (kind, run, aggregator), there in sorted(numbers.items())
        for number in range(max(there))
        if number not in there
    ]


# What EXtra-data lets out where a file is damaged.
UNREADABLE = (*hdf5.UNREADABLE, IndexError, AttributeError)


@contextmanager
def _accessed(path: Path) -> Iterator[Any]:
    """EXtra-data's view of a file, closed afterwards; its errors come out as ours."""
    access = _access_class()
    try:
        from extra_data.exceptions import FileStructureError

        with warnings.catch_warnings():
            # It warns of version 1.1, whose flags mean the opposite; how many trains they leave out is told.
            warnings.simplefilter("ignore")
            found = access(str(path))
    except FileStructureError as error:
        raise LayoutError(path, str(error)) from error
    except UNREADABLE as error:
        raise CorruptFileError(path, f"its index cannot be read: {error}") from error
    try:
        yield found
    except UNREADABLE as error:
        raise CorruptFileError(path, f"its index cannot be read: {error}") from error
    finally:
        found.close()


def _access_class() -> Any:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from extra_data.file_access import FileAccess
    except ImportError as error:
        raise MissingExtraError("extra_data", "euxfel") from error
    # It raises the limit of open files for the whole process on import, which nobody asked for.
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    return FileAccess


def indexed(path: Path) -> FileIndex:
    """Trains and sources of one file.

    A file whose METADATA were cut off is indexed by what its groups hold; `whole` tells.
    """
    with hdf5.opened(path) as file:
        ids = hdf5.require(file, "INDEX/trainId")
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise CorruptFileError(path, f"INDEX/trainId is {ids.dtype} {ids.shape}")
        numbers = ids[:].astype(np.uint64)
        flag = file["INDEX/flag"][:] if "INDEX/flag" in file else None
        stamps = file["INDEX/timestamp"][:] if "INDEX/timestamp" in file else None
        whole = "METADATA" in file
        cut = None if whole else (listed(file, "CONTROL", 3), listed(file, "INSTRUMENT", 3))
    real = (numbers != 0) & (numbers < MOST_TRAINS)
    places = np.flatnonzero(real)
    # Padding at the end is how the DAQ writes; a zero between trains is a train without a name.
    last = int(places[-1]) + 1 if len(places) else 0
    zeros = int((~real[:last]).sum())
    trains = numbers[places]
    if cut is not None:
        valid = np.ones(len(trains), bool)
        return FileIndex(path, trains, valid, places, *cut, zeros, False)
    with _accessed(path) as access:
        valid = _validity(access, flag, numbers, places)
        said = dict(access.metadata())
        control, instrument = access.control_sources, access.instrument_sources
        legacy = frozenset(access.legacy_sources)
    first = int(stamps[places[0]]) if stamps is not None and len(places) and len(stamps) > places[0] else 0
    return FileIndex(path, trains, valid, places, control, instrument - legacy, zeros, True, said, first)


def _validity(access: Any, flag: Any, numbers: Trains, places: Rows) -> NDArray[np.bool_]:
    plain = np.asarray(access.validity_flag, bool)
    if flag is None or len(plain) == len(places) == len(access.train_ids) == _leading(numbers):
        return plain[: len(places)]
    # EXtra-data takes the ids to stand before all padding; with a zero among them its flags slip.
    own = np.asarray(flag, bool)[places]
    return ~own if access.format_version == "1.1" else own


def _leading(numbers: Trains) -> int:
    zero = np.flatnonzero(numbers == 0)
    return int(zero[0]) if len(zero) else len(numbers)


def listed(file: h5py.File, section: str, depth: int) -> frozenset[str]:
    """Names of sources, three levels deep, of a file that does not list them."""
    group = file.get(section)
    if not isinstance(group, h5py.Group):
        return frozenset()
    names: list[tuple[str, Any]] = [("", group)]
    for _ in range(depth):
        names = [
            (f"{name}/{key}".strip("/"), each[key])
            for name, each in names
            if isinstance(each, h5py.Group)
            for key in each
        ]
    return frozenset(name for name, each in names if isinstance(each, h5py.Group))


def source_rows(index: FileIndex, file: h5py.File, source: str, group: str) -> Source:
    """The rows of a group of a source, trains that are suspect left out."""
    where = f"INDEX/{source}/{group}".rstrip("/")
    inside = f"INSTRUMENT/{source}/{group}" if source in index.instrument else f"CONTROL/{source}"
    if where not in file:
        return _rows_by_own_ids(index, file, inside)
    first, count = _first_and_count(file[where], index)
    used = index.valid
    starts, counts = first[used].astype(np.int64), count[used].astype(np.int64)
    if np.any(counts < 0) or np.any(starts < 0):
        raise CorruptFileError(index.path, f"{where} has rows below zero")
    total = int(counts.sum())
    before = np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.repeat(starts, counts) + (np.arange(total) - before)
    return Source(index.path, inside, np.repeat(index.trains[used], counts), rows)


def _first_and_count(group: h5py.Group, index: FileIndex) -> tuple[NDArray[Any], NDArray[Any]]:
    def column(name: str) -> NDArray[Any]:
        dataset = hdf5.require(group, name)
        if dataset.ndim != 1 or dataset.dtype.kind not in "iu":
            said = f"{dataset.name} is {dataset.dtype} of the shape {dataset.shape}, not a row of numbers"
            raise CorruptFileError(index.path, said)
        stored = dataset[:]
        # The index of a source may be shorter than the padded train ids: nothing was written after it.
        padded = np.zeros(int(index.places[-1]) + 1 if len(index.places) else 0, np.int64)
        padded[: len(stored)] = stored[: len(padded)].astype(np.int64)
        return padded[index.places]

    first = column("first")
    if "count" in group:
        return first, column("count")
    return first, (column("last") - first + 1) * column("status")


def _rows_by_own_ids(index: FileIndex, file: h5py.File, inside: str) -> Source:
    if inside.startswith("CONTROL/"):
        return Source(index.path, inside, index.trains[index.valid], index.places[index.valid])
    stored = hdf5.require(file, f"{inside}/trainId")[:].ravel().astype(np.uint64)
    rows = np.flatnonzero((stored != 0) & (stored < MOST_TRAINS))
    return Source(index.path, inside, stored[rows], rows)
