"""LAMBDA detectors at PETRA III: one file a module and part, put together by the offsets they state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5, late
from adapters.formats.by_path import state_of
from adapters.formats.frames import SIGNED_SENTINELS, dataset
from adapters.formats.nexus import Number, number, one_value, text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
DETECTOR = "entry/instrument/detector"
FRAMES, NUMBERS = f"{DETECTOR}/data", f"{DETECTOR}/sequence_number"
MASK, OFFSET = f"{DETECTOR}/pixel_mask", f"{DETECTOR}/translation/distance"
NAME = re.compile(r"(?P<stem>.+?)(?:_m(?P<module>\d+))?(?:_part(?P<part>\d+))?\.nxs$")
# The control system names its servers after the beamline.
SERVER = re.compile(r"hasp+(p\d\d)")
MISSING = -1
NUMBERS_TABLE = {
    "exposure_s": Number(f"{DETECTOR}/count_time", to="s"),
    "pixel_size_x_m": Number(f"{DETECTOR}/x_pixel_size", to="m"),
    "pixel_size_y_m": Number(f"{DETECTOR}/y_pixel_size", to="m"),
}
ENERGY = Number(f"{DETECTOR}/collection/beam_energy", to="keV", unset=(0.0,))


@dataclass(frozen=True)
class Part:
    """One file: which module, the numbers of its frames, and where its first pixel belongs (x, y)."""

    path: Path
    module: int
    numbers: np.ndarray[Any, Any]
    offset: tuple[int, int] | None
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def corner(self) -> tuple[int, int]:
        """The offset, once it is known to be there."""
        assert self.offset is not None
        return self.offset

    def overlaps(self, other: Part) -> bool:
        """Whether a pixel of both would lie in one place."""
        return all(
            self.corner[axis] < other.corner[axis] + other.shape[1 - axis]
            and other.corner[axis] < self.corner[axis] + self.shape[1 - axis]
            for axis in (0, 1)
        )


@dataclass(frozen=True, slots=True)
class Lambda:
    """The reader of a folder with one scan of a LAMBDA, or of one of its files alone.

    Frames of modules are joined by their sequence numbers; what a module did not record
    is marked as missing, as are the gaps between modules.
    """

    name: str = "petra3_lambda"
    facility: str = "petra3"
    instrument: str = ""
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by what the detector says it is; a folder if it holds one scan of it."""
        if probe.path.is_dir():
            files = sorted(probe.path.glob("*.nxs"))
            one = len(files) > 1 and len({_named(file)[0] for file in files}) == 1
            return Confidence.INSTRUMENT if one and _is_lambda(files[0]) else Confidence.NO
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        return Confidence.INSTRUMENT if _is_lambda(probe.path) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every file is closed and whole, and, while the run is fresh, all frames are there."""
        try:
            files = _files(path)
            parts = _placed([_part(file) for file in files])
            promised = _promised(files[0])
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        found = len(np.unique(np.concatenate([part.numbers for part in parts])))
        if not found:
            return late.judged(f"{path} has no frames", files, late_s=self.late_s)
        # An aborted scan keeps its promise for ever; its frames are good, and a flag says how many.
        if path.is_dir() and promised and found < promised and late.younger_than(self.late_s, *files):
            return Readiness.wait(f"{path} holds {found} of {promised} frames and is fresh", 30.0)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The assembled frames, labelled with the detector's sequence numbers."""
        files = _files(path)
        parts = _placed([_part(file) for file in files])
        promised = _promised(files[0])
        canvas = _canvas(parts)
        index = np.unique(np.concatenate([part.numbers for part in parts]))
        counts = _assembled(parts, canvas, index)
        mask = _mask(parts, canvas)
        flags = [*_absent(parts, index, promised), *_alone(path, parts)]
        with hdf5.opened(files[0]) as file:
            numbers = {name: number(file, each, files[0], flags) for name, each in NUMBERS_TABLE.items()}
            energy = number(file, ENERGY, files[0], flags)
            metadata = self._metadata(file, numbers, energy)
        data = dataset(counts, sentinels=SIGNED_SENTINELS, mask=mask, index=index)
        provenance = Provenance(str(path), self.name, VERSION, tuple(map(str, files)))
        if path.is_dir():
            provenance = Provenance(str(files[0]), self.name, VERSION, tuple(map(str, files[1:])))
        return Measurement(data, metadata, provenance, tuple(flags))

    def _metadata(self, file: h5py.File, numbers: dict[str, float | None], energy: float | None) -> Metadata:
        from adapters.model.metadata import HC_KEV_ANGSTROM

        server = SERVER.match(text(file, f"{DETECTOR}/local_name") or "")
        said: dict[str, Any] = {
            "sensor_material": text(file, f"{DETECTOR}/sensor_material"),
            "threshold_energy_ev": number(file, Number(f"{DETECTOR}/threshold_energy", to="eV"), Path(), []),
        }
        return Metadata(
            technique="image",
            facility=self.facility,
            instrument=server[1] if server else None,
            wavelength_angstrom=HC_KEV_ANGSTROM / energy if energy else None,
            raw=said,
            **numbers,  # type: ignore[arg-type]
        )


def _named(path: Path) -> tuple[str, int, int]:
    found = NAME.match(path.name)
    return (
        (path.name, 0, 0)
        if found is None
        else (found["stem"], int(found["module"] or 1), int(found["part"] or 0))
    )


def _is_lambda(path: Path) -> bool:
    try:
        with hdf5.opened(path) as file:
            says = text(file, f"{DETECTOR}/description") or ""
            return says.lower().startswith("lambda") and hdf5.has(file, FRAMES)
    except AdapterError:
        return False


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.nxs"), key=lambda file: _named(file)[1:])
    if not found:
        raise LayoutError(path, "there are no module files (.nxs) in it")
    return found


def _part(path: Path) -> Part:
    with hdf5.opened(path) as file:
        stored = hdf5.require(file, FRAMES)
        if stored.ndim != 3:
            raise LayoutError(path, f"its frames have the shape {stored.shape}, not (frame, y, x)")
        numbers = np.arange(1, stored.shape[0] + 1)
        if hdf5.has(file, NUMBERS):
            numbers = np.asarray(hdf5.require(file, NUMBERS)[()]).ravel()
        if len(numbers) != stored.shape[0] or len(np.unique(numbers)) != len(numbers):
            raise LayoutError(
                path, f"{len(numbers)} sequence numbers, not all different, for {stored.shape[0]} frames"
            )
        return Part(path, _named(path)[1], numbers, _offset(file, path), stored.shape[1:], stored.dtype)


def _offset(file: h5py.File, path: Path) -> tuple[int, int] | None:
    if not hdf5.has(file, OFFSET):
        return None
    offset = np.asarray(hdf5.require(file, OFFSET)[()], float).ravel()[:2]
    if len(offset) != 2 or not np.all(np.isfinite(offset)):
        raise LayoutError(path, f"the offset of its module is {offset}, not two numbers")
    return round(float(offset[0])), round(float(offset[1]))


def _placed(parts: Sequence[Part]) -> list[Part]:
    """The parts, once it is sure that each module has one place and none lies over another."""
    if len({part.module for part in parts}) == 1:
        parts = [replace(part, offset=part.offset or (0, 0)) for part in parts]
    first: dict[int, Part] = {}
    for part in parts:
        if part.offset is None:
            raise LayoutError(
                part.path, f"it does not say where its module lies ({OFFSET}), and there are others"
            )
        known = first.setdefault(part.module, part)
        if part.offset != known.offset:
            raise LayoutError(
                part.path, f"its module lies at {part.offset} here and at {known.offset} in others"
            )
    for one, other in combinations(first.values(), 2):
        if one.overlaps(other):
            raise LayoutError(other.path, f"its module {other.module} lies over module {one.module}")
    return list(parts)


def _promised(path: Path) -> int | None:
    place = f"{DETECTOR}/collection/frame_numbers"
    with hdf5.opened(path) as file:
        value = one_value(hdf5.require(file, place)) if hdf5.has(file, place) else None
    return int(value) if value and value > 0 else None


@dataclass(frozen=True)
class Canvas:
    """Size of the assembled image and the offset (x, y) of its first pixel."""

    shape: tuple[int, int]
    origin: tuple[int, int]

    def window(self, part: Part) -> tuple[slice, slice]:
        """Rows and columns that the part's module fills."""
        left, top = part.corner[0] - self.origin[0], part.corner[1] - self.origin[1]
        return slice(top, top + part.shape[0]), slice(left, left + part.shape[1])


# A detector of a hundred megapixels; offsets beyond it are damaged.
MOST_PIXELS = 10**8


def _canvas(parts: Sequence[Part]) -> Canvas:
    left, top = (min(part.corner[axis] for part in parts) for axis in (0, 1))
    right = max(part.corner[0] + part.shape[1] for part in parts)
    bottom = max(part.corner[1] + part.shape[0] for part in parts)
    if (right - left) * (bottom - top) > MOST_PIXELS:
        raise LayoutError(parts[0].path, f"its modules would span {bottom - top} x {right - left} pixels")
    return Canvas((bottom - top, right - left), (left, top))


def _assembled(parts: Sequence[Part], canvas: Canvas, index: np.ndarray[Any, Any]) -> da.Array:
    """All frames (frame, y, x) of signed counts, one task a frame; MISSING where nothing was recorded."""
    import dask.array as da

    source = Assembled(tuple(parts), canvas, index)
    chunks = (1, *canvas.shape)
    array: da.Array = da.from_array(
        source, chunks=chunks, name=False, asarray=True, meta=np.empty((0, 0, 0), np.int32)
    )
    return array


class Assembled:
    """Frames put together from module files when sliced; holds paths, not files."""

    ndim, dtype = 3, np.dtype(np.int32)

    def __init__(self, parts: tuple[Part, ...], canvas: Canvas, index: np.ndarray[Any, Any]) -> None:
        self.parts, self.canvas, self.index = parts, canvas, index
        self.shape = (len(index), *canvas.shape)

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = np.atleast_1d(self.index[first])
        frames = np.full((len(wanted), *self.canvas.shape), MISSING, self.dtype)
        for part in self.parts:
            places = {int(each): place for place, each in enumerate(part.numbers)}
            here = [(row, places[int(each)]) for row, each in enumerate(wanted) if int(each) in places]
            if not here:
                continue
            source = hdf5.FrameSource(
                str(part.path), f"/{FRAMES}", (len(part.numbers), *part.shape), part.dtype
            )
            rows, columns = self.canvas.window(part)
            for row, place in here:
                frames[row, rows, columns] = source[place : place + 1][0]
        chosen: np.ndarray[Any, Any] = (frames if np.ndim(self.index[first]) else frames[0])[
            (*((slice(None),) if np.ndim(self.index[first]) else ()), *rest)
        ]
        return chosen

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (*(state_of(part.path) for part in self.parts), self.index.tobytes())


def _mask(parts: Sequence[Part], canvas: Canvas) -> da.Array:
    """True in the gaps and where a module's own mask rejects a pixel, lazily."""
    import dask.array as da
    from dask.delayed import delayed

    mask: da.Array = da.from_delayed(
        delayed(_joined_mask, pure=True)(tuple(parts), canvas), canvas.shape, dtype=bool
    )
    return mask


def _joined_mask(parts: Sequence[Part], canvas: Canvas) -> np.ndarray[Any, Any]:
    mask = np.ones(canvas.shape, bool)
    for part in parts:
        with hdf5.opened(part.path) as file:
            own = np.zeros(part.shape, bool)
            if hdf5.has(file, MASK):
                own = np.asarray(hdf5.require(file, MASK)[()]).reshape(part.shape) != 0
        mask[canvas.window(part)] = own
    return mask


def _absent(parts: Sequence[Part], index: np.ndarray[Any, Any], promised: int | None) -> list[Flag]:
    flags = []
    modules = sorted({part.module for part in parts})
    lost = sorted(set(range(1, max(modules) + 1)) - set(modules)) if len(modules) > 1 else []
    if lost:
        said = f"there is no file of module {', '.join(map(str, lost))}: its pixels are missing"
        flags.append(Flag.caution("module_missing", said))
    for module in modules:
        there = np.concatenate([part.numbers for part in parts if part.module == module])
        if absent := len(np.setdiff1d(index, there)):
            said = f"module {module} lacks {absent} of {len(index)} frames: its pixels are missing there"
            flags.append(Flag.caution("module_missing", said))
    if gaps := int(index.max()) - int(index.min()) + 1 - len(index):
        flags.append(Flag.caution("frames_lost", f"{gaps} frames are missing from the detector's sequence"))
    if promised and len(index) < promised and len({part.path.parent for part in parts}) == 1:
        flags.append(Flag.caution("frames_missing", f"{len(index)} of {promised} promised frames are there"))
    return flags


def _alone(path: Path, parts: Sequence[Part]) -> list[Flag]:
    if path.is_dir():
        return []
    stem = _named(path)[0]
    others = [file.name for file in path.parent.glob("*.nxs") if file != path and _named(file)[0] == stem]
    if not others:
        return []
    said = f"module {parts[0].module} alone; {len(others)} more files belong to it: open the folder for all"
    return [Flag.info("one_of_several_modules", said)]


LAMBDA = Lambda()
