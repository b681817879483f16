"""Series of TIA (.ser, FEI): images, patterns or spectra, one for each place, and the .emi beside."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import microscope_axes, text
from adapters.formats.stacked import Stacked, plausible, readable
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
MAGIC = b"II\x97\x01"
EMI_MAGIC = b"JK\x00\x02"
SPECTRA, IMAGES = 0x4120, 0x4122
POSITIONS = 0x4142
WIDE = 0x0220
KINDS = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8"}
MOST_ELEMENTS, MOST_DIMENSIONS, MOST_WORD = 2**24, 8, 2**16
SIZES = {SPECTRA: 26, IMAGES: 50}
# Entries of the description in the .emi file: their label, the name they get, and what brings them there.
SAID = {
    "High tension": ("voltage_kv", 1.0),
    "Camera length": ("camera_length_mm", 1e3),
    "Magnification": ("magnification", 1.0),
    "Stem rotation": ("stem_rotation_degree", 1.0),
}
ENTRY = re.compile(rb"<Label>([^<]*)</Label><Value>([^<]*)</Value>")
EMI_NAME = re.compile(r"^(.*)_\d+$")


@dataclass(frozen=True)
class Dimension:
    """One dimension of the series: how many, the step between them, and its unit."""

    size: int
    step: float
    what: str
    unit: str


@dataclass(frozen=True)
class Series:
    """What the header of a .ser file says, and the elements that were written."""

    kind: int
    positions: bool
    promised: int
    dimensions: tuple[Dimension, ...]
    starts: np.ndarray[Any, Any]
    shape: tuple[int, ...]
    dtype: str
    offset: float
    step: float


@dataclass(frozen=True)
class Tia:
    """A reader of .ser files; what kind of image they hold is said by the .emi beside them."""

    name: str = "tia_ser"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the marks that begin a series."""
        if not probe.head.startswith(MAGIC) or len(probe.head) < 30:
            return Confidence.NO
        (kind,) = struct.unpack("<I", probe.head[6:10])
        return Confidence.CONTENT if kind in SIZES else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every element that the header counts as written is there, and all that were planned."""
        try:
            series = _series(path)
            _stack(path, series).whole()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Patterns, images or spectra over the series."""
        series, beside = _series(path), _emi(path)
        array = _stack(path, series).lazy()
        said = {} if beside is None else _said(beside)
        flags: list[Flag] = []
        if len(series.starts) < series.promised:
            told = f"{len(series.starts)} of {series.promised} planned elements were taken"
            flags.append(Flag.caution("series_cut_short", told))
        shape, step = _scan(series)
        if series.kind == SPECTRA:
            energy = microscope_axes.energies(series.shape[0], series.step, series.offset, "eV")
            told = "the series does not name the unit of its spectra; TIA writes energies in eV"
            flags.append(Flag.info("unit_assumed", told))
            data = microscope_axes.spectra(array, energy, "count", shape, step)
        elif series.positions and len(series.starts) > 1:
            pattern, remark = _pattern_step(series, said)
            flags += remark
            data = microscope_axes.patterns(array, "arbitrary", step=pattern, shape=shape, scan_step=step)
        else:
            pixel, remark = _pixel(series, said)
            flags += remark
            data = microscope_axes.images(array, (pixel, pixel))
        raw = {name: value for name, value in said.items() if name != "reciprocal"} | {"first_row": "lowest"}
        files = () if beside is None else (str(beside),)
        metadata = Metadata("stem", raw=raw)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), tuple(flags))


@dataclass(frozen=True)
class Emi:
    """The reader of no .emi file: it says which series it belongs to."""

    name: str = "tia_emi"

    def probe(self, probe: Probe) -> Confidence:
        """SIGNATURE by the first bytes."""
        return Confidence.SIGNATURE if probe.head.startswith(EMI_MAGIC) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Never ready, for a reason."""
        return Readiness.broken(str(self._refusal(path)))

    def open(self, path: Path) -> Measurement:
        """Raise what the file is."""
        raise self._refusal(path)

    def _refusal(self, path: Path) -> AdapterError:
        try:
            readable(path)
        except AdapterError as error:
            return error
        series = sorted(each.name for each in path.parent.glob(f"{_escaped(path.stem)}_*.ser"))
        there = f"open {' or '.join(series)}" if series else "its .ser files are not beside it"
        return LayoutError(path, f"it describes an acquisition with TIA and is no run; {there}")


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


class _Cursor:
    """Numbers from the bytes of a file, one after the other."""

    def __init__(self, path: Path, data: bytes, place: int) -> None:
        self.path, self.data, self.place = path, data, place

    def take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{form}")
        if self.place + size > len(self.data):
            raise TruncatedFileError(self.path, f"its header ends at byte {len(self.data)}")
        found = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += size
        return found

    def word(self) -> str:
        (count,) = self.take("i")
        if not 0 <= count <= MOST_WORD:
            raise CorruptFileError(self.path, f"a word in its header has {count} letters")
        (found,) = self.take(f"{count}s")
        return str(found.split(b"\0")[0].decode("latin-1")).strip()


def _series(path: Path) -> Series:
    size = readable(path)
    with path.open("rb") as file:
        head = file.read(2**20)
    if not head.startswith(MAGIC):
        raise LayoutError(path, "it does not begin as a series of TIA does")
    cursor = _Cursor(path, head, 4)
    (version, kind, tag, promised, written) = cursor.take("HIIii")
    if kind not in SIZES:
        raise LayoutError(path, f"its elements are of the kind {kind:#06x}, which is not known")
    if not 0 < written <= promised <= MOST_ELEMENTS:
        raise CorruptFileError(path, f"{written} elements of {promised} cannot be")
    (places,) = cursor.take("q" if version >= WIDE else "i")
    (count,) = cursor.take("i")
    if not 0 <= count <= MOST_DIMENSIONS:
        raise CorruptFileError(path, f"a series cannot have {count} dimensions")
    dimensions = tuple(_dimension(cursor) for _ in range(count))
    starts = _starts(path, places, written, size, wide=version >= WIDE)
    return _elements(path, Series(kind, tag == POSITIONS, promised, dimensions, starts, (), "", 0.0, 0.0))


def _dimension(cursor: _Cursor) -> Dimension:
    size, _, step, _ = cursor.take("iddi")
    return Dimension(int(size), float(step), cursor.word(), cursor.word())


def _starts(path: Path, places: int, count: int, size: int, *, wide: bool) -> np.ndarray[Any, Any]:
    kind = np.dtype("<i8" if wide else "<i4")
    if not 0 < places <= size - count * kind.itemsize:
        raise TruncatedFileError(path, f"the places of its elements stand at byte {places} of {size}")
    with path.open("rb") as file:
        file.seek(places)
        found = np.frombuffer(file.read(count * kind.itemsize), kind).astype(np.int64)
    if len(found) != count or (found <= 0).any() or (found >= size).any():
        raise TruncatedFileError(path, f"it ends before its {count} elements do ({size} bytes)")
    return found


def _elements(path: Path, series: Series) -> Series:
    """The series with the shape of its elements, which must all be alike."""
    width = SIZES[series.kind]
    heads = Stacked(path, series.starts, (width,), "u1")
    heads.whole()
    firsts = heads[:]
    # Calibrations differ with the place of an element; type and size must not.
    if (
        firsts[:, 20 if series.kind == SPECTRA else 40 :] != firsts[0, 20 if series.kind == SPECTRA else 40 :]
    ).any():
        raise LayoutError(path, "its elements differ in type or size")
    head = firsts[0].tobytes()
    offset, step = struct.unpack_from("<dd", head)
    code, *sizes = struct.unpack_from(
        "<hi" if series.kind == SPECTRA else "<hii", head, 20 if width == 26 else 40
    )
    if code not in KINDS:
        raise LayoutError(path, f"its values are of the type {code}, which is not read here")
    shape = tuple(int(each) for each in reversed(sizes))
    plausible(path, len(series.starts), shape)
    dimensions = series.dimensions
    return Series(
        series.kind, series.positions, series.promised, dimensions, series.starts + width, shape, KINDS[code],
        float(offset), float(step),
    )  # fmt: skip


def _stack(path: Path, series: Series) -> Stacked:
    return Stacked(path, series.starts, series.shape, series.dtype)


def _scan(series: Series) -> tuple[tuple[int, int] | None, tuple[float, float] | None]:
    """Rows and columns of the scan and its step (angstrom), where all places were taken."""
    known = series.dimensions if series.positions else ()
    sizes = [each.size for each in known]
    if len(sizes) not in (1, 2) or int(np.prod(sizes, dtype=object)) != len(series.starts):
        return None, None
    steps = [microscope_axes.length(each.step, each.unit) for each in known]
    # The first dimension runs fastest.
    shape = (sizes[1] if len(sizes) == 2 else 1, sizes[0])
    return shape, None if None in steps else (steps[-1] or 0.0, steps[0] or 0.0)


def _pattern_step(series: Series, said: dict[str, Any]) -> tuple[tuple[float, str] | None, list[Flag]]:
    if said.get("reciprocal"):
        return microscope_axes.scattering(series.step, "1/m"), []
    told = "no .emi file beside it says whether its images are patterns, nor the unit of their pixels"
    return None, [Flag.caution("pixel_unknown", told)]


def _pixel(series: Series, said: dict[str, Any]) -> tuple[float | None, list[Flag]]:
    # A step of more than a millimetre is no image: the unit is that of a pattern.
    if said and not said.get("reciprocal") and series.step < 1e-3:
        return microscope_axes.length(series.step, "m"), []
    told = "nothing beside the series says the unit of its pixels"
    return None, [Flag.caution("voxel_missing", told)]


def _emi(path: Path) -> Path | None:
    match = EMI_NAME.match(path.stem)
    beside = path.with_name(f"{match.group(1)}.emi") if match else path.with_suffix(".emi")
    return beside if beside.is_file() else None


def _said(path: Path) -> dict[str, Any]:
    """What the description says of the microscope, and whether it is of diffraction patterns."""
    with path.open("rb") as file:
        data = file.read()
    if not data.startswith(EMI_MAGIC):
        raise CorruptFileError(path, "it does not begin as files of TIA do")
    if b"</ObjectInfo>" not in data:
        raise TruncatedFileError(path, "it ends before it describes its acquisition")
    entries = {
        key.decode("latin-1").strip(): value.decode("latin-1").strip() for key, value in ENTRY.findall(data)
    }
    found: dict[str, Any] = {}
    for label, (name, factor) in SAID.items():
        value = text.number(entries.get(label, ""))
        if value is not None and np.isfinite(value):
            found[name] = value * factor
    found["mode"] = entries.get("Mode") or None
    found["reciprocal"] = b"Reciprocal Space" in data and "Diffraction" in entries.get("Mode", "")
    return {name: value for name, value in found.items() if value is not None}


TIA, EMI = Tia(), Emi()
