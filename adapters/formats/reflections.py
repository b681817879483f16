"""Bragg reflections in MTZ and XDS files: indices, spacing, cell, and the columns as they are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    EmptyFileError,
    LayoutError,
    MissingExtraError,
    NoSuchRunError,
    TruncatedFileError,
)
from adapters.formats import text
from adapters.formats.pilatus_header import DEFAULT
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
MTZ_MAGIC = b"MTZ "
XDS = re.compile(r"^!(FORMAT=XDS_ASCII|OUTPUT_FILE=INTEGRATE\.HKL)")
END_OF_HEADER, END_OF_DATA = "!END_OF_HEADER", "!END_OF_DATA"
CELL = ("a", "b", "c", "alpha", "beta", "gamma")
# MTZ types of columns whose numbers have a kind; others stand as they are.
KINDS = {"J": "intensity", "K": "intensity", "Q": "uncertainty", "M": "uncertainty"}
# Programs write these where no wavelength is known.
UNSET_WAVELENGTHS = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class ReflectionFile:
    """The reader of merged and unmerged reflections."""

    name: str = "reflections"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first bytes of an MTZ or the first line of an XDS file."""
        known = probe.head.startswith(MTZ_MAGIC) or XDS.match(probe.text)
        return Confidence.CONTENT if known else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all reflections that the header counts can be read."""
        try:
            self.open(path)
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """All reflections, in memory: a table of some megabytes."""
        head = _head(path)
        read = _mtz if head.startswith(MTZ_MAGIC) else _xds
        columns, metadata, cell, flags = read(path)
        data = _dataset(path, columns, cell)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


Columns = dict[str, tuple[np.ndarray[Any, Any], dict[str, str]]]
Read = tuple[Columns, Metadata, tuple[float, ...], tuple[Flag, ...]]


def _head(path: Path) -> bytes:
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not a file of reflections")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise EmptyFileError(path)
    return head


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise MissingExtraError("gemmi", "structure") from error
    return gemmi


def _mtz(path: Path) -> Read:
    gemmi = _gemmi()
    # gemmi tells faults of a file by these; anything else is ours.
    try:
        mtz = gemmi.read_mtz_file(str(path))
    except (ValueError, RuntimeError, IndexError) as error:
        raise TruncatedFileError(path, str(error)) from error
    values = np.array(mtz, copy=True)
    columns: Columns = {}
    for column, numbers in zip(mtz.columns, values.T, strict=True):
        about = {
            "units": "arbitrary" if column.type in KINDS else "dimensionless",
            "column_type": column.type,
        }
        columns[column.label] = (numbers.astype(float), about)
    stated = {round(float(dataset.wavelength), 6) for dataset in mtz.datasets}
    wavelengths = sorted(stated - set(UNSET_WAVELENGTHS))
    flags = []
    if not wavelengths and any(stated):
        said_so = "the wavelength 1 looks never set, and is not used"
        flags.append(Flag.caution(DEFAULT, said_so))
    said = {
        "space_group": mtz.spacegroup.hm if mtz.spacegroup else None,
        "merged": not mtz.batches and "M/ISYM" not in columns,
        "title": mtz.title or None,
    }
    metadata = Metadata(
        technique="mx", wavelength_angstrom=wavelengths[0] if len(wavelengths) == 1 else None, raw=said
    )
    return columns, metadata, tuple(mtz.cell.parameters), tuple(flags)


def _xds(path: Path) -> Read:
    content = text.text(path)
    header, _, body = content.partition(END_OF_HEADER)
    if not body:
        raise TruncatedFileError(path, f"there is no {END_OF_HEADER}")
    said = dict(re.findall(r"([A-Z_\-]+[A-Z])= *([^!\n]+?)(?=\s+[A-Z_\-]+[A-Z]=|\s*$)", header, re.MULTILINE))
    names = _names(path, header)
    rows = [line.split() for line in body.splitlines() if line.strip() and not line.startswith("!")]
    if rows and len(rows[-1]) < len(names):
        raise TruncatedFileError(path, f"its last row has {len(rows[-1])} of {len(names)} items")
    try:
        values = np.array([row[: len(names)] for row in rows], float).reshape(len(rows), len(names))
    except ValueError as error:
        raise CorruptFileError(path, f"a row is not {len(names)} numbers") from error
    columns: Columns = {
        name: (values[:, place], {"units": "arbitrary" if name in ("IOBS", "SIGMA") else "dimensionless"})
        for place, name in enumerate(names)
    }
    flags = []
    if END_OF_DATA not in body:
        said_so = f"the file does not close with {END_OF_DATA}: rows after the last may be missing"
        flags.append(Flag.caution("end_missing", said_so))
    stated = said.get("UNIT_CELL_CONSTANTS", "")
    cell = tuple(each for word in stated.split() if (each := text.number(word)) is not None)
    if len(cell) != len(CELL):
        raise LayoutError(path, "it states no unit cell")
    distance = text.number(said.get("DETECTOR_DISTANCE", ""))
    wavelength = text.number(said.get("X-RAY_WAVELENGTH", ""))
    metadata = Metadata(
        technique="mx",
        wavelength_angstrom=wavelength,
        distance_m=None if distance is None else abs(distance) / 1000,
        raw={"space_group_number": said.get("SPACE_GROUP_NUMBER"), "merged": False},
    )
    return columns, metadata, cell, tuple(flags)


def _names(path: Path, header: str) -> list[str]:
    """Names of the items, which INTEGRATE lists in two lines and XDS_ASCII one by one."""
    listed = re.search(r"^!(H,K,L,.+)\n!\s+(.+)$", header, re.MULTILINE)
    if listed:
        names = [name.strip() for name in f"{listed[1]}{listed[2]}".split(",") if name.strip()]
    else:
        names = re.findall(r"^!ITEM_([^=]+)=\d+", header, re.MULTILINE)
    if names[:3] != ["H", "K", "L"]:
        raise LayoutError(path, "its header does not say what its items are")
    return names


def _dataset(path: Path, columns: Columns, cell: tuple[float, ...]) -> Any:
    import xarray as xr

    if not {"H", "K", "L"} <= set(columns):
        raise LayoutError(path, "it has no columns H, K, L")
    indices = [columns.pop(name)[0] for name in ("H", "K", "L")]
    if not len(indices[0]):
        raise LayoutError(path, "it holds no reflections")
    spacing = _gemmi().UnitCell(*cell).calculate_d_array(np.array(indices, np.int32).T.copy())
    variables: dict[str, Any] = {
        name: ("reflection", values.astype(np.int32), {"units": "dimensionless"})
        for name, values in zip("hkl", indices, strict=True)
    }
    variables["d_spacing"] = ("reflection", np.asarray(spacing), {"units": "angstrom"})
    for name, (values, about) in columns.items():
        variables[name] = ("reflection", values, about)
    units = {"units": "angstrom and degree", "long_name": "edges in angstrom, angles in degree"}
    variables["cell"] = ("parameter", np.array(cell), units)
    return xr.Dataset(variables, coords={"parameter": ("parameter", list(CELL))})


REFLECTIONS = ReflectionFile()
