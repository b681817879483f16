"""FLASH: HDF5 files of the user DAQ, every channel on its own trains, joined over files by train."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    NoSuchRunError,
    PathError,
    StillWritingError,
)
from adapters.formats import channels as maps
from adapters.formats import hdf5, joined, late
from adapters.formats.channels import Channel
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
# <stream>_run<run>_file<number>_<time>.<k>.h5
NAME = re.compile(r"(?P<stream>.+)_run(?P<run>\d+)_file(?P<file>\d+)_(?P<time>\d{8}T\d{6})\.(?P<k>\d+)\.h5$")
TREES = {"FL1", "FL2", "uncategorised", "zraw"}
# /asap3/flash/gpfs/<beamline>/<year>/data/<beamtime>
HOME = re.compile(r"/asap3/flash/gpfs/([a-z0-9]+)/")

DLD = "uncategorised/FLASH.EXP/HEXTOF.DAQ/DLD1"
# The rows of the delay-line detector as the loader of HEXTOF knows them; row 4 holds slow values by position.
HEXTOF: Mapping[str, Channel] = {
    "x": Channel(DLD, (1,), "pixel", hits=True),
    "y": Channel(DLD, (0,), "pixel", hits=True),
    "pulse": Channel(DLD, (2,), "dimensionless", hits=True),
    "tof": Channel(DLD, (3,), "dimensionless", hits=True),
    "sample_bias": Channel(DLD, (4, 0), "V"),
    "tof_voltage": Channel(DLD, (4, 1), "V"),
    "extractor_voltage": Channel(DLD, (4, 2), "V"),
    "extractor_current": Channel(DLD, (4, 3)),
    "cryo_temperature": Channel(DLD, (4, 4)),
    "sample_temperature": Channel(DLD, (4, 5)),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One channel in one file: its trains, and the dataset of its values."""

    file: Path
    trains: np.ndarray[Any, np.dtype[np.uint64]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class FlashDaq:
    """The reader of one file, or of a folder that holds the files of one run.

    `channels`, as an assumption, is the channel map of a beamtime; without it every
    channel stands under its path, and the delay-line detector of HEXTOF under the names
    of its own loader, which is flagged.
    """

    name: str = "flash_daq"
    late_s: float = late.LATE_S
    assumed: dict[str, str] = field(default_factory=dict)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What can be supplied: the channel map, as JSON."""
        return ("channels",)

    def assuming(self, assumed: Mapping[str, str]) -> FlashDaq:
        """The same reader with a channel map."""
        return replace(self, assumed=dict(assumed))

    def probe(self, probe: Probe) -> Confidence:
        """By the trees that only this DAQ writes, with a channel of index and value in them."""
        try:
            files = run_files(probe.path)
        except AdapterError:
            return Confidence.NO
        if not files or (probe.path.is_file() and not probe.head.startswith(hdf5.MAGIC)):
            return Confidence.NO
        try:
            with hdf5.opened(files[0]) as file:
                ours = bool(TREES & set(file)) and next(channels_in(file), None) is not None
        except AdapterError:
            # In a folder the name of a file speaks for it, even while it is being written.
            return Confidence.SIGNATURE if probe.path.is_dir() else Confidence.NO
        return Confidence.INSTRUMENT if ours else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every file opens, every channel is whole, and the numbers of the files have no gap."""
        try:
            files = run_files(path)
            if not files:
                return Readiness.broken(f"{path} holds no files of the FLASH DAQ")
            for file in files:
                with hdf5.opened(file) as opened:
                    if dangling := hdf5.dangling_links(opened):
                        return Readiness.broken(f"{file.name}: links lead nowhere: {dangling[0]}")
                    _whole(opened, file)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            witnesses = [path] if path.is_file() else []
            return late.judged(str(error), witnesses, may_come=path.is_dir(), late_s=self.late_s)
        if missing := _gaps(files):
            return late.judged(f"files are missing: {', '.join(missing)}", files, late_s=self.late_s)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Every channel against the trains of all of them; NaN where a channel has no such train."""
        files = run_files(path)
        if not files:
            raise LayoutError(path, "no files of the FLASH DAQ are in it")
        parts, flags = _parts(files), _lost(files)
        if not parts:
            raise LayoutError(path, "it has no channels of index and value")
        chosen = self._chosen(parts, path, flags)
        missing = {part: names for part in files if (names := _lacking(part, parts, chosen))}
        if missing:
            said = "; ".join(f"{file.name} has no {', '.join(names)}" for file, names in missing.items())
            flags.append(Flag.caution("channel_missing", f"{said}: NaN stands there"))
        data = _dataset(parts, chosen, flags)
        home = HOME.search(str(path.absolute()))
        electrons = {"x", "y", "tof"} <= set(data)
        metadata = Metadata(
            technique="mpes" if electrons else "trains",
            facility="flash",
            instrument=home[1] if home else None,
            raw={"run": _run_of(files[0]), "channels": sorted(parts)},
        )
        provenance = Provenance(str(path), self.name, VERSION, tuple(map(str, files)))
        return Measurement(data, metadata, provenance, tuple(flags))

    def _chosen(self, parts: Mapping[str, list[Part]], path: Path, flags: list[Flag]) -> dict[str, Channel]:
        if given := self.assumed.get("channels"):
            chosen = maps.parsed(given)
            if absent := [each.dataset for each in chosen.values() if each.dataset not in parts]:
                raise LayoutError(path, f"it has no channel {', '.join(dict.fromkeys(absent))}")
            flags.append(Flag.info("channel_map_given", f"{len(chosen)} channels are named by the map given"))
            return chosen
        chosen = {name: Channel(name) for name in parts if name != DLD}
        if DLD in parts:
            chosen = {**HEXTOF, **chosen}
            said = f"the rows of {DLD} are taken as the loader of HEXTOF does; give channels to say otherwise"
            flags.append(Flag.info("channel_map_assumed", said))
        return chosen


def run_files(path: Path) -> list[Path]:
    """The file itself, or those of the one run in a folder, by stream and number of the file.

    Raises
    ------
    LayoutError
        The folder holds several runs.
    """
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_file():
        return [path]
    try:
        found = [(each, match) for each in path.iterdir() if (match := NAME.match(each.name))]
    except OSError as error:
        raise PathError(path, str(error.strerror or error)) from error
    runs = sorted({int(match["run"]) for _, match in found})
    if len(runs) > 1:
        raise LayoutError(path, f"it holds the runs {', '.join(map(str, runs))}; give the files of one")
    # file10 comes after file2.
    return [each for each, _ in sorted(found, key=lambda pair: _order(pair[1]))]


def _order(match: re.Match[str]) -> tuple[str, int, str, int]:
    return match["stream"], int(match["file"]), match["time"], int(match["k"])


def _run_of(file: Path) -> int | None:
    match = NAME.match(file.name)
    return int(match["run"]) if match else None


def _gaps(files: list[Path]) -> list[str]:
    """Numbers that the DAQ gave to files of a stream and that are not there, the first being 1."""
    numbers: dict[str, set[int]] = {}
    if len(files) == 1:
        # One file by itself was asked for, and is all that is judged.
        return []
    for file in files:
        if match := NAME.match(file.name):
            numbers.setdefault(match["stream"], set()).add(int(match["file"]))
    return [
        f"{stream} file{number}"
        for stream, there in sorted(numbers.items())
        for number in range(1, max(there))
        if number not in there
    ]


def channels_in(file: h5py.File, *, torn: bool = False) -> Iterator[str]:
    """Paths of the groups that hold an index of trains and values, or that lost one of the two."""
    stack: list[tuple[str, Any]] = [
        (name, file[name]) for name in sorted(file, reverse=True) if name in TREES
    ]
    while stack:
        name, item = stack.pop()
        if not isinstance(item, h5py.Group):
            continue
        there = [isinstance(item.get(each), h5py.Dataset) for each in ("index", "value")]
        if any(there):
            if all(there) is not torn:
                yield name
            continue
        inside = [
            (f"{name}/{key}", item.get(key)) for key in item if item.get(key, getclass=True) is h5py.Group
        ]
        stack.extend(reversed(inside))


def _whole(file: h5py.File, path: Path) -> dict[str, Part]:
    """Every channel of one file, its values as many as its trains or none at all."""
    found = {}
    for name in channels_in(file):
        index, value = file[name]["index"], file[name]["value"]
        if index.ndim != 1 or index.dtype.kind not in "iu" or value.ndim < 1 or value.dtype.kind not in "iuf":
            raise CorruptFileError(path, f"{name} is no channel: index {index.shape}, value {value.shape}")
        if len(value) not in (0, len(index)):
            raise CorruptFileError(path, f"{name} has {len(value)} values for {len(index)} trains")
        # A value cut off by a crash of the DAQ: the trains are known, what was measured is not.
        trains = index[:] if len(value) else index[:0]
        found[name] = Part(path, trains.astype(np.uint64), value.shape, value.dtype)
    return found


def _parts(files: list[Path]) -> dict[str, list[Part]]:
    parts: dict[str, list[Part]] = {}
    for path in files:
        with hdf5.opened(path) as file:
            for name, part in _whole(file, path).items():
                parts.setdefault(name, []).append(part)
    return parts


def _lost(files: list[Path]) -> list[Flag]:
    """Channels whose values are not there though the trains are, or the other way round."""
    lost: dict[str, None] = {}
    for path in files:
        with hdf5.opened(path) as file:
            lost |= dict.fromkeys(channels_in(file, torn=True))
    said = f"channels with trains and no values, or values and no trains, are left out: {', '.join(lost)}"
    return [Flag.caution("values_missing", said)] if lost else []


def _lacking(file: Path, parts: Mapping[str, list[Part]], chosen: Mapping[str, Channel]) -> list[str]:
    """Channels that this file lacks though others of its stream have them."""
    match = NAME.match(file.name)
    stream = match["stream"] if match else None

    def same(part: Part) -> bool:
        other = NAME.match(part.file.name)
        return part.file != file and other is not None and other["stream"] == stream

    return [
        name
        for name in dict.fromkeys(each.dataset for each in chosen.values())
        if any(same(part) for part in parts[name]) and all(part.file != file for part in parts[name])
    ]


def _dataset(parts: Mapping[str, list[Part]], chosen: Mapping[str, Channel], flags: list[Flag]) -> xr.Dataset:
    joins = {
        path: joined.join([part.trains for part in parts[path]])
        for path in dict.fromkeys(each.dataset for each in chosen.values())
    }
    _told(joins, parts, flags)
    trains = np.unique(np.concatenate([each.index for each in joins.values()]))
    variables: dict[str, Any] = {}
    for name, channel in chosen.items():
        source = _source(channel, parts[channel.dataset], joins[channel.dataset], trains)
        if source is None:
            continue
        behind = ("hit",) if channel.hits else tuple(f"{name}_{axis}" for axis in range(source.ndim - 1))
        variables[name] = (("train", *behind), joined.lazy(source), {"units": channel.unit})
    unknown = sum(each[2]["units"] == maps.UNKNOWN_UNIT for each in variables.values())
    if unknown:
        said = f"no file of this DAQ states units; {unknown} channels stand in arbitrary ones"
        flags.append(Flag.info("units_unstated", said))
    coords = {"train": ("train", trains, {"units": "dimensionless", "long_name": "macrobunch"})}
    return xr.Dataset(variables, coords)


def _source(
    channel: Channel, parts: list[Part], own: joined.Join, trains: np.ndarray[Any, np.dtype[np.uint64]]
) -> joined.JoinedRows | None:
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        sizes = " and ".join(sorted(map(str, shapes)))
        raise LayoutError(parts[0].file, f"{channel.dataset} changes its shape between files: {sizes}")
    rest = shapes.pop()
    if len(channel.at) > len(rest) or any(
        not 0 <= at < size for at, size in zip(channel.at, rest, strict=False)
    ):
        raise LayoutError(
            parts[0].file, f"{channel.dataset} has the shape {rest}, so there is no {channel.at}"
        )
    if channel.hits and len(rest) - len(channel.at) != 1:
        raise LayoutError(parts[0].file, f"{channel.dataset} at {channel.at} is no list of single hits")
    piece, row = joined.spread(own, trains)
    pieces = tuple(joined.Piece(str(part.file), f"{channel.dataset}/value") for part in parts)
    dtype = np.result_type(*(part.dtype for part in parts))
    return joined.JoinedRows(pieces, piece, row, rest=rest, dtype=dtype, pick=channel.at)


def _told(joins: Mapping[str, joined.Join], parts: Mapping[str, list[Part]], flags: list[Flag]) -> None:
    repeated = {path: each.repeated for path, each in joins.items() if each.repeated}
    if repeated:
        said = ", ".join(f"{count} in {path}" for path, count in repeated.items())
        flags.append(Flag.caution("trains_repeated", f"trains stand more than once, the last counts: {said}"))
    zeros = {path: each.zeros for path, each in joins.items() if each.zeros}
    if zeros:
        said = ", ".join(f"{count} in {path}" for path, count in zeros.items())
        flags.append(Flag.caution("trains_without_id", f"rows without a train id are left out: {said}"))
    empty = [path for path in joins if any(part.shape[0] == 0 for part in parts[path])]
    if empty:
        flags.append(Flag.caution("values_missing", f"trains without values, NaN there: {', '.join(empty)}"))


FLASH_DAQ = FlashDaq()
