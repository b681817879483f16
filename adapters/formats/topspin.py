"""Bruker TopSpin experiments: free induction decays as acquired, and spectra as processed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    NoSuchRunError,
    PathError,
    TruncatedFileError,
)
from adapters.formats import bruker_parameters as bruker
from adapters.formats import late, text
from adapters.formats import topspin_place as places
from adapters.formats.blob import Blob, size_of
from adapters.formats.group_delay import group_delay
from adapters.formats.topspin_place import Place
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
# Rows of `ser` begin on a multiple of this; what lies between is padding.
BLOCK = 1024
TYPES = {0: "i4", 2: "f8"}
ORDERS = {0: "<", 1: ">"}
COMPLEX = (1, 3)
# FnMODE: how the indirect dimension tells the sign of frequencies; 0 means the pulse program knows.
INDIRECT = {1: "real", 2: "qsec", 3: "tppi", 4: "states", 5: "states_tppi", 6: "echo_antiecho"}
NON_UNIFORM = 2
# Lists of what a series steps through, and the factors of their units in seconds.
DELAYS = re.compile(r"^\s*([\d.]+(?:[eE][-+]?\d+)?)\s*([smun]?)s?\s*$")
SECONDS = {"": 1.0, "s": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# Pulse programs of the maker's library that measure a relaxation time.
QUANTITIES = {"t1ir": "t1", "cpmg1d": "t2", "t1rho": "t1rho"}
UNITLESS = {"units": "dimensionless"}


@dataclass(frozen=True)
class Topspin:
    """A reader of experiments; their folder gives the raw data, one of `pdata` that spectrum."""

    name: str = "bruker_topspin"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT where the parameters lie beside; EXTENSION for other files there, to say whose."""
        try:
            if places.claims(probe.path):
                return Confidence.CONTENT
            return Confidence.EXTENSION if places.beside(probe.path) else Confidence.NO
        except OSError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all points that the parameters promise are there."""
        try:
            self.open(path)
        except TruncatedFileError as error:
            files = [Path(error.path)]
            return late.judged(str(error), files, may_come=files[0].name in places.RAW, late_s=late.LATE_S)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Decays or spectrum, lazy where they are raw."""
        try:
            place = places.find(Path(path))
            read = _raw if place.processing is None else _processed
            data, files, flags = read(place)
        except OSError as error:
            raise PathError(path, str(error.strerror or error)) from error
        acquired = bruker.read(place.file("acqus"))
        metadata = _metadata(acquired, place)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), flags)


Read = tuple["xr.Dataset", tuple[str, ...], tuple[Flag, ...]]


def _metadata(acquired: bruker.Parameters, place: Place) -> Metadata:
    source = place.file("acqus")
    stamp, kelvin = (bruker.number(acquired, name, source) for name in ("DATE", "TE"))
    said = {
        "nucleus": bruker.word(acquired, "NUC1"),
        "solvent": bruker.word(acquired, "SOLVENT"),
        "pulse_program": bruker.word(acquired, "PULPROG"),
        "scans": bruker.number(acquired, "NS", source),
    }
    if place.file("acqu2s").is_file():
        indirect = bruker.read(place.file("acqu2s"))
        said["indirect_nucleus"] = bruker.word(indirect, "NUC1")
        said["indirect"] = _indirect(place, indirect)
    program = said["pulse_program"] or ""
    said["quantity"] = next(
        (kind for name, kind in QUANTITIES.items() if str(program).startswith(name)), None
    )
    try:
        start = datetime.fromtimestamp(stamp, UTC) if stamp else None
    except (ValueError, OverflowError, OSError) as error:
        raise CorruptFileError(source, f"DATE {stamp:g} is no time") from error
    return Metadata(
        technique="nmr",
        instrument=bruker.word(acquired, "INSTRUM"),
        start_time=start,
        temperature_k=kelvin if kelvin and np.isfinite(kelvin) and kelvin > 0 else None,
        raw={name: value for name, value in said.items() if value is not None},
    )


def _raw(place: Place) -> Read:
    import xarray as xr

    source = place.file("acqus")
    acquired = bruker.read(source)
    points = bruker.count(acquired, "TD", source)
    if points < 2:
        raise CorruptFileError(source, f"TD is {points}: no points were acquired")
    if bruker.number(acquired, "AQ_mod", source) not in COMPLEX:
        said = "it was acquired one channel after the other (AQ_mod is not 1 or 3), which is not read here"
        raise LayoutError(source, said)
    rows, blob = _blob(place, acquired, points)
    blob.require()
    width = bruker.required(acquired, "SW_h", source)
    if not width > 0:
        raise CorruptFileError(source, f"SW_h is {width:g}: a spectrum has a width")
    reference, files, flags = _reference(place, acquired)
    data = xr.Dataset({"fid": (("row", "time"), _pairs(blob, points // 2), {"units": "arbitrary"})})
    data["time"] = ("time", np.arange(points // 2) / width, {"units": "s"})
    data["group_delay"] = ((), _delay(acquired, source), UNITLESS)
    data = data.assign(_axis(acquired, source, reference)).assign(_phases(place, "procs", ""))
    files = (str(source), blob.path, *files)
    if rows is None:
        return data, files, flags
    more, listed = _second(place, rows)
    return data.assign(more).assign(_phases(place, "proc2s", "indirect_")), (*files, *listed), flags


def _blob(place: Place, acquired: bruker.Parameters, points: int) -> tuple[int | None, Blob]:
    source = place.file("acqus")
    kind = _type(acquired, source, "DTYPA", "BYTORDA")
    if place.file("acqu3s").is_file():
        raise LayoutError(source, "it has three dimensions or more, which are not read here")
    if place.file("fid").is_file():
        return None, Blob(str(place.file("fid")), 0, kind, (1, points))
    beside = place.file("acqu2s")
    if not beside.is_file():
        raise LayoutError(place.experiment, "there is a ser file, but no acqu2s to say how many rows it has")
    rows = bruker.count(bruker.read(beside), "TD", beside)
    if bruker.number(acquired, "FnTYPE", source) == NON_UNIFORM and place.file("nuslist").is_file():
        rows = min(rows, 2 * len(text.text(place.file("nuslist")).split()))
    size = points * np.dtype(kind).itemsize
    stride = -(-size // BLOCK) * BLOCK
    return rows, Blob(str(place.file("ser")), 0, kind, (rows, points), stride)


def _type(said: bruker.Parameters, source: Path, kind: str, order: str) -> str:
    numbers = bruker.count(said, kind, source), bruker.count(said, order, source)
    if numbers[0] not in TYPES or numbers[1] not in ORDERS:
        raise CorruptFileError(source, f"{kind} and {order} are {numbers}, which name no type of number")
    return ORDERS[numbers[1]] + TYPES[numbers[0]]


def _pairs(blob: Blob, points: int) -> Any:
    import dask.array as da

    numbers = blob.lazy()[:, : 2 * points]
    return da.map_blocks(
        _complex, numbers.rechunk({1: -1}), dtype=complex, chunks=(numbers.chunks[0], points)
    )


def _complex(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(block, np.float64).view(np.complex128)


def _delay(acquired: bruker.Parameters, source: Path) -> float:
    stated, version, decimation = (
        bruker.number(acquired, name, source) for name in ("GRPDLY", "DSPFVS", "DECIM")
    )
    if stated is not None and stated > 0:
        return stated
    if not version or decimation in (None, 0, 1):
        # Without a digital filter there is nothing to be late.
        return 0.0
    found = group_delay(int(version), decimation or 0.0)
    if found is None:
        said = f"it states no group delay, and none is known for DSPFVS {version:g} with DECIM {decimation:g}"
        raise LayoutError(source, said)
    return found


def _reference(place: Place, acquired: bruker.Parameters) -> tuple[float, tuple[str, ...], tuple[Flag, ...]]:
    """Frequency (MHz) of 0 ppm: as calibrated in the only processing, else the basic frequency, flagged."""
    source = place.file("acqus")
    basic = bruker.required(acquired, "BF1", source)
    found = places.processings(place.experiment)
    files = [each / "procs" for each in found]
    said = {bruker.required(bruker.read(file), "SF", file) for file in files}
    if len(said) == 1:
        return said.pop(), tuple(map(str, files)), ()
    why = "the processed spectra differ in it" if said else "there is no processed spectrum"
    flag = Flag.caution("shift_reference_unset", f"ppm count from the basic frequency: {why}")
    return basic, tuple(map(str, files)), (flag,)


def _axis(acquired: bruker.Parameters, source: Path, reference: float) -> dict[str, Any]:
    carrier = bruker.required(acquired, "SFO1", source)
    if not reference > 0:
        raise CorruptFileError(source, f"the frequency of 0 ppm is {reference:g} MHz")
    return {
        "frequency": ((), reference, {"units": "MHz"}),
        "carrier": ((), 1e6 * (carrier - reference) / reference, {"units": "ppm"}),
    }


def _phases(place: Place, name: str, prefix: str) -> dict[str, Any]:
    """Phases as the only processing recorded them, in the sense of this house: none where there are more."""
    found = places.processings(place.experiment)
    if len(found) != 1 or not (found[0] / name).is_file():
        return {}
    source = found[0] / name
    said = bruker.read(source)
    phases = [bruker.number(said, each, source) for each in ("PHC0", "PHC1")]
    if None in phases:
        return {}
    zero, first = phases
    unit = {"units": "degree"}
    return {f"{prefix}phase_0": ((), zero, unit), f"{prefix}phase_1": ((), first, unit)}


def _second(place: Place, rows: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the rows step through: delays of a series, or time in an indirect dimension."""
    source = place.file("acqu2s")
    said = bruker.read(source)
    files: tuple[str, ...] = (str(source),)
    if (delays := _delays(place, rows)) is not None:
        return {"delay": ("row", delays, {"units": "s"})}, (*files, str(place.file("vdlist")))
    found = places.processings(place.experiment)
    second = found[0] / "proc2s" if len(found) == 1 else None
    carrier = bruker.required(said, "SFO1", source)
    reference = bruker.required(said, "BF1", source)
    if second is not None and second.is_file():
        reference = bruker.required(bruker.read(second), "SF", second)
        files = (*files, str(second))
    # SW_h of this dimension is not kept up by all programs; SW in ppm is.
    width = bruker.required(said, "SW", source) * carrier
    if not (reference > 0 and width > 0):
        raise CorruptFileError(source, "its frequency or width is not positive")
    return {
        "indirect_width": ((), width, {"units": "Hz"}),
        "indirect_frequency": ((), reference, {"units": "MHz"}),
        "indirect_carrier": ((), 1e6 * (carrier - reference) / reference, {"units": "ppm"}),
    }, files


def _indirect(place: Place, said: bruker.Parameters) -> str | None:
    source = place.file("acqu2s")
    if _delays(place, bruker.count(said, "TD", source)) is not None:
        return "series"
    return INDIRECT.get(int(bruker.number(said, "FnMODE", source) or 0))


def _delays(place: Place, rows: int) -> np.ndarray[Any, Any] | None:
    """The list of delays (s), where there is one of as many as there are rows."""
    source = place.file("vdlist")
    if not source.is_file():
        return None
    lines = [line for line in text.text(source).splitlines() if line.strip()]
    found = [DELAYS.match(line) for line in lines]
    if not lines or None in found:
        raise CorruptFileError(source, "it holds what is no delay")
    if len(found) != rows:
        return None
    return np.array([float(each.group(1)) * SECONDS[each.group(2)] for each in found if each])


def _processed(place: Place) -> Read:
    folder = place.processing
    assert folder is not None  # asked for by the caller
    direct = bruker.read(folder / "procs")
    files: tuple[str, ...] = (str(place.file("acqus")), str(folder / "procs"))
    if (folder / "2rr").is_file():
        return _plane(place, folder, direct, files)
    if not (folder / "1r").is_file():
        raise NoSuchRunError(folder / "1r")
    size = bruker.count(direct, "SI", folder / "procs")
    values = _scaled(folder / "1r", direct, folder / "procs", (1, size))
    data = _spectrum(values, _shifts(direct, folder / "procs", size))
    return data, (*files, str(folder / "1r")), ()


def _spectrum(values: Any, shift: Any) -> xr.Dataset:
    import xarray as xr

    data = xr.Dataset({"intensity": (("row", "shift"), values, {"units": "arbitrary"})})
    return data.assign_coords(shift=("shift", shift, {"units": "ppm"}))


def _scaled(path: Path, said: bruker.Parameters, source: Path, shape: tuple[int, ...]) -> Any:
    if not all(shape):
        raise CorruptFileError(source, "its size is 0")
    kind = _type(said, source, "DTYPP", "BYTORDP")
    exponent = bruker.required(said, "NC_proc", source)
    if abs(exponent) > 200:
        raise CorruptFileError(source, f"NC_proc is {exponent:g}")
    blob = Blob(str(path), 0, kind, shape)
    if size_of(path) != blob.end:
        raise TruncatedFileError(path, f"{size_of(path)} bytes are there, its parameters promise {blob.end}")
    return blob.read(0, shape[0]) * 2.0**exponent


def _shifts(said: bruker.Parameters, source: Path, size: int) -> Any:
    width, offset, frequency = (bruker.required(said, name, source) for name in ("SW_p", "OFFSET", "SF"))
    if not (frequency > 0 and width > 0):
        raise CorruptFileError(source, "its frequency or width is not positive")
    return offset - np.arange(size) * width / frequency / size


def _plane(place: Place, folder: Path, direct: bruker.Parameters, files: tuple[str, ...]) -> Read:
    import xarray as xr

    if not (folder / "proc2s").is_file():
        raise LayoutError(folder, "there is a 2rr, but no proc2s to say how many rows it has")
    source, other = folder / "procs", folder / "proc2s"
    second = bruker.read(other)
    shape = bruker.count(second, "SI", other), bruker.count(direct, "SI", source)
    tile = bruker.count(second, "XDIM", other) or shape[0], bruker.count(direct, "XDIM", source) or shape[1]
    if any(size % part for size, part in zip(shape, tile, strict=True)):
        raise CorruptFileError(source, f"tiles of {tile} do not fill a plane of {shape}")
    values = _untiled(_scaled(folder / "2rr", direct, source, shape), tile)
    files = (*files, str(other), str(folder / "2rr"))
    shift = _shifts(direct, source, shape[1])
    beside = place.file("acqu2s")
    transformed = bruker.number(second, "FT_mod", other) != 0
    rows = bruker.count(bruker.read(beside), "TD", beside) if beside.is_file() else shape[0]
    delays = _delays(place, rows)
    if transformed and delays is None:
        plane = xr.Dataset({"intensity": (("shift_1", "shift_2"), values, {"units": "arbitrary"})})
        axes = {"shift_1": _shifts(second, other, shape[0]), "shift_2": shift}
        plane = plane.assign_coords({name: (name, axis, {"units": "ppm"}) for name, axis in axes.items()})
        return plane, files, ()
    # Rows beyond those acquired only fill the plane up to a power of two.
    data = _spectrum(values[: min(rows, shape[0])], shift)
    flags = (_padding(shape[0], rows),) if rows < shape[0] else ()
    if delays is not None and len(delays) <= shape[0]:
        data["delay"] = ("row", delays, {"units": "s"})
        files = (*files, str(place.file("vdlist")))
    return data, files, flags


def _padding(stored: int, acquired: int) -> Flag:
    said = f"{stored - acquired} of {stored} rows of the plane are padding and are left out"
    return Flag.info("padding_rows_left_out", said)


def _untiled(values: Any, tile: tuple[int, int]) -> Any:
    rows, columns = (size // part for size, part in zip(values.shape, tile, strict=True))
    parts = values.reshape(rows, columns, *tile)
    return parts.swapaxes(1, 2).reshape(values.shape)


TOPSPIN = Topspin()
