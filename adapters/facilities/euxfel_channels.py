"""Channels of European XFEL runs: one value or a list a train, joined over files by train id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import CorruptFileError, LayoutError, UnitError
from adapters.facilities import euxfel_files as files
from adapters.facilities.euxfel_files import FileIndex, Source
from adapters.formats import channels as maps
from adapters.formats import hdf5, joined
from adapters.formats.channels import UNKNOWN_UNIT, Channel
from adapters.model import Flag, convert

# Channels that are read unless others are asked for: pulse energies, and where stages stand.
USUAL = re.compile(
    r"\S+XGM/\S+:output data\.intensity(Sa[123])?TD$"
    r"|\S+XGM/\S+ pulseEnergy\.(photonFlux|wavelengthUsed)\.value$"
    r"|\S+ actualPosition\.value$"
)
# Electrons of a delay-line detector; lists of fixed length, unused places zero.
MCP = re.compile(r"\S+/DET/MCP_DETECTOR:output$")
ELECTRONS = {"x": "data.x", "y": "data.y", "tof": "data.t"}


def wanted(
    assumed: Mapping[str, str], indices: list[FileIndex], path: Path, flags: list[Flag]
) -> dict[str, Channel]:
    """Channels by name; a path is a source and a key with a space between."""
    if said := assumed.get("channels"):
        chosen = maps.parsed(said)
        if wrong := [each.dataset for each in chosen.values() if " " not in each.dataset]:
            raise LayoutError(path, f"{wrong[0]!r} is not a source and a key with a space between")
        flags.append(Flag.info("channel_map_given", f"{len(chosen)} channels are named by the map given"))
        return chosen
    return {name: Channel(name) for name in _usual(indices)}


def _usual(indices: list[FileIndex]) -> list[str]:
    names: dict[str, None] = {}
    for index in indices:
        wanted = [s for s in sorted(index.instrument | index.control) if "XGM" in s or s in index.control]
        if not wanted:
            continue
        with hdf5.opened(index.path) as file:
            for source in wanted:
                section = "INSTRUMENT" if source in index.instrument else "CONTROL"
                for key in _keys(file.get(f"{section}/{source}")):
                    if USUAL.match(name := f"{source} {key}"):
                        names[name] = None
    return list(names)


def _keys(group: Any) -> list[str]:
    found: list[str] = []
    if isinstance(group, h5py.Group):
        group.visititems(
            lambda name, item: (
                found.append(name.replace("/", ".")) if isinstance(item, h5py.Dataset) else None
            )
        )
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one channel: where they lie, and the shape, type and unit that they have there."""

    sources: tuple[Source, ...]
    dataset: tuple[str, ...]
    rest: tuple[int, ...]
    dtype: np.dtype[Any]
    unit: str


def values_of(channel: Channel, indices: list[FileIndex]) -> Values | None:
    """Where the values of a channel lie in all files of a run; None where no file has numbers of it."""
    source, _, key = channel.dataset.partition(" ")
    inner = key.replace(".", "/")
    group = inner.partition("/")[0]
    sources: list[Source] = []
    names, shapes, types, units = [], set(), [], []
    for index in indices:
        if source not in index.instrument and source not in index.control:
            continue
        with hdf5.opened(index.path) as file:
            instrument = source in index.instrument
            rows = files.source_rows(index, file, source, group if instrument else "")
            root = f"INSTRUMENT/{source}" if instrument else f"CONTROL/{source}"
            item = file.get(f"{root}/{inner}")
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iufb":
                continue
            if len(rows.rows) and int(rows.rows.max()) >= len(item):
                raise CorruptFileError(
                    index.path, f"the index of {source} points past the {len(item)} rows of {key}"
                )
            sources.append(rows)
            names.append(str(item.name))
            shapes.add(item.shape[1:])
            types.append(item.dtype)
            units.append(_unit(item))
    if not sources:
        return None
    if len(shapes) > 1:
        raise LayoutError(sources[0].file, f"{channel.dataset} changes its shape between files")
    unit = channel.unit if channel.unit != UNKNOWN_UNIT else units[0] or UNKNOWN_UNIT
    return Values(tuple(sources), tuple(names), shapes.pop(), np.result_type(*types), unit)


def _unit(item: h5py.Dataset) -> str:
    """The unit as files since 2023 state it, on the dataset or its group; empty where unknown."""
    for place in (item, item.parent):
        symbol = hdf5.text(place.attrs.get("unitSymbol", ""))
        if symbol:
            spelled = hdf5.text(place.attrs.get("metricPrefixSymbol", "")) + symbol
            try:
                convert(1.0, spelled, spelled)
            except UnitError:
                return ""
            return spelled
    return ""


def trains_of(indices: list[FileIndex], values: Sequence[Values]) -> files.Trains:
    """Every train of an index or of a channel, some of which may lie outside the index of their file."""
    found = [index.trains[index.valid] for index in indices]
    found += [source.trains for each in values for source in each.sources]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)


def _joined(values: Values, trains: files.Trains, pick: tuple[int, ...]) -> joined.JoinedRows | None:
    """One row a train, or None where trains have several rows."""
    made = joined.join([source.trains for source in values.sources])
    if made.repeated and any(len(np.unique(each.trains)) < len(each.trains) for each in values.sources):
        return None
    piece, place = joined.spread(made, trains)
    row = np.array(place)
    for number, source in enumerate(values.sources):
        here = piece == number
        row[here] = source.rows[place[here]]
    pieces = tuple(
        joined.Piece(str(source.file), name)
        for source, name in zip(values.sources, values.dataset, strict=True)
    )
    return joined.JoinedRows(pieces, piece, row, rest=values.rest, dtype=values.dtype, pick=pick)


def variables_of(name: str, channel: Channel, values: Values, trains: files.Trains) -> dict[str, Any]:
    """Variables of a channel: one row a train, or its own axis with the train of each entry."""
    if any(not 0 <= at < size for at, size in zip(channel.at, values.rest, strict=False)) or len(
        channel.at
    ) > len(values.rest):
        raise LayoutError(
            values.sources[0].file, f"{channel.dataset} is {values.rest}, so there is no {channel.at}"
        )
    source = _joined(values, trains, channel.at)
    about = {"units": values.unit}
    if source is not None:
        behind = ("hit",) if channel.hits else tuple(f"{name}_{axis}" for axis in range(source.ndim - 1))
        return {name: (("train", *behind), joined.lazy(source), about)}
    # Several rows a train: they keep their own axis, each with its train.
    owners = np.concatenate([each.trains for each in values.sources])
    piece = np.repeat(np.arange(len(values.sources)), [len(each.rows) for each in values.sources])
    rows = np.concatenate([each.rows for each in values.sources])
    pieces = tuple(
        joined.Piece(str(each.file), where)
        for each, where in zip(values.sources, values.dataset, strict=True)
    )
    whole = joined.JoinedRows(pieces, piece, rows, rest=values.rest, dtype=values.dtype, pick=channel.at)
    entry = f"{name}_entry"
    behind = tuple(f"{name}_{axis}" for axis in range(whole.ndim - 1))
    return {
        name: ((entry, *behind), joined.lazy(whole), about),
        f"{name}_train": (entry, owners, {"units": "dimensionless"}),
    }


def electron_lists(indices: list[FileIndex], flags: list[Flag]) -> dict[str, Values]:
    """The lists of places and times of a delay-line detector; none, and a flag, where one is absent."""
    sources = sorted({source for index in indices for source in index.instrument if MCP.match(source)})
    if not sources:
        return {}
    found = {name: values_of(Channel(f"{sources[0]} {key}"), indices) for name, key in ELECTRONS.items()}
    lists = {name: each for name, each in found.items() if each is not None and len(each.rest) == 1}
    if absent := sorted(set(ELECTRONS) - set(lists)):
        said = f"{sources[0]} has no list of {', '.join(absent)}, so its electrons are not read"
        flags.append(Flag.caution("electrons_incomplete", said))
        return {}
    if len(lengths := {each.rest for each in lists.values()}) > 1:
        places = " and ".join(str(length) for (length,) in sorted(lengths))
        raise LayoutError(indices[0].path, f"the lists of {sources[0]} have places for {places} electrons")
    return lists


def electrons_of(lists: Mapping[str, Values], trains: files.Trains) -> dict[str, Any]:
    """Electrons by train; NaN in the places that no electron fills."""
    import dask.array as da

    sources = {name: _joined(values, trains, ()) for name, values in lists.items()}
    arrays = {name: joined.lazy(source) for name, source in sources.items() if source is not None}
    if not arrays or len(arrays) < len(lists):
        return {}
    # The detector fills its lists from the front and leaves zeros; no electron arrives at time zero.
    filled = arrays["tof"] > 0
    units = {"x": "pixel", "y": "pixel", "tof": "dimensionless"}
    return {
        name: (("train", "hit"), da.where(filled, values.astype(np.float64), np.nan), {"units": units[name]})
        for name, values in arrays.items()
    }
