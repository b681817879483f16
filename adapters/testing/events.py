"""Writers of runs in event mode as the ESS file writer and ISIS leave them, for tests; each can go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.testing.images import truncate

Numbers = np.ndarray[Any, Any]
# 2026-01-01T12:00:00Z in ns since 1970, and the time between two pulses of ESS (14 Hz).
START_NS = 1767268800_000_000_000
PULSE_NS = 71_428_571
# h / m of the neutron in m / ns for a wavelength of 1 angstrom: its speed.
NEUTRON_M_ANGSTROM_NS = 3956.0340e-9


class EventFault(StrEnum):
    """What may be wrong with a run of events."""

    TRUNCATE = "truncate"
    DROP_BANK = "drop_bank"
    EMPTY_PULSES = "empty_pulses"
    UNKNOWN_PIXEL = "unknown_pixel"
    SHORT_IDS = "short_ids"
    WRONG_UNIT = "wrong_unit"
    STILL_OPEN = "still_open"
    DANGLING = "dangling"
    CIRCLE = "circle"
    BAD_INDEX = "bad_index"
    DEAD_LINK = "dead_link"
    MOVING = "moving"


@dataclass(frozen=True)
class FlatBank:
    """A flat detector across the beam: rows by columns of square pixels, numbered along rows from `first`."""

    name: str
    first: int = 1
    shape: tuple[int, int] = (4, 5)
    pixel_m: float = 0.01
    distance_m: float = 5.0
    center_m: tuple[float, float] = (0.0, 0.0)

    @property
    def numbers(self) -> Numbers:
        """The number of each pixel, (rows, columns)."""
        return self.first + np.arange(self.shape[0] * self.shape[1], dtype=np.int32).reshape(self.shape)

    @property
    def offsets(self) -> tuple[Numbers, Numbers]:
        """Offsets of columns and of rows from the middle, in m."""
        rows, columns = self.shape
        return (
            (np.arange(columns) - (columns - 1) / 2) * self.pixel_m,
            (np.arange(rows) - (rows - 1) / 2) * self.pixel_m,
        )

    @property
    def positions(self) -> Numbers:
        """Positions of all pixels seen from the sample, (n, 3) in m."""
        x, y = self.offsets
        grid = np.meshgrid(x + self.center_m[0], y + self.center_m[1])
        return np.stack([grid[0].ravel(), grid[1].ravel(), np.full(grid[0].size, self.distance_m)], axis=1)


@dataclass(frozen=True)
class Counted:
    """What a bank or monitor counted: pixel numbers and times (ns), by pulse; `index` where each begins."""

    ids: Numbers
    times_ns: Numbers
    index: Numbers
    pulse_ns: Numbers = field(default_factory=lambda: np.zeros(0, np.uint64))

    @classmethod
    def of(cls, ids: Numbers, times_ns: Numbers, pulses: int = 3, empty: bool = False) -> Counted:
        """Events spread over `pulses`; with `empty`, every second pulse counted nothing and is not noted."""
        index = np.linspace(0, len(ids), pulses, endpoint=False).astype(np.int64)
        number = np.arange(pulses, dtype=np.uint64) * np.uint64(2 if empty else 1)
        return cls(ids, times_ns, index, np.uint64(START_NS) + number * np.uint64(PULSE_NS))


def some_events(bank: FlatBank, count: int = 20, seed: int = 1, pulses: int = 3, **more: Any) -> Counted:
    """`count` events anywhere on a bank, between 10 and 60 ms."""
    random = np.random.default_rng([seed, bank.first])
    ids = random.choice(bank.numbers.ravel(), count).astype(np.int32)
    return Counted.of(ids, random.integers(10_000_000, 60_000_000, count, dtype=np.int32), pulses, **more)


def put(group: h5py.Group, name: str, value: Any, unit: str | None = None, **attrs: Any) -> h5py.Dataset:
    """A dataset with its unit and attributes."""
    stored = group.create_dataset(name, data=value)
    if unit is not None:
        stored.attrs["units"] = unit
    for key, said in attrs.items():
        stored.attrs[key] = said
    return stored


def classed(parent: h5py.Group, name: str, nexus: str) -> h5py.Group:
    """A group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus
    return group


def place(group: h5py.Group, steps: Sequence[tuple[str, Any, str, str, Sequence[float]]]) -> None:
    """A chain of transformations (name, value, unit, kind, vector); the first is done first."""
    inside = classed(group, "transformations", "NXtransformations")
    names = [f"{inside.name}/{step[0]}" for step in steps] + ["."]
    for (name, value, unit, kind, vector), after in zip(steps, names[1:], strict=True):
        put(inside, name, value, unit, transformation_type=kind, vector=np.array(vector), depends_on=after)
    group["depends_on"] = names[0]


def write_events(group: h5py.Group, counted: Counted, fault: EventFault | None = None) -> None:
    """An NXevent_data as the ev44 module of the file writer makes it."""
    growing: dict[str, Any] = {"maxshape": (None,), "chunks": (2**16,)}
    ids = counted.ids[: len(counted.ids) * 2 // 3] if fault is EventFault.SHORT_IDS else counted.ids
    index = counted.index.copy()
    if fault is EventFault.BAD_INDEX:
        index[-1] = len(ids) + 1000
    unit = "kg" if fault is EventFault.WRONG_UNIT else "ns"
    start = "1970-01-01T00:00:00Z"
    for name, values, attrs in (
        ("event_id", ids.astype(np.int32), {}),
        ("event_time_offset", counted.times_ns.astype(np.int32), {"units": unit}),
        ("event_time_zero", counted.pulse_ns, {"units": "ns", "start": start}),
        ("event_index", index, {}),
        ("cue_index", np.zeros(0, np.int64), {}),
        ("cue_timestamp_zero", np.zeros(0, np.int64), {"units": "ns", "start": start}),
    ):
        stored = group.create_dataset(name, data=values, **growing)
        stored.attrs.update(attrs)


def write_log(parent: h5py.Group, name: str, value: Any, unit: str, seconds: Sequence[float]) -> h5py.Group:
    """A log as the f144 module makes it; `seconds` after the start of the run may be negative."""
    log = classed(parent, name, "NXlog")
    put(log, "value", np.asarray(value, float), unit)
    times = np.array([START_NS + int(each * 1e9) for each in seconds], np.uint64)
    put(log, "time", times, "ns", start="1970-01-01T00:00:00Z")
    return log


def write_ess(
    path: Path,
    banks: Sequence[FlatBank],
    counted: Sequence[Counted],
    *,
    instrument: str = "LOKI",
    source_m: float = 23.6,
    sample_m: float = 0.0,
    monitor_histogram: tuple[Numbers, Numbers, float] | None = None,
    monitor_events: tuple[Numbers, float] | None = None,
    fault: EventFault | None = None,
) -> Path:
    """A run as the ESS file writer leaves it.

    `monitor_histogram` is counts, edges (ns) and position (m along the beam from the sample);
    `monitor_events` is times (ns) and position. The source stands `source_m` before the sample.
    """
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs.update(creator="kafka-to-nexus commit 0000000", file_name=path.name, HDF5_Version="1.14.6")
        entry = classed(file, "entry", "NXentry")
        entry["title"], entry["experiment_identifier"] = "a run", "999999"
        entry["start_time"] = "2026-01-01T12:00:00+00:00"
        if fault is not EventFault.STILL_OPEN:
            entry["end_time"] = "2026-01-01T12:10:00+00:00"
        sample = classed(entry, "sample", "NXsample")
        sample["name"] = "spheres"
        place(sample, [("stage", sample_m, "m", "translation", (0, 0, 1))])
        write_log(sample, "temperature", [293.0, 295.0], "K", [-86400.0, 300.0])
        inside = classed(entry, "instrument", "NXinstrument")
        inside["name"] = instrument
        source = classed(inside, "source", "NXmoderator")
        place(source, [("shift", sample_m - source_m, "m", "translation", (0, 0, 1))])
        _chopper(inside)
        for number, (bank, events) in enumerate(zip(banks, counted, strict=True)):
            last = number == len(banks) - 1
            if not (last and fault is EventFault.DROP_BANK):
                _detector(inside, bank, events, sample_m, fault if last else None)
        if monitor_histogram is not None:
            counts, edges, where = monitor_histogram
            monitor = _monitor(inside, "beam_monitor_1", sample_m + where)
            put(monitor, "signal", counts[None, :], "counts")
            put(monitor, "time_of_flight", edges, "ns")
        if monitor_events is not None:
            times, where = monitor_events
            monitor = _monitor(inside, "beam_monitor_2", sample_m + where)
            seen = Counted.of(np.ones(len(times), np.int32), times)
            write_events(classed(monitor, "beam_monitor_2_events", "NXevent_data"), seen)
        if fault is EventFault.DEAD_LINK:
            entry["sample/environment"] = h5py.SoftLink("/entry/nowhere")
    return truncate(path) if fault is EventFault.TRUNCATE else path


def _chopper(instrument: h5py.Group) -> None:
    chopper = classed(instrument, "bandwidth_chopper", "NXdisk_chopper")
    put(chopper, "slit_edges", np.array([0.0, 75.0]), "deg")
    put(chopper, "radius", 0.35, "m")
    write_log(chopper, "rotation_speed", [14.0, 14.0], "Hz", [-10.0, 200.0])


def _monitor(instrument: h5py.Group, name: str, where: float) -> h5py.Group:
    monitor = classed(instrument, name, "NXmonitor")
    place(monitor, [("shift", where, "m", "translation", (0, 0, 1))])
    return monitor


def _detector(
    instrument: h5py.Group, bank: FlatBank, events: Counted, sample_m: float, fault: EventFault | None
) -> None:
    detector = classed(instrument, bank.name, "NXdetector")
    put(detector, "detector_number", bank.numbers)
    x, y = bank.offsets
    put(detector, "x_pixel_offset", x, "m")
    put(detector, "y_pixel_offset", y * 1000, "mm")
    steps = [
        ("center", bank.center_m[0], "m", "translation", (1, 0, 0)),
        ("height", bank.center_m[1], "m", "translation", (0, 1, 0)),
        ("carriage", (bank.distance_m + sample_m) * 1000, "mm", "translation", (0, 0, 1)),
    ]
    place(detector, steps)
    inside = detector["transformations"]
    if fault is EventFault.DANGLING:
        inside["carriage"].attrs["depends_on"] = "/entry/nowhere"
    if fault is EventFault.CIRCLE:
        inside["carriage"].attrs["depends_on"] = f"{inside.name}/center"
    if fault is EventFault.MOVING:
        del inside["height"]
        log = write_log(inside, "height", [0.0, 0.01], "m", [-5.0, 300.0])
        log.attrs.update(transformation_type="translation", vector=np.array([0.0, 1.0, 0.0]))
        log.attrs["depends_on"] = f"{inside.name}/carriage"
    shape = classed(detector, "pixel_shape", "NXoff_geometry")
    half = bank.pixel_m / 2
    corners = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
    put(shape, "vertices", corners, "m")
    put(shape, "faces", np.array([0], np.int32))
    put(shape, "winding_order", np.arange(4, dtype=np.int32))
    if fault is EventFault.UNKNOWN_PIXEL:
        ids = events.ids.copy()
        ids[::4] = 99_999
        events = Counted(ids, events.times_ns, events.index, events.pulse_ns)
    write_events(classed(detector, f"{bank.name}_events", "NXevent_data"), events, fault)


def write_isis(
    path: Path,
    counted: Counted,
    *,
    instrument: str = "SANS2D",
    monitors: Sequence[tuple[Numbers, Numbers, float]] = (),
    promised: int | None = None,
    with_units: bool = False,
    fault: EventFault | None = None,
) -> Path:
    """A run as ISIS leaves it; `monitors` are counts, edges (ns) and distance (m) from the sample."""
    with h5py.File(path, "w") as file:
        entry = classed(file, "raw_data_1", "NXentry")
        entry["name"] = np.array([instrument.encode()])
        entry["start_time"] = np.array([b"2026-01-01T12:00:00"])
        entry["good_frames"] = np.int64(len(counted.index))
        put(entry, "proton_charge", np.array([0.33], np.float32), "uAh")
        events = classed(entry, "detector_1_events", "NXevent_data")
        ids = counted.ids[:-1] if fault is EventFault.SHORT_IDS else counted.ids
        events["event_id"] = ids.astype(np.uint32)
        unit = "kg" if fault is EventFault.WRONG_UNIT else ("microsecond" if with_units else None)
        put(events, "event_time_offset", (counted.times_ns / 1000).astype(np.float32), unit)
        zero = (counted.pulse_ns - np.uint64(START_NS)).astype(float) * 1e-9
        put(events, "event_time_zero", zero, offset="2026-01-01T12:00:00")
        index = counted.index.astype(np.uint64)
        if fault is EventFault.BAD_INDEX:
            index[-1] = len(ids) + 1000
        events["event_index"] = index
        events["total_counts"] = np.int64(len(counted.ids) if promised is None else promised)
        for number, (counts, edges, where) in enumerate(monitors, start=1):
            monitor = classed(entry, f"monitor_{number}", "NXmonitor")
            put(monitor, "data", counts.astype(np.int32)[None, None, :], "counts")
            put(monitor, "time_of_flight", (edges / 1000).astype(np.float32), "microsecond")
            put(monitor, "distance", np.float32(where), "m")
    return truncate(path) if fault is EventFault.TRUNCATE else path


@dataclass(frozen=True)
class SansBench:
    """A SANS instrument whose beam, monitors and detectors are known, to count neutrons with.

    The beam has the spectrum 1 + 0.5 sin(wavelength) between the two wavelengths, the incident
    monitor stands `monitor_m` before the sample.
    """

    banks: tuple[FlatBank, ...] = (
        FlatBank("loki_detector_0", first=9, shape=(40, 40), pixel_m=0.02, distance_m=4.0),
    )
    source_m: float = 20.0
    monitor_m: float = 2.0
    behind_m: float = 3.0
    wavelengths: tuple[float, float] = (2.0, 10.0)
    seed: int = 7

    def spectrum(self, wavelength: Numbers) -> Numbers:
        """Neutrons for each angstrom, relative."""
        low, high = self.wavelengths
        inside = (wavelength >= low) & (wavelength < high)
        return np.where(inside, 1.0 + 0.5 * np.sin(wavelength), 0.0)

    def _wavelengths(self, count: int, random: np.random.Generator) -> Numbers:
        found = np.zeros(0)
        while len(found) < count:
            tried = random.uniform(*self.wavelengths, 2 * count)
            kept = random.uniform(0, 1.5, len(tried)) < self.spectrum(tried)
            found = np.concatenate([found, tried[kept]])
        return found[:count]

    def monitor(self, count: int, behind: bool = False, stream: int = 1) -> tuple[Numbers, Numbers, float]:
        """Counts, edges (ns) and position of a monitor that `count` neutrons were counted in."""
        random = np.random.default_rng([self.seed, stream, behind])
        where = self.behind_m if behind else -self.monitor_m
        times = self._wavelengths(count, random) * (self.source_m + where) / NEUTRON_M_ANGSTROM_NS
        edges = np.linspace(0, 1e8, 2001)
        return np.histogram(times, edges)[0].astype(np.int32), edges, where

    def expose(self, intensity: Any, highest: float, tries: int, stream: int = 0) -> list[Counted]:
        """Events of each bank for a sample of `intensity(q)`, at most `highest`, as `tries` neutrons meet it.

        A neutron of the beam is sent to a pixel by its solid angle, and counts with the chance
        intensity / highest; so I(q) comes back up to one factor, `events_for_one`.
        """
        random = np.random.default_rng([self.seed, stream])
        positions = np.concatenate([bank.positions for bank in self.banks])
        numbers = np.concatenate([bank.numbers.ravel() for bank in self.banks])
        chance = self.solid_angles
        pixel = random.choice(len(numbers), tries, p=chance / chance.sum())
        wavelength = self._wavelengths(tries, random)
        far = np.linalg.norm(positions, axis=1)
        half = np.sqrt(0.5 * (1 - positions[:, 2] / far))
        q = 4 * np.pi * half[pixel] / wavelength
        kept = random.uniform(0, highest, tries) < intensity(q)
        pixel, wavelength = pixel[kept], wavelength[kept]
        times = wavelength * (self.source_m + far[pixel]) / NEUTRON_M_ANGSTROM_NS
        found, first = [], 0
        for bank in self.banks:
            here = (pixel >= first) & (pixel < first + bank.numbers.size)
            found.append(Counted.of(numbers[pixel[here]].astype(np.int32), times[here].astype(np.int32), 30))
            first += bank.numbers.size
        return found

    @property
    def solid_angles(self) -> Numbers:
        """Solid angle of each pixel in sr."""
        each = []
        for bank in self.banks:
            far = np.linalg.norm(bank.positions, axis=1)
            each.append(bank.pixel_m**2 * bank.positions[:, 2] / far**3)
        return np.concatenate(each)

    def factor(self, highest: float, tries: int, monitor: int) -> float:
        """What the normalised curve is of the intensity: tries / (highest x solid angle x monitor counts)."""
        return tries / (highest * float(self.solid_angles.sum()) * monitor)


def sphere_intensity(radius: float, forward: float = 1.0) -> Any:
    """I(q) of a homogeneous sphere (radius in angstrom) with `forward` at q = 0, as a function."""

    def intensity(q: Numbers) -> Numbers:
        x = np.maximum(q * radius, 1e-6)
        return np.asarray(forward * (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2)

    return intensity
