"""Mass spectrometry images in imzML: what stands in the XML now, the spectra of its .ibd when computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    DanglingLinkError,
    EmptyFileError,
    LayoutError,
    NoSuchRunError,
    TruncatedFileError,
)
from adapters.formats import late
from adapters.formats.mass_spectrum import MZ
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MARK = b"IMS:1000080"
UUID, SHA1, MD5 = "IMS:1000080", "IMS:1000091", "IMS:1000090"
CONTINUOUS, PROCESSED = "IMS:1000030", "IMS:1000031"
X, Y, LENGTH, OFFSET = "IMS:1000050", "IMS:1000051", "IMS:1000103", "IMS:1000102"
PIXEL_X, PIXEL_Y = "IMS:1000046", "IMS:1000047"
TIC, CENTROID, PROFILE, NEGATIVE, PLAIN = "MS:1000285", "MS:1000127", "MS:1000128", "MS:1000129", "MS:1000576"
ARRAYS = {"MS:1000514": "mz", "MS:1000515": "intensity"}
NUMBERS = {"MS:1000523": "<f8", "MS:1000521": "<f4", "MS:1000522": "<i8", "MS:1000519": "<i4"}
# Beyond this a checksum would take longer than a look should.
MOST_BYTES_HASHED = 256 * 2**20
SCANS_A_BLOCK = 256
UUID_BYTES = 16


@dataclass(frozen=True)
class Part:
    """Where an array of a spectrum stands in the .ibd, and its type."""

    offset: int
    count: int
    kind: str

    @property
    def end(self) -> int:
        """The byte after it."""
        return self.offset + self.count * np.dtype(self.kind).itemsize


@dataclass(frozen=True)
class Pixel:
    """One spectrum: its place, counted from 1, its stated total, and its two arrays."""

    x: int
    y: int
    total: float
    mz: Part
    intensity: Part


@dataclass(frozen=True)
class Image:
    """What the XML says."""

    pixels: tuple[Pixel, ...]
    said: dict[str, str]
    negative: bool
    profile: bool
    stated: bool


@dataclass(frozen=True)
class ImzML:
    """A reader of both modes; a pixel that was not measured is no row."""

    name: str = "imzml"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the identifier of its binary file, since the rest is an mzML."""
        return Confidence.INSTRUMENT if MARK in probe.head and b"<mzML" in probe.head else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the .ibd is there, belongs to it, and is as long as promised."""
        try:
            image = _parsed(path)
            binary = _binary(path)
            if binary is None:
                return late.judged("its .ibd is not there", [path], late_s=late.LATE_S)
            _belongs(path, binary, image)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Places, totals and lengths now; m/z and intensity when computed."""
        image = _parsed(path)
        binary = _binary(path)
        if binary is None:
            raise DanglingLinkError(path, f"its spectra are in {path.stem}.ibd, which is not there")
        data = _dataset(binary, image)
        raw = {"mode": "continuous" if CONTINUOUS in image.said else "processed"}
        metadata = Metadata(
            "imaging_ms",
            pixel_size_x_m=_micrometres(image, PIXEL_X),
            pixel_size_y_m=_micrometres(image, PIXEL_Y) or _micrometres(image, PIXEL_X),
            raw=raw,
        )
        provenance = Provenance(str(path), self.name, VERSION, (str(binary),))
        return Measurement(data, metadata, provenance, _flags(image))


def _binary(path: Path) -> Path | None:
    """The file of the spectra: the same name, whatever the case of its ending."""
    for each in path.parent.iterdir() if path.parent.is_dir() else ():
        if each.stem == path.stem and each.suffix.lower() == ".ibd":
            return each
    return None


def _belongs(path: Path, binary: Path, image: Image) -> None:
    size = binary.stat().st_size
    end = max(max(each.mz.end, each.intensity.end) for each in image.pixels)
    if size < end:
        raise TruncatedFileError(binary, f"{size} bytes of the {end} that {path.name} promises")
    with binary.open("rb") as file:
        found = file.read(UUID_BYTES).hex()
    wanted = image.said.get(UUID, "").strip("{}").replace("-", "").lower()
    if wanted and found != wanted:
        raise CorruptFileError(binary, f"it is not the one of {path.name}: {found} where {wanted} is named")
    if size <= MOST_BYTES_HASHED:
        _whole(binary, image)


def _whole(binary: Path, image: Image) -> None:
    for accession, algorithm in ((SHA1, "sha1"), (MD5, "md5")):
        wanted = image.said.get(accession, "").lower()
        # These are the format's own checksums against accidents, not against malice.
        if (
            wanted
            and hashlib.new(algorithm, binary.read_bytes(), usedforsecurity=False).hexdigest() != wanted
        ):
            raise CorruptFileError(binary, f"its {algorithm} checksum is not the one in the XML")


def _parsed(path: Path) -> Image:
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not an imzML file")
    if path.stat().st_size == 0:
        raise EmptyFileError(path)
    groups: dict[str, dict[str, str]] = {}
    said: dict[str, str] = {}
    pixels: list[Pixel] = []
    kinds: set[str] = set()
    try:
        with path.open("rb") as file:
            for _, element in ElementTree.iterparse(file):
                tag = _tag(element)
                if tag == "referenceableParamGroup":
                    groups[element.get("id", "")] = _terms(element, groups)
                elif tag in ("fileContent", "scanSettings"):
                    said |= _terms(element, groups)
                elif tag == "spectrum":
                    kinds |= set(_terms(element, groups))
                    pixels.append(_pixel(path, element, groups))
                    element.clear()
    except ElementTree.ParseError as error:
        raise TruncatedFileError(path, str(error)) from error
    except (LookupError, ValueError) as error:
        raise CorruptFileError(path, f"{type(error).__name__}: {error}") from error
    if not pixels:
        raise LayoutError(path, "it holds no spectra")
    kinds |= set(said)
    stated = PROFILE in kinds or CENTROID in kinds
    return Image(tuple(pixels), said, NEGATIVE in kinds, PROFILE in kinds, stated)


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _terms(element: Element, groups: dict[str, dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element:
        if _tag(child) == "referenceableParamGroupRef":
            found |= groups.get(child.get("ref", ""), {})
        elif _tag(child) == "cvParam":
            found[child.get("accession", "")] = child.get("value", "")
    return found


def _pixel(path: Path, element: Element, groups: dict[str, dict[str, str]]) -> Pixel:
    place: dict[str, str] = {}
    parts: dict[str, Part] = {}
    for child in element.iter():
        if _tag(child) == "scan":
            place |= _terms(child, groups)
        elif _tag(child) == "binaryDataArray":
            terms = _terms(child, groups)
            name = next((name for accession, name in ARRAYS.items() if accession in terms), None)
            if name is not None:
                parts[name] = _part(path, terms)
    total = _terms(element, groups).get(TIC)
    said = float(total) if total else float("nan")
    pixel = Pixel(int(place[X]), int(place[Y]), said, parts["mz"], parts["intensity"])
    if pixel.mz.count != pixel.intensity.count:
        raise CorruptFileError(path, f"pixel {pixel.x}, {pixel.y} has more of m/z or of intensity")
    return pixel


def _part(path: Path, terms: dict[str, str]) -> Part:
    kind = next((kind for accession, kind in NUMBERS.items() if accession in terms), None)
    if kind is None or PLAIN not in terms:
        raise LayoutError(path, "its arrays are compressed or of a type that is not read here")
    return Part(int(terms[OFFSET]), int(terms[LENGTH]), kind)


def _micrometres(image: Image, accession: str) -> float | None:
    value = image.said.get(accession)
    return float(value) * 1e-6 if value else None


def _dataset(binary: Path, image: Image) -> xr.Dataset:
    import xarray as xr

    pixels = image.pixels
    points = np.array([each.mz.count for each in pixels])
    first = np.concatenate([[0], np.cumsum(points)[:-1]]).astype(int)
    mz, intensity = lazy_spectra(spectra_of, (str(binary), pixels), points)
    none = {"units": "dimensionless"}
    return xr.Dataset(
        {
            "mz": ("point", mz, {"units": MZ}),
            "intensity": ("point", intensity, {"units": "arbitrary"}),
            "first_point": ("scan", first, none),
            "points": ("scan", points, none),
            "x": ("scan", np.array([each.x for each in pixels]), none),
            "y": ("scan", np.array([each.y for each in pixels]), none),
            "total_ion_current": ("scan", np.array([each.total for each in pixels]), {"units": "arbitrary"}),
            "polarity": ("scan", np.full(len(pixels), -1 if image.negative else 1), none),
            "profile": ("scan", np.full(len(pixels), image.profile), none),
        }
    )


def lazy_spectra(read: Any, source: tuple[Any, ...], points: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """m/z and intensity end to end as dask arrays; `read(*source, start, stop)` gives (2, n) of scans."""
    import dask.array as da
    from dask.delayed import delayed

    shared = delayed(source, pure=True, traverse=False)
    blocks = []
    for start in range(0, len(points), SCANS_A_BLOCK):
        stop = min(start + SCANS_A_BLOCK, len(points))
        block = delayed(_block)(read, shared, start, stop)
        blocks.append(da.from_delayed(block, (2, int(points[start:stop].sum())), float))
    stacked = da.concatenate(blocks, axis=1)
    return stacked[0], stacked[1]


def _block(read: Any, source: tuple[Any, ...], start: int, stop: int) -> Any:
    return read(*source, start, stop)


def spectra_of(binary: str, pixels: tuple[Pixel, ...], start: int, stop: int) -> np.ndarray[Any, Any]:
    """m/z and intensity (2, n) of the pixels from `start` to `stop`, end to end."""
    found: list[np.ndarray[Any, Any]] = [np.empty((2, 0))]
    with Path(binary).open("rb") as file:
        for pixel in pixels[start:stop]:
            found.append(np.stack([_array(binary, file, pixel.mz), _array(binary, file, pixel.intensity)]))
    return np.concatenate(found, axis=1)


def _array(binary: str, file: Any, part: Part) -> np.ndarray[Any, Any]:
    file.seek(part.offset)
    data = file.read(part.end - part.offset)
    if len(data) != part.end - part.offset:
        raise TruncatedFileError(binary, f"an array ends at byte {part.end}, beyond its end")
    return np.frombuffer(data, part.kind).astype(float)


def _flags(image: Image) -> tuple[Flag, ...]:
    flags = []
    places = {(each.x, each.y) for each in image.pixels}
    wide, high = (max(axis) - min(axis) + 1 for axis in zip(*places, strict=True))
    if len(places) < wide * high:
        told = f"{wide * high - len(places)} of {wide * high} pixels of the rectangle were not measured"
        flags.append(Flag.info("pixels_not_measured", told))
    if not image.stated:
        told = "the file does not state whether its spectra are profile or centroid"
        flags.append(Flag.caution("spectrum_kind_unstated", told))
    return tuple(flags)


IMZML = ImzML()
