"""Lists of single ions from charge detection, and histograms of their masses, as UniDec keeps them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError
from adapters.formats import text
from adapters.formats.mass_spectrum import MZ
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
ZIP = b"PK\x03\x04"
MEMBER = "data.npy"
COLUMNS = (3, 4)
LEAST_ROWS = 20
# A histogram of masses (Da) that starts below this, or is uneven, may be anything else.
LEAST_MASS = 5000.0


@dataclass(frozen=True)
class IonList:
    """A reader of single ions: m/z, signal and scan of each; a fourth column stays unexplained."""

    name: str = "unidec_ions"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the one array in the archive, three or four columns of numbers wide."""
        if not probe.head.startswith(ZIP) or probe.suffix != ".npz":
            return Confidence.NO
        try:
            shape, kind = _shape(probe.path)
        except AdapterError:
            return Confidence.NO
        fits = len(shape) == 2 and shape[1] in COLUMNS and kind.kind == "f"
        return Confidence.CONTENT if fits else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the archive is whole."""
        try:
            _read(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Every ion; none has a charge yet."""
        import xarray as xr

        values = _read(path)
        units = {"ion_mz": MZ, "ion_signal": "arbitrary", "ion_scan": "dimensionless"}
        data = xr.Dataset(
            {
                name: ("ion", column, {"units": unit})
                for (name, unit), column in zip(units.items(), values.T, strict=False)
            }
        )
        flags = []
        if values.shape[1] > len(units):
            told = f"a fourth column, {values[0, 3]:g} in the first row, is explained nowhere and not used"
            flags.append(Flag.info("column_unexplained", told))
        return Measurement(data, Metadata("ms"), Provenance(str(path), self.name, VERSION), tuple(flags))


def _shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, kind = read(file)
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise LayoutError(path, f"no array of ions: {error}") from error
    return shape, kind


def _read(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not a list of ions")
    if path.stat().st_size == 0:
        raise EmptyFileError(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            values = np.asarray(archive["data"], float)
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise CorruptFileError(path, str(error)) from error
    if values.ndim != 2 or values.shape[1] not in COLUMNS or not len(values):
        raise LayoutError(path, f"an array of shape {values.shape}, where ions have 3 or 4 columns")
    return values


@dataclass(frozen=True)
class MassHistogram:
    """A reader of masses (Da) in even bins and how often each was found, in two columns without labels."""

    name: str = "mass_histogram_text"

    def probe(self, probe: Probe) -> Confidence:
        """SIGNATURE by an even axis of masses; CONTENT if the name says that it is one."""
        lines = probe.text.splitlines()[:-1]
        table = text.longest_table(lines)
        if table is None or not _even_masses(table) or table.start > 0 or table.stop < len(lines):
            return Confidence.NO
        named = probe.path.stem.lower().endswith("_mass")
        return Confidence.CONTENT if named else Confidence.SIGNATURE

    def check(self, path: Path) -> Readiness:
        """Whether it can be read."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The histogram over mass."""
        import xarray as xr

        content = text.text(path)
        table = text.longest_table(content.splitlines())
        if table is None or not _even_masses(table):
            raise LayoutError(path, "it holds no even axis of masses with counts")
        if not content.endswith("\n"):
            raise CorruptFileError(path, "its last line has no end")
        data = xr.Dataset(
            {"intensity": ("mass", table.values[:, 1], {"units": "arbitrary"})},
            coords={"mass": ("mass", table.values[:, 0], {"units": "Da"})},
        )
        told = (
            "no label names the columns; read as mass in Da and intensity because the first is even and large"
        )
        flag = Flag.caution("columns_unlabelled", told)
        return Measurement(data, Metadata("ms"), Provenance(str(path), self.name, VERSION), (flag,))


def _even_masses(table: text.Table) -> bool:
    if table.width != 2 or len(table) < LEAST_ROWS:
        return False
    mass, counts = table.values.T
    steps = np.diff(mass)
    even = steps[0] > 0 and bool(np.allclose(steps, steps[0], rtol=1e-6))
    return even and mass[0] >= LEAST_MASS and bool((counts >= 0).all())


IONS, MASSES = IonList(), MassHistogram()
