"""Neutron events in NeXus: which pixel counted when, pulse by pulse, in slabs and never all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import LayoutError
from adapters.formats import hdf5
from adapters.formats.nexus import units
from adapters.formats.nexus_groups import child
from adapters.model import Flag, convert

if TYPE_CHECKING:
    import dask.array as da

# About four million events: what two cores can hold of a stream without waiting for memory.
SLAB_BYTES = 16 * 2**20
NANOSECOND = "ns"


@dataclass(frozen=True, slots=True)
class EventGroup:
    """One NXevent_data: where it is, how many events and pulses, and what is wrong with it."""

    path: str
    owner: str
    events: int
    pulses: int
    time_unit: str
    unit_assumed: bool = False
    fault: str = ""
    timed: bool = True


def event_group(group: h5py.Group, owner: str, time_unit: str | None) -> EventGroup:
    """What a group of events says of itself; its arrays are not read.

    Raises
    ------
    LayoutError
        An array is missing, of the wrong kind, or its times state no unit and the layout knows none.
    """
    offset = hdf5.require(group, "event_time_offset")
    stated = units(offset)
    if stated is None and time_unit is None:
        raise LayoutError(
            group.file.filename,
            f"{offset.name} states no unit; a reader of the instrument, or time_unit, must say it",
        )
    unit = stated or str(time_unit)
    convert(1.0, unit, NANOSECOND, f"{group.file.filename}:{offset.name}")
    _flat(offset, "iuf")
    identity = child(group, "event_id")
    index, zero = child(group, "event_index"), child(group, "event_time_zero")
    for each, kinds in ((identity, "iu"), (index, "iuf"), (zero, "iuf")):
        if each is not None:
            _flat(each, kinds)
    pulses = 0 if index is None else int(index.size)
    fault = ""
    if identity is None or identity.size != offset.size:
        have = 0 if identity is None else identity.size
        fault = (
            f"{have} pixel numbers stand beside {offset.size} times, and nothing tells which belong together"
        )
    elif zero is not None and index is not None and zero.size != index.size:
        fault = f"{zero.size} pulse times stand beside {index.size} indices of pulses"
    timed = zero is not None
    return EventGroup(str(group.name), owner, int(offset.size), pulses, unit, stated is None, fault, timed)


def _flat(stored: h5py.Dataset, kinds: str) -> None:
    if stored.dtype.kind not in kinds or len(stored.shape) != 1:
        said = f"{stored.name} is {stored.dtype} of shape {stored.shape}, not a row of numbers"
        raise LayoutError(stored.file.filename, said)


def wrong_index(group: h5py.Group, events: int) -> str:
    """What is wrong with the index of pulses, read in slabs; nothing if it is right."""
    index = child(group, "event_index")
    if index is None:
        return ""
    last = 0
    for start in range(0, index.size, 2**20):
        part = np.asarray(index[start : start + 2**20]).astype(np.float64)
        if part.min() < 0 or part.max() > events:
            return f"{index.name} points outside the {events} events"
        if part[0] < last or (np.diff(part) < 0).any():
            return f"{index.name} goes back"
        last = part[-1]
    return ""


def wrong_total(group: h5py.Group, events: int) -> str:
    """Whether the writer counted other than is there; nothing if it did not, or did not say."""
    total = child(group, "total_counts")
    if total is None or total.dtype.kind not in "iuf" or total.size != 1:
        return ""
    said = float(np.asarray(total[()]).ravel()[0])
    return "" if said == events else f"{group.name} promises {said:g} events and holds {events}"


def variables(file: h5py.File, path: Path, groups: Sequence[EventGroup]) -> dict[str, Any]:
    """Events of all `groups` end to end, with the pulses they belong to; nothing is read yet."""
    import dask.array as da

    starts = np.concatenate([[0], np.cumsum([each.events for each in groups])])
    identity, offsets, first, zero, owner = [], [], [], [], []
    for number, (each, start) in enumerate(zip(groups, starts, strict=False)):
        group = file[each.path]
        identity.append(_lazy(hdf5.require(group, "event_id"), path))
        offsets.append(_scaled(_lazy(hdf5.require(group, "event_time_offset"), path), each.time_unit))
        if each.pulses:
            first.append(_lazy(hdf5.require(group, "event_index"), path).astype(np.int64) + int(start))
            zero.append(_zero(group, path, each.pulses))
            owner.append(np.full(each.pulses, number, np.int16))
    found: dict[str, Any] = {
        "event_id": ("event", _joined(identity, np.int32), {"units": "dimensionless"}),
        "time_of_flight": ("event", _joined(offsets, np.float32), {"units": NANOSECOND}),
    }
    if first:
        found["first_event"] = ("pulse", da.concatenate(first), {"units": "dimensionless"})
        found["pulse_time"] = ("pulse", da.concatenate(zero), {"units": "s", "since": "1970-01-01T00:00:00Z"})
        found["pulse_bank"] = ("pulse", np.concatenate(owner), {"units": "dimensionless"})
    return found


def _lazy(stored: h5py.Dataset, path: Path) -> da.Array:
    return hdf5.lazy(stored, path, block_bytes=SLAB_BYTES)


def _joined(parts: list[da.Array], dtype: Any) -> da.Array:
    import dask.array as da

    if not parts:
        none: da.Array = da.zeros(0, dtype)
        return none
    whole: da.Array = parts[0] if len(parts) == 1 else da.concatenate(parts)
    return whole


def _scaled(offsets: da.Array, unit: str) -> da.Array:
    factor = convert(1.0, unit, NANOSECOND)
    scaled: da.Array = offsets if factor == 1 else offsets * np.float32(factor)
    return scaled


def _zero(group: h5py.Group, path: Path, pulses: int) -> da.Array:
    """Times of pulses in s since 1970 (to a quarter of a microsecond); NaN where the file has none."""
    import dask.array as da

    from adapters.formats.nxlog import nanoseconds

    stored = child(group, "event_time_zero")
    if stored is None:
        unknown: da.Array = da.full(pulses, np.nan)
        return unknown
    # NeXus and the writers of ISIS mean seconds where no unit is stated.
    factor = convert(1.0, units(stored) or "s", "s", str(stored.name))
    since = stored.attrs.get("start", stored.attrs.get("offset"))
    begin = nanoseconds(hdf5.text(since)) * 1e-9 if since is not None else 0.0
    times: da.Array = _lazy(stored, path).astype(np.float64) * factor + begin
    return times


def flags_of(groups: Sequence[EventGroup]) -> list[Flag]:
    """What must be said of groups of events: units assumed, banks without events."""
    flags = []
    if assumed := [each for each in groups if each.unit_assumed]:
        said = ", ".join(each.owner for each in assumed)
        flags.append(Flag.info("unit_assumed", f"the event times of {said} ({assumed[0].time_unit})"))
    if lost := [each.owner for each in groups if each.events and not each.pulses]:
        said = f"nothing tells which pulse the events of {', '.join(lost)} belong to"
        flags.append(Flag.caution("pulses_unknown", said))
    if untimed := [each.owner for each in groups if each.pulses and not each.timed]:
        said = f"nothing tells when the pulses of {', '.join(untimed)} were"
        flags.append(Flag.caution("pulse_times_unknown", said))
    empty = [each.owner for each in groups if not each.events]
    if empty and len(empty) < len(groups):
        flags.append(Flag.caution("bank_empty", f"no event at all in {', '.join(empty)}"))
    if groups and len(empty) == len(groups):
        flags.append(Flag.invalid("no_events", "the run holds no event at all"))
    return flags
