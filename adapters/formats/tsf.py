"""Imaging by Bruker's timsTOF without mobility (TSF): a folder of SQLite tables and packed spectra."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    MissingExtraError,
    NoSuchRunError,
    TruncatedFileError,
)
from adapters.formats.imzml import lazy_spectra
from adapters.formats.mass_spectrum import MZ
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
TABLES, BINARY = "analysis.tsf", "analysis.tsf_bin"
SQLITE = b"SQLite format 3\0"
ZSTD = 3
HEAD = struct.Struct("<II")
NEAR_ENDS = 0.01
FRAMES = """
select f.Id, f.Time, f.Polarity, f.TimsId, f.MaxIntensity, f.SummedIntensities, f.NumPeaks, f.MzCalibration,
       m.XIndexPos, m.YIndexPos
from Frames f join MaldiFrameInfo m on m.Frame = f.Id order by f.Id
"""


@dataclass(frozen=True)
class Scale:
    """Digitiser index to m/z: time = c0 + c1 √m + c2 m, time = delay + step x index."""

    delay: float
    step: float
    c0: float
    c1: float
    c2: float

    def mz(self, index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """m/z at `index` (n,), the positive root of the quadratic in √m."""
        time = self.delay + self.step * index - self.c0
        if self.c2 == 0:
            return np.asarray((time / self.c1) ** 2)
        root = (-self.c1 + np.sqrt(self.c1**2 + 4 * self.c2 * time)) / (2 * self.c2)
        return np.asarray(root**2)


@dataclass(frozen=True)
class Tsf:
    """A reader of line spectra of imaging runs; Bruker's library is not needed."""

    name: str = "bruker_tsf"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the two files of the folder."""
        tables = probe.path / TABLES
        try:
            with tables.open("rb") as file:
                begins = file.read(len(SQLITE)) == SQLITE
        except OSError:
            return Confidence.NO
        return Confidence.INSTRUMENT if begins and (probe.path / BINARY).exists() else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the tables were closed properly and every spectrum is in the binary file."""
        try:
            said, frames, _ = _tables(path)
            if said.get("ClosedProperly") != "1":
                return Readiness.wait("the instrument has not closed the run", 30.0)
            _all_there(path, frames)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Places and totals now; spectra when computed. m/z is by the file's own constants."""
        said, frames, scale = _tables(path)
        data = _dataset(path, frames, scale)
        files = (str(path / TABLES), str(path / BINARY))
        spot = _spot(path)
        metadata = Metadata(
            "imaging_ms",
            instrument=said.get("InstrumentName"),
            start_time=_time(said.get("AcquisitionDateTime")),
            pixel_size_x_m=spot[0],
            pixel_size_y_m=spot[1],
            raw={"vendor": said.get("InstrumentVendor"), "frames": len(frames)},
        )
        told = "m/z by the constants of the file alone; the drift with temperature is not corrected"
        flags = [Flag.caution("mz_calibration_partial", told)]
        if empty := sum(row["NumPeaks"] == 0 for row in frames):
            flags.append(Flag.info("pixels_empty", f"{empty} of {len(frames)} spectra have no peaks"))
        # A folder is no file to hash; its two files are.
        return Measurement(data, metadata, Provenance(files[0], self.name, VERSION, files), tuple(flags))


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise NoSuchRunError(path)
    tables = path / TABLES
    if not tables.is_file():
        raise LayoutError(path, f"a run of this kind has {TABLES}")
    try:
        # Immutable: not even a lock file is made beside raw data.
        with closing(sqlite3.connect(f"{tables.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as found:
            found.row_factory = sqlite3.Row
            yield found
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise CorruptFileError(tables, str(error)[:200]) from error


def _tables(path: Path) -> tuple[dict[str, str], list[dict[str, Any]], Scale]:
    with _database(path) as base:
        said = {
            row["Key"]: str(row["Value"]) for row in base.execute("select Key, Value from GlobalMetadata")
        }
        if said.get("SchemaType") != "TSF" or said.get("TimsCompressionType") != str(ZSTD):
            raise LayoutError(path, "not TSF with spectra packed by zstd")
        frames = [dict(row) for row in base.execute(FRAMES)]
        if not frames:
            raise LayoutError(path, "it holds no pixels")
        numbers = {row["MzCalibration"] for row in frames}
        found = [dict(row) for row in base.execute("select * from MzCalibration")]
    if len(numbers) != 1:
        raise LayoutError(path, f"{len(numbers)} calibrations of m/z in one image are not read here")
    row = next((each for each in found if each.get("Id") in numbers), None)
    if row is None or row.get("ModelType") != 1:
        raise LayoutError(path, "its calibration of m/z is of a model that is not read here")
    # The second constant is stored as the inverse of its square, in units of 1e-12.
    constants: list[Any] = [
        row.get(name) for name in ("DigitizerDelay", "DigitizerTimebase", "C0", "C1", "C2")
    ]
    if (
        not all(isinstance(each, (int, float)) and np.isfinite(each) for each in constants)
        or constants[3] <= 0
    ):
        raise CorruptFileError(path / TABLES, "the constants of its calibration of m/z are no numbers")
    scale = Scale(
        row["DigitizerDelay"], row["DigitizerTimebase"], row["C0"], (1e12 / row["C1"]) ** 0.5, row["C2"]
    )
    _fits_range(path, said, scale)
    return said, frames, scale


def _fits_range(path: Path, said: dict[str, str], scale: Scale) -> None:
    """The ends of the digitiser must be those of the range that was asked for, else the model is another."""
    try:
        ends = np.array([float(said["MzAcqRangeLower"]), float(said["MzAcqRangeUpper"])])
        found = scale.mz(np.array([0.0, float(said["DigitizerNumSamples"])]))
    except (KeyError, ValueError) as error:
        raise CorruptFileError(path, f"its range of m/z is not stated: {error}") from error
    if not np.allclose(found, ends, atol=NEAR_ENDS * np.ptp(ends)):
        told = f"{found[0]:.2f} to {found[1]:.2f} where the file says {ends[0]:g} to {ends[1]:g}"
        raise LayoutError(path, f"its constants give m/z {told}")


def _spot(path: Path) -> tuple[float | None, float | None]:
    with _database(path) as base:
        row = base.execute("select BeamScanSizeX, BeamScanSizeY from MaldiFrameLaserInfo").fetchone()
    if row is None or not row[0] or not row[1]:
        return None, None
    return row[0] * 1e-6, row[1] * 1e-6


def _time(said: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _all_there(path: Path, frames: list[dict[str, Any]]) -> None:
    binary = path / BINARY
    if not binary.is_file():
        raise LayoutError(path, f"a run of this kind has {BINARY}")
    size = binary.stat().st_size
    with binary.open("rb") as file:
        for row in frames:
            if not row["NumPeaks"]:
                continue
            file.seek(row["TimsId"])
            head = file.read(HEAD.size)
            end = row["TimsId"] + HEAD.unpack(head)[0] if len(head) == HEAD.size else size + 1
            if end > size:
                raise TruncatedFileError(
                    binary, f"the spectrum of frame {row['Id']} ends beyond its {size} bytes"
                )


def _dataset(path: Path, frames: list[dict[str, Any]], scale: Scale) -> xr.Dataset:
    import xarray as xr

    points = np.array([row["NumPeaks"] or 0 for row in frames])
    places = [(row["TimsId"], row["NumPeaks"] or 0) for row in frames]
    mz, intensity = lazy_spectra(line_spectra, (str(path / BINARY), tuple(places), scale), points)
    none = {"units": "dimensionless"}
    columns = {
        "x": ("XIndexPos", none),
        "y": ("YIndexPos", none),
        "total_ion_current": ("SummedIntensities", {"units": "arbitrary"}),
        "base_peak": ("MaxIntensity", {"units": "arbitrary"}),
        "scan_time": ("Time", {"units": "s"}),
    }
    found = xr.Dataset(
        {
            "mz": ("point", mz, {"units": MZ}),
            "intensity": ("point", intensity, {"units": "arbitrary"}),
            "first_point": ("scan", np.concatenate([[0], np.cumsum(points)[:-1]]).astype(int), none),
            "points": ("scan", points, none),
        }
    )
    for name, (key, attrs) in columns.items():
        found[name] = ("scan", np.array([row[key] for row in frames], float), attrs)
    polarity = [-1 if row["Polarity"] == "-" else 1 for row in frames]
    found["polarity"] = ("scan", np.array(polarity), none)
    found["profile"] = ("scan", np.zeros(len(frames), bool), none)
    return found


def line_spectra(
    binary: str, places: tuple[tuple[int, int], ...], scale: Scale, start: int, stop: int
) -> np.ndarray[Any, Any]:
    """m/z and intensity (2, n) of the frames from `start` to `stop`, end to end."""
    unpack = _zstd()
    found: list[np.ndarray[Any, Any]] = [np.empty((2, 0))]
    with Path(binary).open("rb") as file:
        for place, count in places[start:stop]:
            if not count:
                continue
            file.seek(place)
            head = file.read(HEAD.size)
            if len(head) != HEAD.size:
                raise TruncatedFileError(binary, f"there is nothing at byte {place}")
            _, size = HEAD.unpack(head)
            data = _unpacked(binary, unpack, file.read(size), 12 * count)
            index = np.frombuffer(data, "<f8", count)
            found.append(np.stack([scale.mz(index), np.frombuffer(data, "<f4", count, 8 * count)]))
    return np.concatenate(found, axis=1)


def _unpacked(binary: str, unpack: Any, data: bytes, size: int) -> bytes:
    try:
        whole: bytes = unpack(data, max_output_size=size)
    # The library's own error is not known before it is imported.
    except Exception as error:
        raise CorruptFileError(binary, f"a spectrum does not unpack: {error}") from error
    if len(whole) < size:
        raise CorruptFileError(binary, f"a spectrum unpacks to {len(whole)} of {size} bytes")
    return whole


def _zstd() -> Any:
    try:
        from zstandard import ZstdDecompressor
    except ImportError as error:
        raise MissingExtraError("zstandard", "ms") from error
    return ZstdDecompressor().decompress


TSF = Tsf()
