"""Event NeXus as ESS, ISIS and others write it: banks of events, pixels, monitors, discovered by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5, late, nexus_events, nexus_monitors, nexus_pixels
from adapters.formats.nexus import Number, Places, first_place, in_one_flag, kept, number, text
from adapters.formats.nexus_events import EventGroup
from adapters.formats.nexus_groups import by_class, child, last_name, nexus_class, owner
from adapters.formats.nexus_pixels import Bank, Window, bank_of
from adapters.formats.nxlog import held, nanoseconds
from adapters.formats.nxmx import aware
from adapters.formats.transformations import UNSTATED, placement
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Adapter, Confidence, Probe

VERSION = "1"
EVENTS, DETECTOR, MONITOR, ENTRY = "NXevent_data", "NXdetector", "NXmonitor", "NXentry"
SOURCES = ("NXsource", "NXmoderator")
CHOPPERS = "NXdisk_chopper"
LOOKED_FOR = (EVENTS, DETECTOR, MONITOR, ENTRY, *SOURCES, CHOPPERS, "NXsample", "NXinstrument")
Groups = dict[str, list[h5py.Group]]


@dataclass(frozen=True)
class EventNexus:
    """The reader of runs that hold neutron events; a table makes it that of an instrument.

    Parameters
    ----------
    name, technique, facility
        As they stand in metadata.
    instruments
        What the file may call the instrument, in small letters; empty takes any that no table names.
    time_unit
        What the instrument means where its times of events state no unit; None refuses such files.
    banks
        Names of detectors that every file must have.
    ends
        Whether the writer notes the end of a run, so that a file without it is not finished.
    raw
        Places below the entry whose content is kept as it stands.
    charge
        Places below the entry of the proton charge, single or one a pulse.
    """

    name: str = "nexus_events"
    technique: str = "tof"
    facility: str | None = None
    instruments: tuple[str, ...] = ()
    time_unit: str | None = None
    banks: tuple[str, ...] = ()
    ends: bool = False
    raw: tuple[str, ...] = ("title", "run_number", "end_time", "experiment_identifier", "good_frames")
    charge: Places = ("proton_charge", "framelog/proton_charge/value")
    late_s: float = late.LATE_S
    numbers: Mapping[str, Number] = field(default_factory=dict)
    """Metadata by name, from places below the entry."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What can be supplied for files that do not say it."""
        return ("time_unit",)

    def assuming(self, assumed: Mapping[str, str]) -> Adapter:
        """The same reader with the unit of event times in hand."""
        return replace(self, time_unit=assumed.get("time_unit", self.time_unit))

    def probe(self, probe: Probe) -> Confidence:
        """By events in an entry, and for a table the name of the instrument."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                groups = by_class(file, EVENTS, ENTRY, "NXinstrument")
                if not groups[EVENTS] or not groups[ENTRY]:
                    return Confidence.NO
                called = (instrument_name(groups) or "").lower()
        except AdapterError:
            return Confidence.NO
        if not self.instruments:
            return Confidence.CONTENT
        return Confidence.INSTRUMENT if called in self.instruments else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the writer has finished, and all that it promised is there."""
        try:
            with hdf5.opened(path) as file:
                groups = by_class(file, *LOOKED_FOR)
                entry = entry_of(file, groups)
                if self.ends and hdf5.has(entry, "start_time") and not hdf5.has(entry, "end_time"):
                    judged = late.judged(f"{path} notes no end_time", [path], late_s=self.late_s)
                    if judged != Readiness.broken(judged.reason):
                        return judged
                reasons = self._faults(file, groups, path)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.broken(f"{path}: {'; '.join(reasons)}") if reasons else Readiness.ready()

    def _faults(self, file: h5py.File, groups: Groups, path: Path) -> list[str]:
        found = self._event_groups(groups)
        usable = [each for each in found.values() if not each.fault]
        if not usable:
            return [f"no events can be used: {'; '.join(each.fault for each in found.values())}"]
        window = self._window(entry_of(file, groups))
        sample = sample_origin(groups, window)
        # Small and telling: whether every chain that places something leads to its end.
        for monitor in groups[MONITOR]:
            nexus_monitors.position(monitor, sample, window)
        for detector in groups[DETECTOR]:
            placement(detector, window.start_ns, window.end_ns)
        nexus_monitors.variables(
            groups[MONITOR], _of_monitors(groups, found), path, sample, window, self.time_unit
        )
        broken = (
            said
            for each in usable
            for said in (
                nexus_events.wrong_index(file[each.path], each.events),
                nexus_events.wrong_total(file[each.path], each.events),
            )
        )
        return [said for said in broken if said]

    def open(self, path: Path) -> Measurement:
        """Events in slabs, pixels by bank, monitors; reads what is said of them, not what they hold."""
        import xarray as xr

        with hdf5.opened(path) as file:
            groups = by_class(file, *LOOKED_FOR)
            entry = entry_of(file, groups)
            window = self._window(entry)
            sample = sample_origin(groups, window)
            found = self._event_groups(groups)
            monitors = _of_monitors(groups, found)
            counted = [each for name, each in found.items() if each not in monitors.values()]
            usable = [each for each in counted if not each.fault]
            if not usable:
                faults = "; ".join(each.fault for each in counted) or "only monitors counted"
                raise LayoutError(path, f"no events of a detector can be used: {faults}")
            banks = [bank for each in groups[DETECTOR] if (bank := bank_of(each)) is not None]
            data = nexus_events.variables(file, path, usable)
            data |= self._pixels(path, banks, counted, sample, window)
            more, flags = nexus_monitors.variables(
                groups[MONITOR], monitors, path, sample, window, self.time_unit
            )
            data |= more
            if (flight := source_distance(groups, sample, window)) is not None:
                data["source_distance"] = ((), flight, {"units": "m"})
            flags = [
                *nexus_events.flags_of(usable),
                *self._remarks(file, groups, counted, banks),
                *flags,
                *moving(groups, window),
            ]
            metadata = self._metadata(entry, groups, path, window, counted, banks, flags)
        dataset = xr.Dataset(data)
        return Measurement(dataset, metadata, Provenance(str(path), self.name, VERSION), in_one_flag(flags))

    def _event_groups(self, groups: Groups) -> dict[str, EventGroup]:
        found = {}
        for group in groups[EVENTS]:
            above = owner(group, (DETECTOR, MONITOR))
            # Events beside their detector, as ISIS writes them, are named after themselves.
            named = last_name(above if above is not None else group)
            found[str(group.name)] = nexus_events.event_group(group, named, self.time_unit)
        return found

    def _window(self, entry: h5py.Group) -> Window:
        start, end = (text(entry, name) for name in ("start_time", "end_time"))
        return Window(
            nanoseconds(str(start)) if aware(start) else None, nanoseconds(str(end)) if aware(end) else None
        )

    def _pixels(
        self,
        path: Path,
        banks: list[Bank],
        counted: list[EventGroup],
        sample: nexus_pixels.Floats,
        window: Window,
    ) -> dict[str, Any]:
        if not banks:
            return {}
        found = nexus_pixels.variables(path, banks, sample, window)
        silent = [bank not in _with_events(banks, counted) for bank in banks]
        mask = np.repeat(np.array(silent), [bank.pixels for bank in banks])
        found["mask"] = ("pixel", mask, {"units": "dimensionless", "long_name": "pixels not to be used"})
        return found

    def _remarks(
        self, file: h5py.File, groups: Groups, counted: list[EventGroup], banks: list[Bank]
    ) -> list[Flag]:
        flags = []
        for each in counted:
            if each.fault:
                said = f"{each.owner} is left out with {each.events} events: {each.fault}"
                flags.append(Flag.invalid("bank_unusable", said))
        numbered = {bank.path for bank in banks}
        bare = [last_name(group) for group in groups[DETECTOR] if group.name not in numbered]
        if banks and bare:
            said = f"{', '.join(bare)} does not number its pixels; they are left out"
            flags.append(Flag.caution("geometry_incomplete", said))
        there = {last_name(group) for group in groups[DETECTOR]}
        if lost := [name for name in self.banks if name not in there]:
            flags.append(Flag.caution("bank_missing", f"the file has no detector {', '.join(lost)}"))
        silent = [bank.name for bank in banks if bank not in _with_events(banks, counted)]
        faulty = {each.owner for each in counted if each.fault}
        if silent := [name for name in silent if name not in faulty]:
            said = f"{', '.join(silent)} recorded no events of its own; its pixels are masked"
            flags.append(Flag.caution("bank_without_events", said))
        flags += [
            Flag.info("unit_assumed", f"{place} ({Window().length_unit})")
            for bank in banks
            for place in nexus_pixels.without_unit(file[bank.path])
        ]
        if not any(bank.located for bank in banks):
            flags.append(Flag.caution("no_geometry", "the file does not say where its pixels stand"))
        elif lacking := [bank.name for bank in banks if not bank.located]:
            flags.append(Flag.caution("no_geometry", f"nothing says where {', '.join(lacking)} stands"))
        if lost := [
            place for bank in banks if bank.located for place in nexus_pixels.lacking(file[bank.path])
        ]:
            said = (
                f"{', '.join(lost[:4])} {'are' if len(lost) > 1 else 'is'} not there: taken as 0, or unknown"
            )
            flags.append(Flag.caution("geometry_incomplete", said))
        placed = any(hdf5.has(sample, "depends_on") for sample in groups["NXsample"])
        if not placed and any(bank.located for bank in banks):
            said = "the file does not place its sample; it is taken at the origin, as NeXus means it"
            flags.append(Flag.info("sample_at_origin", said))
        if dead := hdf5.dangling_links(file):
            named = ", ".join(dead[:3]) + (f" and {len(dead) - 3} more" if len(dead) > 3 else "")
            flags.append(Flag.caution("dead_links", f"{len(dead)} links lead nowhere: {named}"))
        if self.ends and not hdf5.has(entry_of(file, groups), "end_time"):
            said = "the writer noted no end of the run; it may have stopped before the measurement did"
            flags.append(Flag.caution("end_not_noted", said))
        return flags

    def _metadata(
        self,
        entry: h5py.Group,
        groups: Groups,
        path: Path,
        window: Window,
        counted: list[EventGroup],
        banks: list[Bank],
        flags: list[Flag],
    ) -> Metadata:
        raw = {place: kept(entry, place) for place in self.raw if hdf5.has(entry, place)}
        if (place := first_place(entry, self.charge)) is not None:
            charge = hdf5.require(entry, place)
            if charge.dtype.kind in "iuf" and 0 < charge.size <= 100_000_000:
                raw["proton_charge"] = float(np.asarray(charge[()], float).sum())
        raw["events"] = {each.owner: each.events for each in counted}
        raw["pulses_with_events"] = {each.owner: each.pulses for each in counted}
        if banks:
            raw["pixels"] = {bank.name: bank.pixels for bank in banks}
        if choppers := {last_name(each): chopper(each, window) for each in groups[CHOPPERS]}:
            raw["choppers"] = choppers
        values: dict[str, Any] = {
            name: number(entry, wanted, path, flags) for name, wanted in self.numbers.items()
        }
        return Metadata(
            technique=self.technique,
            facility=self.facility,
            instrument=instrument_name(groups),
            sample_name=text(entry, "sample/name"),
            start_time=aware(text(entry, "start_time")),
            temperature_k=temperature(entry, window),
            raw=raw,
            **values,
        )


def entry_of(file: h5py.File, groups: Groups) -> h5py.Group:
    """The entry that holds events, the first by name if several do."""
    holds = [
        each for each in groups[ENTRY] if any(g.name.startswith(f"{each.name}/") for g in groups[EVENTS])
    ]
    if not holds:
        raise LayoutError(file.filename, "no entry holds events")
    return holds[0]


def instrument_name(groups: Groups) -> str | None:
    """What the file calls its instrument."""
    named = (text(each, "name") for each in (*groups["NXinstrument"], *groups[ENTRY]))
    return next((name for name in named if name), None)


def _of_monitors(groups: Groups, found: dict[str, EventGroup]) -> dict[str, EventGroup]:
    """Events of monitors by the path of the monitor."""
    paths = {}
    for group in groups[EVENTS]:
        above = owner(group, (DETECTOR, MONITOR))
        if above is not None and nexus_class(above) == MONITOR:
            paths[str(above.name)] = found[str(group.name)]
    return paths


def _with_events(banks: list[Bank], counted: list[EventGroup]) -> list[Bank]:
    """Banks whose pixels may have counted: those with events inside, or all where events stand outside."""
    good = [each for each in counted if not each.fault]
    outside = any(not any(each.path.startswith(f"{bank.path}/") for bank in banks) for each in good)
    return [bank for bank in banks if outside or any(each.path.startswith(f"{bank.path}/") for each in good)]


def sample_origin(groups: Groups, window: Window) -> nexus_pixels.Floats:
    """Where the sample stands, (3,) in m: by its chain, or at the origin, as NeXus means it."""
    for sample in groups["NXsample"]:
        stands = placement(sample, window.start_ns, window.end_ns)
        if stands is not UNSTATED:
            return stands.origin
    return np.zeros(3)


def source_distance(groups: Groups, sample: nexus_pixels.Floats, window: Window) -> float | None:
    """Flight path from source to sample in m; None where the file does not place the source."""
    for name in SOURCES:
        for group in groups[name]:
            stands = placement(group, window.start_ns, window.end_ns)
            if stands is not UNSTATED:
                return float(np.linalg.norm(stands.origin - sample))
            where = nexus_monitors.position(group, sample, window)
            if where is not None:
                return abs(where)
    return None


def temperature(entry: h5py.Group, window: Window) -> float | None:
    """Mean temperature of the sample during the run in K; None where no log or number with a unit says it."""
    item = entry.get("sample/temperature")
    found = held(item, window.start_ns, window.end_ns) if isinstance(item, h5py.Group) else None
    if found is not None:
        return None if found.unit is None else convert(found.mean, found.unit, "K", str(item.name))
    wanted = Number("sample/temperature", to="K")
    return number(entry, wanted, Path(entry.file.filename), []) if isinstance(item, h5py.Dataset) else None


def moving(groups: Groups, window: Window) -> list[Flag]:
    """Remarks on components whose axes changed during the run; their mean by time is used."""
    moved: dict[str, None] = {}
    for group in (*groups[DETECTOR], *groups["NXsample"], *groups[MONITOR]):
        for axis in placement(group, window.start_ns, window.end_ns).moved:
            moved[axis] = None
    if not moved:
        return []
    said = f"{', '.join(moved)} changed during the run; the mean by time is used"
    return [Flag.caution("moved_during_run", said)]


def chopper(group: h5py.Group, window: Window) -> dict[str, Any]:
    """What a chopper says of itself: its logs and numbers, each as mean, range and unit."""
    said: dict[str, Any] = {}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            found = held(item, window.start_ns, window.end_ns)
            if found is not None:
                said[name] = [found.mean, found.lowest, found.highest, found.unit]
        elif child(group, name) is not None:
            said[name] = kept(group, name)
    return said


NEXUS_EVENTS = EventNexus()
