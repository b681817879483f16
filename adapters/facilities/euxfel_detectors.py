"""European XFEL: its detectors of several modules, by the names of their sources, and the frames of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from adapters.errors import CorruptFileError
from adapters.facilities.euxfel_files import FileIndex, source_rows
from adapters.formats import joined
from adapters.model import Flag

Numbers = NDArray[np.uint64]
# A frame is known by train and pulse in one number; the machine fills up to 2700 pulses.
PULSE_BITS = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of detector: how its sources are named, and how it stores a frame.

    `planes` names what the axis behind the frames of raw data holds, where there is
    one; `margin` counts rows at both ends of raw frames that only serve calibration;
    `cells` tells that a row of a train holds one frame for each memory cell.
    """

    name: str
    source: re.Pattern[str]
    group: str
    data: str
    shape: tuple[int, int]
    modules: int | None
    first: int = 0
    planes: tuple[str, ...] = ()
    cells: bool = False
    margin: int = 0
    pixel_m: float | None = None


def _xtdf(
    name: str, shape: tuple[int, int], modules: int, planes: tuple[str, ...], pixel: float | None
) -> Kind:
    source = re.compile(
        rf"(?P<detector>[^/]+_{name}[^/]*)/(?:DET|CORR)/(?P<module>\d+)CH\d*:(?:xtdf|output)$"
    )
    return Kind(name, source, "image", "data", shape, modules, planes=planes, pixel_m=pixel)


KINDS = (
    _xtdf("AGIPD1M", (512, 128), 16, ("counts", "gain_adc"), 200e-6),
    _xtdf("AGIPD500K", (512, 128), 8, ("counts", "gain_adc"), 200e-6),
    _xtdf("LPD1M", (256, 256), 16, ("counts",), 500e-6),
    # Its pixels are hexagons, so that no one length is their size.
    _xtdf("DSSC1M", (128, 512), 16, ("counts",), None),
    Kind(
        "JUNGFRAU",
        re.compile(
            r"(?P<detector>[^/]+_(?:JNGFR|JF[14]M|JUNGF|JF|JF500K\d?))/(?:DET|CORR)/"
            r"(?:MODULE_|RECEIVER-|JNGFR)(?P<module>\d+):\w+$"
        ),
        "data",
        "adc",
        (512, 1024),
        None,
        first=1,
        cells=True,
        pixel_m=75e-6,
    ),
    Kind(
        "ePix100",
        re.compile(r"(?P<detector>[^/]*EPX100[^/]*)/(?:DET|CORR)/RECEIVER(?P<module>\d*):\w+$"),
        "data",
        "image/pixels",
        (704, 768),
        1,
        first=1,
        margin=2,
        pixel_m=50e-6,
    ),
)


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector found in a run: its kind, name, and the source of each module by number."""

    kind: Kind
    name: str
    sources: Mapping[int, str]

    @property
    def modules(self) -> tuple[int, ...]:
        """All module numbers it should have; those it has, where its kind does not fix them."""
        if self.kind.modules is None:
            return tuple(range(self.kind.first, max(self.sources) + 1))
        return tuple(range(self.kind.first, self.kind.first + self.kind.modules))

    @property
    def absent(self) -> tuple[int, ...]:
        """Modules of which there is no file."""
        return tuple(number for number in self.modules if number not in self.sources)


def found(sources: Iterable[str]) -> list[Detector]:
    """The detectors among `sources`, the one with most pixels first."""
    by_name: dict[tuple[int, str], dict[int, str]] = {}
    for source in sorted(sources):
        for place, kind in enumerate(KINDS):
            if match := kind.source.match(source):
                number = int(match["module"] or kind.first)
                by_name.setdefault((place, match["detector"]), {})[number] = source
                break
    detectors = [Detector(KINDS[place], name, modules) for (place, name), modules in by_name.items()]
    return sorted(detectors, key=lambda each: (-len(each.modules) * np.prod(each.kind.shape), each.name))


@dataclass(frozen=True, slots=True)
class Part:
    """Frames of one module in one file: a number for each made of train and pulse, its row and cell."""

    piece: str
    group: str
    keys: Numbers
    rows: NDArray[np.int64]
    cells: NDArray[np.int64] | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    others: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
    usable: bool


def module_part(index: FileIndex, file: h5py.File, kind: Kind, source: str) -> Part | None:
    """The frames of a module in one file, None where it has none there."""
    if source not in index.instrument:
        return None
    rows = source_rows(index, file, source, kind.group)
    group = file[rows.group]
    data = group.get(kind.data)
    if not isinstance(data, h5py.Dataset) or data.ndim < 3:
        raise CorruptFileError(index.path, f"{rows.group} has no frames in {kind.data}")
    if len(rows.rows) and int(rows.rows.max()) >= len(data):
        said = f"the index of {source} points at row {int(rows.rows.max())} of {len(data)}"
        raise CorruptFileError(index.path, said)
    cells = None
    frames, trains, usable = rows.rows, rows.trains, True
    if kind.cells:
        per_row = data.shape[1]
        frames, trains = np.repeat(frames, per_row), np.repeat(trains, per_row)
        cells = np.tile(np.arange(per_row), len(rows.rows))
        pulses = cells
    else:
        pulses, usable = _pulses(group, frames, trains)
    keys = (trains << np.uint64(PULSE_BITS)) | pulses.astype(np.uint64)
    others = {
        name: (item.shape, item.dtype)
        for name, item in _siblings(group, kind).items()
        if isinstance(item, h5py.Dataset) and len(item) == len(data)
    }
    return Part(str(index.path), rows.group, keys, frames, cells, data.shape, data.dtype, others, usable)


def _siblings(group: h5py.Group, kind: Kind) -> dict[str, Any]:
    names = ("gain", "mask", "cellId", "memoryCell")
    return {name: group[name] for name in names if name in group and name != kind.data}


def _pulses(group: h5py.Group, rows: NDArray[np.int64], trains: Numbers) -> tuple[NDArray[np.int64], bool]:
    """Pulse ids of the frames; their order in the train, and False, where the ids cannot tell them apart."""
    stored = group.get("pulseId")
    if isinstance(stored, h5py.Dataset) and len(stored) > (rows.max() if len(rows) else -1):
        numbers = stored[:].reshape(len(stored), -1)[:, 0][rows].astype(np.int64)
        keys = trains.astype(np.int64) * 2**PULSE_BITS + numbers
        if np.all((numbers >= 0) & (numbers < 2**PULSE_BITS)) and len(np.unique(keys)) == len(keys):
            return numbers, True
    if not len(rows):
        return np.empty(0, np.int64), True
    starts = np.flatnonzero(np.concatenate([[True], trains[1:] != trains[:-1]]))
    lengths = np.diff(np.append(starts, len(trains)))
    return np.arange(len(trains)) - np.repeat(starts, lengths), stored is None


@dataclass(frozen=True)
class Frames:
    """All frames of a detector: their keys, and for each module in which piece and row each lies."""

    detector: Detector
    keys: Numbers
    pieces: Mapping[int, tuple[Part, ...]]
    places: Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]]

    @property
    def trains(self) -> Numbers:
        """The train of each frame."""
        return self.keys >> np.uint64(PULSE_BITS)

    @property
    def pulses(self) -> NDArray[np.int64]:
        """The pulse, or the memory cell of a detector that knows no pulses, of each frame."""
        return (self.keys & np.uint64(2**PULSE_BITS - 1)).astype(np.int64)

    def present(self) -> NDArray[np.bool_]:
        """(frame, module): whether the module has the frame."""
        absent = np.full(len(self.keys), -1)
        columns = [self.places.get(number, (absent, absent))[0] >= 0 for number in self.detector.modules]
        return np.stack(columns, axis=1)

    def array(self, name: str, pick: tuple[int, ...], fill: float = np.nan) -> joined.Side | None:
        """The values called `name` of all modules side by side, filled where a module lacks a frame."""
        known = [_of(part, name, self.detector.kind) for parts in self.pieces.values() for part in parts]
        if not known or any(each is None for each in known):
            return None
        shapes = {each[0] for each in known if each is not None}
        if len(shapes) > 1:
            raise CorruptFileError(
                self.detector.name, f"modules store {name} as {' and '.join(sorted(map(str, shapes)))}"
            )
        rest, dtype = shapes.pop(), np.result_type(*(each[1] for each in known if each is not None))
        return joined.Side(
            tuple(self._module(number, name, rest, dtype, pick, fill) for number in self.detector.modules)
        )

    def _module(
        self,
        number: int,
        name: str,
        rest: tuple[int, ...],
        dtype: np.dtype[Any],
        pick: tuple[int, ...],
        fill: float,
    ) -> joined.JoinedRows:
        parts = self.pieces.get(number, ())
        absent = np.full(len(self.keys), -1)
        piece, place = self.places.get(number, (absent, absent))
        rows, cells = place, None
        if self.detector.kind.cells:
            count = rest[0]
            rows, cells, rest = place // count, np.where(place < 0, 0, place % count), rest[1:]
        pieces = tuple(joined.Piece(part.piece, f"{part.group}/{name}") for part in parts)
        return joined.JoinedRows(
            pieces, piece, rows, rest=rest, dtype=dtype, fill=fill, pick=pick, inner=cells
        )


def _of(part: Part, name: str, kind: Kind) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    if name == kind.data:
        return part.shape[1:], part.dtype
    other = part.others.get(name)
    return None if other is None else (other[0][1:], other[1])


def frames_of(detector: Detector, parts: Mapping[int, list[Part]], flags: list[Flag]) -> Frames:
    """The frames of all modules, joined by train and pulse."""
    joins: dict[int, joined.Join] = {}
    for number, each in parts.items():
        made = joined.join([part.keys for part in each])
        rows = np.concatenate([_flat(part) for part in each] or [np.empty(0, np.int64)])
        starts = np.cumsum([0, *(len(part.keys) for part in each)])[:-1]
        # Where in its piece the row of each key lies; the join counted keys, not rows.
        at = rows[starts[made.piece] + made.row] if len(made.index) else made.row
        joins[number] = joined.Join(made.index, made.piece, at, made.repeated, made.zeros)
    if repeated := sum(each.repeated for each in joins.values()):
        said = f"{repeated} frames of {detector.name} stand more than once, the last of each counts"
        flags.append(Flag.caution("frames_repeated", said))
    if any(not part.usable for each in parts.values() for part in each):
        said = f"pulse ids of {detector.name} do not tell its frames apart; their order in the train does"
        flags.append(Flag.caution("pulse_ids_unusable", said))
    keys = _union([each.index for each in joins.values()])
    places = {number: joined.spread(each, keys) for number, each in joins.items()}
    return Frames(detector, keys, {number: tuple(each) for number, each in parts.items()}, places)


def _flat(part: Part) -> NDArray[np.int64]:
    """Row and cell of each frame in one number."""
    return part.rows if part.cells is None else part.rows * part.shape[1] + part.cells


def _union(indices: list[Numbers]) -> Numbers:
    if not indices:
        return np.empty(0, np.uint64)
    first = indices[0]
    if all(np.array_equal(first, each) for each in indices[1:]):
        return first
    return np.unique(np.concatenate(indices))
