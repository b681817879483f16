"""Mass spectra in mzML, plain or gzipped: metadata now, arrays scan by scan when computed."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    EmptyFileError,
    LayoutError,
    NoSuchRunError,
    TruncatedFileError,
)
from adapters.formats.mass_spectrum import MZ
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "2"
GZIP = b"\x1f\x8b"
MARKS = (b"<mzML", b"<indexedmzML")
# One task reads this many scans: enough to be worth a pass, few enough to stay small.
SCANS_A_BLOCK = 256
# Accessions of the PSI-MS vocabulary and of its units.
MS_LEVEL, CENTROID, PROFILE = "MS:1000511", "MS:1000127", "MS:1000128"
NEGATIVE, POSITIVE = "MS:1000129", "MS:1000130"
SELECTED_MZ, SELECTED_CHARGE = "MS:1000744", "MS:1000041"
START_TIME, MINUTE = "MS:1000016", "UO:0000031"
ZLIB, PLAIN = "MS:1000574", "MS:1000576"
ARRAYS = {"MS:1000514": "mz", "MS:1000515": "intensity"}
NUMBERS = {"MS:1000523": "<f8", "MS:1000521": "<f4", "MS:1000522": "<i8", "MS:1000519": "<i4"}
UNITS = {"scan_time": "s", "precursor_mz": MZ}


@dataclass(frozen=True)
class MzML:
    """A reader of mzML; points of all scans stand end to end."""

    name: str = "mzml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the root element."""
        head = probe.head
        if head.startswith(GZIP):
            try:
                head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
            except zlib.error:
                return Confidence.NO
        return Confidence.CONTENT if any(mark in head for mark in MARKS) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last element is closed."""
        try:
            _there(path)
            _closed(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Levels, times and lengths of all scans now; m/z and intensity when computed."""
        _there(path)
        rows = list(_spectra(path, arrays=False))
        if not rows:
            raise LayoutError(path, "it holds no spectra")
        data = _dataset(path, rows)
        flags = _flags(rows)
        return Measurement(data, Metadata(technique="ms"), Provenance(str(path), self.name, VERSION), flags)


def _there(path: Path) -> None:
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not an mzML file")
    if path.stat().st_size == 0:
        raise EmptyFileError(path)


def _closed(path: Path) -> None:
    last = b""
    with _bytes(path) as stream:
        while block := stream.read(2**20):
            last = (last + block)[-200:]
    if not last.rstrip().endswith((b"</mzML>", b"</indexedmzML>")):
        raise TruncatedFileError(path, "its last element is not closed")


@contextmanager
def _bytes(path: Path) -> Iterator[Any]:
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        try:
            if not packed:
                yield raw
            else:
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TruncatedFileError(path, str(error)) from error


def _spectra(path: Path, *, arrays: bool) -> Iterator[dict[str, Any]]:
    """Every spectrum of the file as its terms by accession, with m/z and intensity if `arrays`."""
    groups: dict[str, dict[str, _Term]] = {}
    with _bytes(path) as stream:
        try:
            for _, element in ElementTree.iterparse(stream):
                tag = _tag(element)
                if tag == "referenceableParamGroup":
                    groups[element.get("id", "")] = _terms(element, groups)
                elif tag == "spectrum":
                    yield _spectrum(path, element, groups, arrays=arrays)
                if tag in ("spectrum", "chromatogram"):
                    element.clear()
        except (ElementTree.ParseError, LookupError) as error:
            raise CorruptFileError(path, str(error)) from error


@dataclass(frozen=True)
class _Term:
    value: str
    unit: str


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _terms(element: Element, groups: dict[str, dict[str, _Term]]) -> dict[str, _Term]:
    found: dict[str, _Term] = {}
    for child in element:
        if _tag(child) == "referenceableParamGroupRef":
            found |= groups.get(child.get("ref", ""), {})
        elif _tag(child) == "cvParam":
            found[child.get("accession", "")] = _Term(child.get("value", ""), child.get("unitAccession", ""))
    return found


def _spectrum(
    path: Path, element: Element, groups: dict[str, dict[str, _Term]], *, arrays: bool
) -> dict[str, Any]:
    said = _terms(element, groups)
    time = None
    ion: dict[str, _Term] = {}
    columns: dict[str, Any] = {}
    for child in element.iter():
        if _tag(child) == "scan" and time is None:
            time = _terms(child, groups).get(START_TIME)
        elif _tag(child) == "selectedIon" and not ion:
            ion = _terms(child, groups)
        elif _tag(child) == "binaryDataArray" and arrays:
            terms = _terms(child, groups)
            name = next((name for accession, name in ARRAYS.items() if accession in terms), None)
            if name is not None:
                columns[name] = _decoded(path, child, terms)
    try:
        length = int(element.get("defaultArrayLength", ""))
        seconds = None if time is None else float(time.value) * (60.0 if time.unit == MINUTE else 1.0)
        level = int(said[MS_LEVEL].value) if MS_LEVEL in said else 0
        precursor = float(ion[SELECTED_MZ].value) if SELECTED_MZ in ion else np.nan
        charge = int(ion[SELECTED_CHARGE].value) if SELECTED_CHARGE in ion else 0
    except ValueError as error:
        raise CorruptFileError(path, f"spectrum {element.get('id')}: {error}") from error
    polarity = -1 if NEGATIVE in said else 1 if POSITIVE in said else 0
    kind = {"profile": PROFILE in said, "stated": PROFILE in said or CENTROID in said}
    row: dict[str, Any] = {"points": length, "ms_level": level, "polarity": polarity, **kind}
    row["scan_time"] = np.nan if seconds is None else seconds
    row |= {"precursor_mz": precursor, "precursor_charge": charge}
    return row | _pair(path, element, columns, length) if arrays else row


def _pair(path: Path, element: Element, columns: dict[str, Any], length: int) -> dict[str, Any]:
    empty = np.empty(0)
    found = {name: columns.get(name, empty) for name in ARRAYS.values()}
    for name, values in found.items():
        if len(values) != length:
            said = f"spectrum {element.get('id')} promises {length} points and holds {len(values)} of {name}"
            raise CorruptFileError(path, said)
    return found


def _decoded(path: Path, element: Element, terms: dict[str, _Term]) -> Any:
    kind = next((kind for accession, kind in NUMBERS.items() if accession in terms), None)
    if kind is None or not ({ZLIB, PLAIN} & set(terms)):
        raise LayoutError(path, "an array is stored in a way that is not read here (such as MS-Numpress)")
    packed = next((child.text or "" for child in element if _tag(child) == "binary"), "")
    try:
        data = base64.b64decode(packed)
        data = zlib.decompress(data) if ZLIB in terms and data else data
        return np.frombuffer(data, kind).astype(float)
    except (ValueError, zlib.error) as error:
        raise CorruptFileError(path, f"an array cannot be decoded: {error}") from error


def _dataset(path: Path, rows: list[dict[str, Any]]) -> xr.Dataset:
    import xarray as xr

    columns = {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "stated"}
    first = np.concatenate([[0], np.cumsum(columns["points"])[:-1]]).astype(int)
    found = xr.Dataset(
        {
            name: ("scan", column, {"units": UNITS.get(name, "dimensionless")})
            for name, column in columns.items()
        }
    )
    found["first_point"] = ("scan", first, {"units": "dimensionless"})
    mz, intensity = _lazy(path, columns["points"])
    found["mz"] = ("point", mz, {"units": MZ})
    found["intensity"] = ("point", intensity, {"units": "arbitrary"})
    return found


def _lazy(path: Path, points: Any) -> tuple[Any, Any]:
    import dask.array as da
    from dask.delayed import delayed

    both = []
    for start in range(0, len(points), SCANS_A_BLOCK):
        size = int(points[start : start + SCANS_A_BLOCK].sum())
        block = delayed(_block)(path, start, start + SCANS_A_BLOCK)
        both.append(da.from_delayed(block, (2, size), float))
    stacked = da.concatenate(both, axis=1)
    return stacked[0], stacked[1]


def _block(path: Path, start: int, stop: int) -> Any:
    found = [
        np.stack([each["mz"], each["intensity"]]) for each in islice(_spectra(path, arrays=True), start, stop)
    ]
    return np.concatenate(found, axis=1)


def _flags(rows: list[dict[str, Any]]) -> tuple[Flag, ...]:
    unstated = sum(not row["stated"] for row in rows)
    if not unstated:
        return ()
    said = f"{unstated} of {len(rows)} spectra do not state whether they are profile or centroid"
    return (Flag.caution("spectrum_kind_unstated", said),)


MZML = MzML()
