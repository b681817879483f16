"""CrystFEL streams: which frames were hits, the lattices found in them, their peaks and reflections."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    EmptyFileError,
    LayoutError,
    NoSuchRunError,
    PathError,
    TruncatedFileError,
)
from adapters.formats import crystfel_geom, late
from adapters.formats.crystfel_geom import CrystfelGeometry
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

VERSION = "1"
MARK = b"CrystFEL stream format "
# Everything worth a look on opening; lists of peaks and reflections are passed over.
LOOK = re.compile(
    rb"^(?P<key>----- Begin chunk -----|----- End chunk -----|--- Begin crystal|--- End crystal"
    rb"|Peaks from peak search|End of peak list|Reflections measured after indexing|End of reflections"
    rb"|Cell parameters|Image filename:|Event:|hit =|indexed_by =|photon_energy_eV =|average_camera_length ="
    rb"|num_peaks =|num_reflections =|diffraction_resolution_limit =|profile_radius =)(?P<said>[^\n]*)\n",
    re.MULTILINE,
)
CELL = re.compile(
    rb"\s*([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+nm,\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+deg",
)
# Columns by their headings, as they stand in streams of CrystFEL 0.7 and later.
PEAK_COLUMNS = {
    "fs/px": "peak_x",
    "ss/px": "peak_y",
    "(1/d)/nm^-1": "peak_inverse_spacing",
    "Intensity": "peak_intensity",
}
REFLECTION_COLUMNS = {
    "h": "h",
    "k": "k",
    "l": "l",
    "I": "intensity",
    "sigma(I)": "intensity_errors",
    "peak": "highest",
    "background": "background",
    "fs/px": "reflection_x",
    "ss/px": "reflection_y",
}
UNITS = {
    "peak_x": "pixel",
    "peak_y": "pixel",
    "peak_inverse_spacing": "1/nm",
    "peak_intensity": "arbitrary",
    "intensity": "arbitrary",
    "intensity_errors": "arbitrary",
    "highest": "arbitrary",
    "background": "arbitrary",
    "reflection_x": "pixel",
    "reflection_y": "pixel",
}
BLOCK_ROWS = 1_000_000


@dataclass
class Span:
    """A list of rows between two places of the file, and how many it has."""

    start: int
    stop: int
    rows: int
    owner: int


@dataclass
class Frame:
    """What a chunk says of one frame."""

    filename: str = ""
    event: str = ""
    hit: float = np.nan
    energy_ev: float = np.nan
    camera_m: float = np.nan
    peaks: int = -1


@dataclass
class Crystal:
    """What a stream says of one lattice: edges in nm, angles in degrees, the limit in 1/nm."""

    frame: int
    cell: tuple[float, ...] = (np.nan,) * 6
    limit: float = np.nan
    radius: float = np.nan
    reflections: int = -1


@dataclass
class Contents:
    """All of a stream but the rows of its lists."""

    version: str
    frames: list[Frame] = field(default_factory=list)
    crystals: list[Crystal] = field(default_factory=list)
    peaks: list[Span] = field(default_factory=list)
    reflections: list[Span] = field(default_factory=list)
    geometry: CrystfelGeometry | None = None
    target: dict[str, str] = field(default_factory=dict)
    command: str = ""
    program: str = ""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class CrystfelStream:
    """The reader of streams; opening passes once over the text, rows of the lists are read when computed."""

    name: str = "crystfel_stream"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """By the first line."""
        return Confidence.INSTRUMENT if probe.head.startswith(MARK) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last chunk is whole; indexing that goes on writes further ones."""
        try:
            contents = scanned(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        if not contents.complete:
            return late.judged(f"{path.name} ends inside a chunk", [path], late_s=self.late_s)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames, crystals, peaks and reflections, each with its own dim and the owner of every row."""
        contents = scanned(path)
        if not contents.complete:
            raise TruncatedFileError(path, "it ends inside a chunk")
        if not contents.frames:
            raise LayoutError(path, "it holds no frames")
        flags = _flags(contents)
        metadata = Metadata(
            technique="sfx",
            wavelength_angstrom=_wavelength(contents),
            distance_m=_same([each.camera_m for each in contents.frames]),
            raw=_raw(contents),
        )
        return Measurement(
            _dataset(path, contents), metadata, Provenance(str(path), self.name, VERSION), tuple(flags)
        )


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not a stream")
    if path.stat().st_size == 0:
        raise EmptyFileError(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except OSError as error:
        raise PathError(path, str(error.strerror or error)) from error


def scanned(path: Path) -> Contents:
    """Everything of a stream but the rows of its lists."""
    with _mapped(path) as data:
        if data[: len(MARK)] != MARK:
            raise LayoutError(path, "it does not begin as a CrystFEL stream")
        first = data.find(b"----- Begin chunk -----")
        head = data[: first if first >= 0 else len(data)].decode("utf-8", errors="replace")
        contents = _head(head, path)
        try:
            _chunks(data, max(first, 0), contents)
        except (ValueError, IndexError) as error:
            raise CorruptFileError(path, str(error)) from error
        return contents


def _head(head: str, path: Path) -> Contents:
    lines = head.splitlines()
    contents = Contents(lines[0].split()[-1], complete=True)
    for line in lines[1:4]:
        if line.startswith("Generated by "):
            contents.program = line.removeprefix("Generated by ").strip()
        elif line.startswith(("indexamajig", "/")) and not contents.command:
            contents.command = line.strip()
    if (geometry := _between(lines, "geometry file")) is not None:
        contents.geometry = crystfel_geom.parse(geometry, str(path))
    for line in _between(lines, "unit cell") or ():
        name, equals, value = line.split(";", 1)[0].partition("=")
        if equals:
            contents.target[name.strip()] = value.strip()
    return contents


def _between(lines: Sequence[str], what: str) -> list[str] | None:
    first, last = f"----- Begin {what} -----", f"----- End {what} -----"
    if first not in lines or last not in lines:
        return None
    return list(lines[lines.index(first) + 1 : lines.index(last)])


def _chunks(data: mmap.mmap, start: int, contents: Contents) -> None:
    open_list = 0
    inside = False
    for found in LOOK.finditer(data, start):
        key, said = found["key"], found["said"].strip()
        frames, crystals = contents.frames, contents.crystals
        if key == b"----- Begin chunk -----":
            inside = True
            frames.append(Frame())
        elif key == b"----- End chunk -----":
            inside = False
        elif key == b"--- Begin crystal":
            crystals.append(Crystal(len(frames) - 1))
        elif key in (b"Peaks from peak search", b"Reflections measured after indexing"):
            open_list = found.end()
        elif key == b"End of peak list":
            contents.peaks.append(_span(open_list, found.start(), frames[-1].peaks, len(frames) - 1))
        elif key == b"End of reflections":
            rows = crystals[-1].reflections
            contents.reflections.append(_span(open_list, found.start(), rows, len(crystals) - 1))
        else:
            _note(key, said, frames, crystals)
    contents.complete = not inside


def _note(key: bytes, said: bytes, frames: list[Frame], crystals: list[Crystal]) -> None:
    match key:
        case b"Image filename:":
            frames[-1].filename = said.decode("utf-8", errors="replace")
        case b"Event:":
            frames[-1].event = said.decode("utf-8", errors="replace")
        case b"hit =":
            frames[-1].hit = float(int(said))
        case b"photon_energy_eV =":
            frames[-1].energy_ev = float(said)
        case b"average_camera_length =":
            frames[-1].camera_m = float(said.split()[0])
        case b"num_peaks =":
            frames[-1].peaks = int(said)
        case b"num_reflections =":
            crystals[-1].reflections = int(said)
        case b"diffraction_resolution_limit =":
            crystals[-1].limit = float(said.split()[0])
        case b"profile_radius =":
            crystals[-1].radius = float(said.split()[0])
        case b"Cell parameters":
            cell = CELL.match(b" " + said)
            if cell is None:
                raise ValueError(f"cell parameters {said.decode(errors='replace')!r} are none")
            crystals[-1].cell = tuple(float(each) for each in cell.groups())


def _span(start: int, stop: int, rows: int, owner: int) -> Span:
    if rows < 0:
        raise ValueError(f"list {owner} of a chunk does not say how long it is")
    return Span(start, stop, rows, owner)


def _wavelength(contents: Contents) -> float | None:
    energy = _same([each.energy_ev for each in contents.frames])
    return None if energy is None else HC_KEV_ANGSTROM / (energy / 1000)


def _same(values: Sequence[float]) -> float | None:
    distinct = set(values)
    value = distinct.pop() if len(distinct) == 1 else np.nan
    return float(value) if np.isfinite(value) and value > 0 else None


def _flags(contents: Contents) -> list[Flag]:
    flags = []
    if any(not np.isfinite(each.hit) for each in contents.frames):
        flags.append(
            Flag.caution("hits_unstated", "the stream does not say of every frame whether it is a hit")
        )
    if "--no-non-hits-in-stream" in contents.command:
        said = "frames that were no hits were left out when the stream was written"
        flags.append(Flag.caution("non_hits_left_out", said))
    energies = {each.energy_ev for each in contents.frames}
    if len(energies) > 1:
        said = f"photon energies from {min(energies):.1f} to {max(energies):.1f} eV; no wavelength for all"
        flags.append(Flag.info("wavelength_varies", said))
    return flags


def _raw(contents: Contents) -> dict[str, Any]:
    said: dict[str, Any] = {
        "stream_format": contents.version,
        "program": contents.program,
        "target_cell": contents.target,
    }
    if contents.geometry is not None:
        said["geometry"] = crystfel_geom.summary(contents.geometry)
    return said


def _dataset(path: Path, contents: Contents) -> xr.Dataset:
    frames, crystals = contents.frames, contents.crystals
    cells = np.array([each.cell for each in crystals], float).reshape(len(crystals), 6)
    one = {"units": "dimensionless"}
    variables: dict[str, Any] = {
        "hit": ("frame", np.array([each.hit for each in frames]), one),
        "peaks": ("frame", np.array([max(each.peaks, 0) for each in frames]), one),
        "photon_energy": ("frame", np.array([each.energy_ev for each in frames]), {"units": "eV"}),
        "image": ("frame", np.array([_label(each) for each in frames], dtype=object)),
        "crystal_frame": ("crystal", np.array([each.frame for each in crystals], int), one),
        "reflections": ("crystal", np.array([max(each.reflections, 0) for each in crystals], int), one),
        "resolution_limit": ("crystal", _spacing([each.limit for each in crystals]), {"units": "angstrom"}),
    }
    for place, axis in enumerate("abc"):
        variables[f"cell_{axis}"] = ("crystal", cells[:, place] * 10, {"units": "angstrom"})
    for place, angle in enumerate(("alpha", "beta", "gamma"), start=3):
        variables[f"cell_{angle}"] = ("crystal", cells[:, place], {"units": "degree"})
    variables |= _lists(path, contents.peaks, "peak", PEAK_COLUMNS, "frame")
    variables |= _lists(path, contents.reflections, "reflection", REFLECTION_COLUMNS, "crystal")
    return xr.Dataset(variables)


def _label(frame: Frame) -> str:
    """The image without the folders it lay in, which name people and machines."""
    name = frame.filename.rsplit("/", 1)[-1]
    return f"{name} {frame.event}" if frame.event else name


def _spacing(limits: Sequence[float]) -> NDArray[np.float64]:
    values = np.array(limits, float)
    # 1/nm to angstrom; a limit of zero is none.
    return np.where(values > 0, 10 / np.where(values > 0, values, 1.0), np.nan)


def _lists(
    path: Path, spans: list[Span], dim: str, columns: dict[str, str], owner: str
) -> dict[str, tuple[str, Any, dict[str, str]]]:
    """Every column of the lists as a lazy array along `dim`, and the owner of each row."""
    import dask.array as da

    rows = np.array([span.rows for span in spans], int)
    found: dict[str, Any] = {
        f"{dim}_{owner}": (
            dim,
            np.repeat(np.array([span.owner for span in spans], int), rows),
            {"units": "dimensionless"},
        )
    }
    source = ListRows(str(path), tuple((span.start, span.stop, span.rows) for span in spans), tuple(columns))
    whole = da.from_array(
        source,
        chunks=(_blocks(rows), len(columns)),
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0, 0)),
    )
    for place, name in enumerate(columns.values()):
        found[name] = (dim, whole[:, place], {"units": UNITS.get(name, "dimensionless")})
    return found


def _blocks(rows: NDArray[np.int_]) -> tuple[int, ...]:
    """Whole lists together to blocks of about a million rows."""
    blocks: list[int] = []
    held = 0
    for count in map(int, rows):
        held += count
        if held >= BLOCK_ROWS:
            blocks.append(held)
            held = 0
    if held or not blocks:
        blocks.append(held)
    return tuple(blocks)


class ListRows:
    """Rows of the lists of a stream by their places in the file; slicing maps it, parses, and closes it."""

    def __init__(self, path: str, spans: tuple[tuple[int, int, int], ...], headings: tuple[str, ...]) -> None:
        self.path, self.spans, self.headings = path, spans, headings
        self.ends = np.cumsum([rows for _, _, rows in spans], dtype=int)
        self.shape = (int(self.ends[-1]) if spans else 0, len(headings))
        self.dtype, self.ndim = np.dtype(np.float64), 2

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        keys = key if isinstance(key, tuple) else (key, slice(None))
        wanted = np.arange(self.shape[0])[keys[0]]
        if np.size(wanted) == 0:
            return np.empty((*np.shape(wanted), self.shape[1]))[..., keys[1]]
        first = int(np.searchsorted(self.ends, np.min(wanted), side="right"))
        last = int(np.searchsorted(self.ends, np.max(wanted), side="right"))
        with _mapped(Path(self.path)) as data:
            parts = [self._parsed(data, *self.spans[each]) for each in range(first, last + 1)]
        before = int(self.ends[first - 1]) if first else 0
        return np.asarray(np.concatenate(parts)[wanted - before][..., keys[1]])

    def _parsed(self, data: mmap.mmap, start: int, stop: int, rows: int) -> NDArray[np.float64]:
        lines = data[start:stop].decode("utf-8", errors="replace").splitlines()
        if not lines:
            raise TruncatedFileError(self.path, f"a list at byte {start} has no heading")
        places = self._places(lines[0], start)
        try:
            cells = [line.split() for line in lines[1:] if line.strip()]
            found = np.array([[float(cell[place]) for place in places] for cell in cells])
        except (ValueError, IndexError) as error:
            raise CorruptFileError(self.path, f"a row after byte {start} is none: {error}") from error
        if len(found) != rows:
            raise CorruptFileError(self.path, f"a list at byte {start} has {len(found)} rows, not {rows}")
        return found.reshape(rows, len(self.headings))

    def _places(self, heading: str, start: int) -> list[int]:
        there = heading.split()
        if missing := [each for each in self.headings if each not in there]:
            raise LayoutError(self.path, f"the list at byte {start} has no column {', '.join(missing)}")
        return [there.index(each) for each in self.headings]


CRYSTFEL_STREAM = CrystfelStream()
