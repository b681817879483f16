"""STAR files of RELION: tables of particles, micrographs, shells and processes, in words and numbers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.text import impersonal
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
BLOCK = re.compile(r"^data_(\S*)\s*$")
LABEL = re.compile(r"^_(rln\w+)(?:\s+#\d+)?\s*$")
PAIR = re.compile(r"^_(rln\w+)\s+(\S.*)$")
SAVED = re.compile(r"^_rln\w+", re.MULTILINE)
# What RELION means by a label, where its name does not say the unit.
UNITS = {
    "rlnVoltage": "kV",
    "rlnSphericalAberration": "mm",
    "rlnDefocusU": "angstrom",
    "rlnDefocusV": "angstrom",
    "rlnDefocusAngle": "degree",
    "rlnAngleRot": "degree",
    "rlnAngleTilt": "degree",
    "rlnAnglePsi": "degree",
    "rlnPhaseShift": "degree",
    "rlnDetectorPixelSize": "um",
    "rlnImagePixelSize": "angstrom",
    "rlnMicrographPixelSize": "angstrom",
    "rlnMicrographOriginalPixelSize": "angstrom",
    "rlnPixelSize": "angstrom",
    "rlnFinalResolution": "angstrom",
    "rlnAngstromResolution": "angstrom",
    "rlnResolution": "1/angstrom",
    "rlnParticleDiameter": "angstrom",
    "rlnOffsetRange": "pixel",
    "rlnCtfMaxResolution": "angstrom",
    "rlnCoordinateX": "pixel",
    "rlnCoordinateY": "pixel",
}
CS_LEAST_MM, CS_MOST_MM = 0.0005, 10.0


@dataclass(frozen=True)
class Table:
    """A block of the file: its columns as text by label; a block of pairs has one row."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    loop: bool

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def numbers(self, label: str) -> Any:
        """A column as numbers; None where it is absent or holds other text."""
        if label not in self.columns:
            return None
        try:
            return np.array([float(each) for each in self.columns[label]])
        except ValueError:
            return None


@dataclass(frozen=True)
class Star:
    """A reader of STAR files; each table is a set of variables `<table>.<label>` over its own dimension."""

    name: str = "relion_star"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a block and labels of RELION."""
        has_block = any(BLOCK.match(line) for line in probe.text.splitlines())
        return Confidence.CONTENT if has_block and SAVED.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every row is whole, and the last line ends."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """All tables: numbers where a column holds only numbers, text else."""
        found = tables(path)
        data = _dataset(found)
        optics, flags = optics_of(found)
        metadata = Metadata("spa", raw={**impersonal(_single_values(found)), **optics})
        flags += _open_end(path, found[-1])
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


def _open_end(path: Path, last: Table) -> tuple[Flag, ...]:
    """A flag where no blank line closes the last table, as RELION writes one, or another only begins."""
    lines = [line.strip() for line in text.text(path).splitlines()]
    end = next((line for line in reversed(lines) if line), "")
    begun = end.startswith(("#", "loop_")) or BLOCK.match(end) or LABEL.match(end)
    if not begun and (not last.loop or not lines[-1]):
        return ()
    told = "no blank line stands after its last row; if the file was cut there, rows are missing"
    return (Flag.info("table_open_ended", told),)


def tables(path: Path) -> list[Table]:
    """Every block of the file that holds something, in its order."""
    content = text.text(path)
    if not content.endswith("\n"):
        raise TruncatedFileError(path, "its last line has no end")
    found: list[Table] = []
    name: str | None = None
    labels: list[str] = []
    rows: list[list[str]] = []
    pairs: dict[str, str] = {}

    def finish() -> None:
        if name is None:
            return
        if labels:
            if not rows:
                raise TruncatedFileError(path, f"the table {name!r} has labels and no rows")
            found.append(Table(name, dict(zip(labels, zip(*rows, strict=True), strict=True)), loop=True))
        elif pairs:
            found.append(Table(name, {key: (value,) for key, value in pairs.items()}, loop=False))

    for number, line in enumerate(content.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if block := BLOCK.match(stripped):
            finish()
            name, labels, rows, pairs = block.group(1), [], [], {}
        elif stripped == "loop_":
            labels, rows = [], []
        elif label := LABEL.match(stripped):
            labels.append(label.group(1))
        elif pair := PAIR.match(stripped):
            pairs[pair.group(1)] = _words(pair.group(2).split(" #")[0])[0]
        elif name is not None and labels:
            rows.append(_row(path, number, stripped, len(labels)))
        else:
            raise CorruptFileError(path, f"line {number} belongs to no table: {stripped[:60]!r}")
    finish()
    if not found:
        raise LayoutError(path, "it holds no table")
    return found


def _row(path: Path, number: int, line: str, width: int) -> list[str]:
    words = _words(line)
    if len(words) != width:
        raise CorruptFileError(
            path, f"line {number} has {len(words)} words where its table has {width} labels"
        )
    return words


def _words(line: str) -> list[str]:
    if '"' not in line and "'" not in line:
        return line.split()
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _dataset(found: list[Table]) -> xr.Dataset:
    import xarray as xr

    variables: dict[str, Any] = {}
    names = [each.name or "table" for each in found]
    for name, table in zip(names, found, strict=True):
        for label, column in table.columns.items():
            values = table.numbers(label)
            values = np.array(column, dtype=str) if values is None else values
            variables[f"{name}.{label}"] = (name, values, {"units": UNITS.get(label, "dimensionless")})
    unit = {"units": "dimensionless"}
    variables["table"] = ("tables", np.array(names, dtype=str), unit)
    variables["rows"] = ("tables", np.array([each.rows for each in found]), unit)
    return xr.Dataset(variables)


def _single_values(found: list[Table]) -> dict[str, Any]:
    """The blocks of pairs, with numbers as numbers."""
    said: dict[str, Any] = {}
    for table in found:
        if not table.loop:
            said[table.name or "table"] = {
                label: _value(column[0]) for label, column in table.columns.items() if column
            }
    return said


def _value(word: str) -> Any:
    number = text.number(word)
    return word if number is None else number


@dataclass(frozen=True)
class Beside:
    """A STAR file that lists the sections of a stack, and what it says of them."""

    path: Path
    pixel_angstrom: float | None
    said: Mapping[str, Any] = field(default_factory=dict)


def of_stack(stack: Path) -> Beside | None:
    """What the STAR file beside a stack, of the same stem, says of its images; None where there is none."""
    path = stack.with_suffix(".star")
    if not path.is_file():
        return None
    try:
        found = _kept(path, path.stat().st_mtime_ns)
    except AdapterError:
        return None
    images = next((each for each in found if "rlnImageName" in each.columns), None)
    if images is None or not any(name.endswith(stack.name) for name in images.columns["rlnImageName"]):
        return None
    optics, _ = optics_of(list(found))
    return Beside(path, optics.get("pixel_angstrom"), optics)


@lru_cache(maxsize=8)
def _kept(path: Path, _: int) -> tuple[Table, ...]:
    return tuple(tables(path))


def optics_of(found: list[Table]) -> tuple[dict[str, Any], tuple[Flag, ...]]:
    """Voltage, aberration, contrast, pixel where all rows agree, by RELION 3.1's table or 3.0's columns."""
    said: dict[str, Any] = {}
    flags: list[Flag] = []
    names = {
        "rlnVoltage": "voltage_kv",
        "rlnSphericalAberration": "spherical_aberration_mm",
        "rlnAmplitudeContrast": "amplitude_contrast",
    }
    for table in found:
        for label, name in names.items():
            if (value := _agreed(table, label)) is not None:
                said.setdefault(name, value)
        if (pixel := _pixel(table)) is not None:
            said.setdefault("pixel_angstrom", pixel)
    aberration = said.get("spherical_aberration_mm")
    if aberration is not None and not CS_LEAST_MM < aberration < CS_MOST_MM:
        told = f"a spherical aberration of {aberration:g} mm is no value of a lens and is not used"
        flags.append(Flag.caution("header_looks_like_default", told))
        del said["spherical_aberration_mm"]
    return said, tuple(flags)


def _pixel(table: Table) -> float | None:
    for label in (
        "rlnImagePixelSize",
        "rlnMicrographPixelSize",
        "rlnMicrographOriginalPixelSize",
        "rlnPixelSize",
    ):
        if (value := _agreed(table, label)) is not None:
            return value
    detector, magnification = (
        _agreed(table, label) for label in ("rlnDetectorPixelSize", "rlnMagnification")
    )
    if detector is None or not magnification:
        return None
    return detector * 1e4 / magnification


def _agreed(table: Table, label: str) -> float | None:
    values = table.numbers(label)
    if values is None or not len(values) or not np.allclose(values, values[0], rtol=1e-6):
        return None
    return float(values[0])


STAR = Star()
