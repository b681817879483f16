"""DICOM magnetic resonance: a file or the only series of a folder, mosaics, enhanced files, spectra."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from adapters.formats.blob import size_of
from adapters.formats.nifti import translated
from adapters.formats.siemens_voxel import voxel_affine
from adapters.formats.volumes import LPS_TO_RAS, decays, stacked
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
GZIP = b"\x1f\x8b"
MARK, AT = b"DICM", 128
MR, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
SIEMENS_SPECTRUM = "1.3.12.2.1107.5.9.1"
KNOWN = (MR, ENHANCED, SIEMENS_SPECTRUM)
CSA_IMAGE, CSA_SPECTRUM, SPECTRUM = (0x0029, 0x1010), (0x0029, 0x1110), (0x7FE1, 0x1010)
MILLI, NANO = 1e-3, 1e-9
# A folder with more files than this is no series of one examination.
MOST_FILES = 20000
# Slices are as far from each other as they should be up to this share.
EVEN = 0.02


@dataclass(frozen=True)
class Dicom:
    """A reader of magnetic resonance in DICOM; who was measured, when and by whom stays in the files."""

    name: str = "dicom_mr"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the mark behind the preamble, in a file or in the first files of a folder."""
        try:
            if probe.path.is_dir():
                found = any(_marked(each) for each in _files(probe.path)[:3])
                return Confidence.CONTENT if found else Confidence.NO
            return Confidence.CONTENT if _marked(probe.path) else Confidence.NO
        except OSError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the series is whole: no slice missing or twice, all pixels there."""
        try:
            self.open(path).data.load()
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Volumes or decays, with the timing of the sequence."""
        path = Path(path)
        if not path.exists():
            raise NoSuchRunError(path)
        # Values are decoded when they are first asked for, so any of them may raise.
        with translated(path), _lengths(path):
            parts = _series(path) if path.is_dir() else [_Part(path, _header(path))]
            first = parts[0].said
            kind = str(first.get("SOPClassUID", ""))
            if kind not in KNOWN:
                raise LayoutError(path, "it is no magnetic resonance image or spectrum that is known here")
            if kind == SIEMENS_SPECTRUM:
                data, flags = _spectrum(parts[0])
            else:
                data, flags = _images(path, parts, kind)
            metadata = _metadata(first)
        files = tuple(str(part.path) for part in parts)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), flags)


@dataclass(frozen=True)
class _Part:
    path: Path
    said: Any


def _metadata(said: Any) -> Metadata:
    """What may leave the file: words on the machine and its sequence, by an allow-list."""
    words = {"manufacturer": "Manufacturer", "nucleus": "ImagedNucleus", "sequence": "SequenceName"}
    numbers = {"frequency_mhz": "ImagingFrequency", "field_t": "MagneticFieldStrength"}
    raw: dict[str, Any] = {name: str(said.get(key)) for name, key in words.items() if said.get(key)}
    raw |= {name: float(said.get(key)) for name, key in numbers.items() if said.get(key) is not None}
    model = said.get("ManufacturerModelName")
    return Metadata(technique="mri", instrument=str(model) if model else None, raw=raw)


def _library() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError("pydicom", "mri") from error
    return pydicom


@contextmanager
def _lengths(path: Path) -> Iterator[None]:
    """Inside, a value whose bytes do not make whole numbers comes out as one of our errors."""
    _library()
    from pydicom.errors import BytesLengthException

    try:
        yield
    except BytesLengthException as error:
        raise CorruptFileError(path, str(error)[:200]) from error


def _bytes(path: Path, most: int = -1) -> bytes:
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(0)
        if head != GZIP:
            return file.read(most)
        with gzip.GzipFile(fileobj=file) as stream:
            return stream.read(most)


def _marked(path: Path) -> bool:
    try:
        return _bytes(path, AT + 4)[AT:] == MARK
    except (OSError, EOFError, ValueError, gzip.zlib.error):  # type: ignore[attr-defined]
        return False


def _header(path: Path, *, pixels: bool = False) -> Any:
    size_of(path)
    library = _library()
    from pydicom.errors import InvalidDicomError

    with translated(path), _lengths(path), warnings.catch_warnings():
        # Oddities of values are not ours to mend; what is needed is checked where it is used.
        warnings.simplefilter("ignore")
        try:
            said = library.dcmread(io.BytesIO(_bytes(path)), stop_before_pixels=not pixels)
        except (InvalidDicomError, NotImplementedError, struct.error, AssertionError) as error:
            raise CorruptFileError(path, f"{type(error).__name__}: {str(error)[:150]}") from error
    return said


def _files(folder: Path) -> list[Path]:
    found = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    return found[:MOST_FILES]


def _series(folder: Path) -> list[_Part]:
    parts = [_Part(path, _header(path)) for path in _files(folder) if _marked(path)]
    if not parts:
        raise LayoutError(folder, "it holds no DICOM files")
    names = {str(part.said.get("SeriesInstanceUID", "")) for part in parts}
    if len(names) > 1:
        numbers = sorted({str(part.said.get("SeriesNumber", "?")) for part in parts})
        raise LayoutError(
            folder,
            f"it holds {len(names)} series (numbers {', '.join(numbers)}); put each in a folder of its own",
        )
    return parts


def _images(path: Path, parts: list[_Part], kind: str) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    first = parts[0].said
    if kind == ENHANCED or "MOSAIC" in list(first.get("ImageType", [])):
        found = [_enhanced(part) if kind == ENHANCED else _mosaic(part) for part in parts]
        return _joined(path, found)
    return _slices(path, parts)


@dataclass(frozen=True)
class _Volume:
    """One or more volumes (volume, z, y, x) of one file, and what is said of them."""

    signal: Any
    affine: Any
    timing: dict[str, Any]
    direction: Any = None


def _joined(path: Path, found: Sequence[_Volume]) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    import dask.array as da

    shapes = {each.signal.shape[1:] for each in found}
    if len(shapes) > 1:
        raise LayoutError(path, f"its volumes differ in shape: {sorted(shapes)}")
    timing = {
        name: np.concatenate([np.broadcast_to(each.timing[name], (each.signal.shape[0],)) for each in found])
        for name in found[0].timing
        if all(each.timing.get(name) is not None for each in found)
    }
    directions = [each.direction for each in found]
    known = None if any(each is None for each in directions) else np.concatenate(directions)
    signal = da.concatenate([each.signal for each in found])
    return stacked(signal, found[0].affine, timing, known), ()


def _timing(said: Any) -> dict[str, float | None]:
    """Times of a dataset or of a frame in seconds; None where it does not say."""
    words = {"echo_time": "EchoTime", "repetition_time": "RepetitionTime", "inversion_time": "InversionTime"}
    found = {name: _number(said, key, MILLI) for name, key in words.items()}
    return {**found, "flip_angle": _number(said, "FlipAngle"), "b_value": _number(said, "DiffusionBValue")}


def _number(said: Any, name: str, factor: float = 1.0) -> float | None:
    value = said.get(name)
    return None if value is None or value == "" else float(value) * factor


def _lazy(path: Path, shape: tuple[int, ...], mosaic: int = 0) -> Any:
    import dask.array as da
    from dask.delayed import delayed

    state = path.stat()
    task = delayed(_pixels, pure=True)(str(path), shape, mosaic, (state.st_mtime_ns, state.st_size))
    return da.from_delayed(task, shape, float)


def _pixels(path: str, shape: tuple[int, ...], mosaic: int, _: Any) -> Any:
    """Scaled pixels of a file, the tiles of a mosaic put one on the other."""
    said = _header(Path(path), pixels=True)
    from pydicom.pixels.processing import apply_rescale

    with translated(Path(path)):
        try:
            values = said.pixel_array
        except (NotImplementedError, RuntimeError) as error:
            raise CorruptFileError(path, f"its pixels cannot be unpacked: {str(error)[:150]}") from error
        if "RescaleSlope" in said:
            values = apply_rescale(values, said)
        if mosaic:
            values = _unmosaicked(values, mosaic)
        if values.size != np.prod(shape):
            raise TruncatedFileError(
                path, f"{values.size} pixels are there, its header promises {np.prod(shape)}"
            )
    return np.asarray(values, float).reshape(shape)


def _unmosaicked(values: Any, count: int) -> Any:
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = (size // side for size in values.shape)
    return values.reshape(side, rows, side, columns).swapaxes(1, 2).reshape(-1, rows, columns)[:count]


def _slices(path: Path, parts: list[_Part]) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """Single slices as volumes: ordered along their normal, and as many times as a place is repeated."""
    import dask.array as da

    normal = _normal(parts[0])
    places: dict[float, list[_Part]] = {}
    for part in sorted(parts, key=_order):
        where = round(float(np.dot(_vector(part, "ImagePositionPatient", 3), normal)), 2)
        places.setdefault(where, []).append(part)
    heights = sorted(places)
    repeats = {len(each) for each in places.values()}
    if len(repeats) > 1:
        odd = [f"{height:g} mm ({len(places[height])})" for height in heights]
        raise LayoutError(
            path, f"slices are missing or there twice: images at each place are {', '.join(odd)}"
        )
    gaps = np.diff(heights)
    if len(gaps) and np.ptp(gaps) > EVEN * gaps.mean():
        raise LayoutError(
            path, f"slices are missing: they lie {gaps.min():g} to {gaps.max():g} mm from each other"
        )
    count = repeats.pop()
    grid = [[places[height][number] for height in heights] for number in range(count)]
    shape = (int(parts[0].said.Rows), int(parts[0].said.Columns))
    if any((int(part.said.Rows), int(part.said.Columns)) != shape for part in parts):
        raise LayoutError(path, "its slices differ in size")
    volumes = [da.stack([_lazy(part.path, shape) for part in row]) for row in grid]
    timing = [_timing(row[0].said) for row in grid]
    flags: tuple[Flag, ...] = ()
    if len(parts) == 1 and int(parts[0].said.get("InstanceNumber") or 1) > 1:
        flags = (
            Flag.info("one_slice_of_series", "one file of a series was opened; open its folder for all"),
        )
    columns = {name: [each[name] for each in timing] for name in timing[0]}
    known = {name: None if None in column else column for name, column in columns.items()}
    lowest = places[heights[0]][0]
    step = float(gaps.mean()) if len(gaps) else float(parts[0].said.get("SliceThickness") or 1.0)
    affine = _affine(lowest, normal, step)
    return stacked(da.stack(volumes), affine, known), flags


def _order(part: _Part) -> tuple[float, float, int]:
    said = part.said
    return (
        float(said.get("EchoTime") or 0),
        float(said.get("AcquisitionNumber") or 0),
        int(said.get("InstanceNumber") or 0),
    )


def _vector(part: _Part, name: str, size: int, said: Any = None) -> Any:
    found = (part.said if said is None else said).get(name)
    if found is None or len(found) != size:
        raise LayoutError(part.path, f"it does not state {name}, so its place in the patient is unknown")
    return np.array(found, float)


def _normal(part: _Part) -> Any:
    turned = _vector(part, "ImageOrientationPatient", 6)
    return np.cross(turned[:3], turned[3:])


def _affine(part: _Part, normal: Any, step: float) -> Any:
    turned, spacing = _vector(part, "ImageOrientationPatient", 6), _vector(part, "PixelSpacing", 2)
    affine = np.eye(4)
    # The first spacing is between rows, so along the columns.
    affine[:3, 0], affine[:3, 1] = turned[:3] * spacing[1], turned[3:] * spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = _vector(part, "ImagePositionPatient", 3)
    return LPS_TO_RAS @ affine


def _mosaic(part: _Part) -> _Volume:
    said = _csa(part, CSA_IMAGE)
    count = int(said.get("NumberOfImagesInMosaic", [0])[0] or 0)
    if count < 1:
        raise LayoutError(part.path, "it is a mosaic, but does not state of how many images")
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = int(part.said.Rows), int(part.said.Columns)
    if rows % side or columns % side:
        raise CorruptFileError(part.path, f"{count} images do not tile {rows} x {columns} pixels")
    shape = (count, rows // side, columns // side)
    normal = np.array(said.get("SliceNormalVector") or _normal(part), float)
    step = float(part.said.get("SpacingBetweenSlices") or part.said.SliceThickness)
    affine = _affine(part, normal, step)
    # The place that is stated is that of the whole mosaic's corner.
    shift = ((columns - shape[2]) / 2, (rows - shape[1]) / 2)
    affine[:3, 3] += affine[:3, 0] * shift[0] + affine[:3, 1] * shift[1]
    b_value, direction = _weighting(said)
    timing = {**_timing(part.said), "b_value": b_value}
    return _Volume(_lazy(part.path, shape, count)[None], affine, timing, direction)


def _weighting(said: dict[str, list[Any]]) -> tuple[float | None, Any]:
    """b-value (s/mm2) and direction of the gradient by the stated matrix, which has all that was on."""
    matrix = said.get("B_matrix") or []
    if len(matrix) != 6:
        value = said.get("B_value") or []
        return (float(value[0]) if value else None), (
            np.zeros((1, 3)) if value and float(value[0]) == 0 else None
        )
    xx, xy, xz, yy, yz, zz = map(float, matrix)
    values, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    vector = vectors[:, -1]
    # A gradient and its opposite weight alike; the larger component is taken as positive.
    return float(values[-1]), (vector * np.sign(vector[np.abs(vector).argmax()]))[None]


def _csa(part: _Part, tag: tuple[int, int]) -> dict[str, list[Any]]:
    """The maker's own header as lists by name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from nibabel.nicom import csareader
    except ImportError as error:
        raise MissingExtraError("nibabel", "mri") from error
    if tag not in part.said:
        raise LayoutError(part.path, "the maker's header that says what the pixels are is not there")
    try:
        found = csareader.read(part.said[tag].value)
    except csareader.CSAReadError as error:
        raise CorruptFileError(part.path, f"the maker's header cannot be read: {str(error)[:150]}") from error
    return {name: list(each["items"]) for name, each in found["tags"].items()}


def _enhanced(part: _Part) -> _Volume:
    said = part.said
    frames = list(said.get("PerFrameFunctionalGroupsSequence") or [])
    shared = (list(said.get("SharedFunctionalGroupsSequence") or []) or [None])[0]
    count, rows, columns = (int(said.get(name) or 0) for name in ("NumberOfFrames", "Rows", "Columns"))
    if not frames or len(frames) != count:
        raise CorruptFileError(part.path, f"{len(frames)} groups describe {count} frames")
    groups = [_Groups(frame, shared) for frame in frames]
    turned = groups[0].item("PlaneOrientationSequence")
    spacing = groups[0].item("PixelMeasuresSequence")
    along = _vector(part, "ImageOrientationPatient", 6, turned)
    normal = np.cross(along[:3], along[3:])
    places = [_vector(part, "ImagePositionPatient", 3, each.item("PlanePositionSequence")) for each in groups]
    heights = np.round([float(np.dot(place, normal)) for place in places], 2)
    levels = np.unique(heights)
    if count % len(levels) or any((heights == level).sum() != count // len(levels) for level in levels):
        raise LayoutError(part.path, "slices are missing or there twice: places are not repeated alike")
    order = np.lexsort((np.arange(count), heights)).reshape(len(levels), -1).T.ravel()
    volumes = count // len(levels)
    signal = _lazy(part.path, (count, rows, columns))
    scale = [each.scaling() for each in groups]
    signal = (
        signal * np.array([one[0] for one in scale])[:, None, None]
        + np.array([one[1] for one in scale])[:, None, None]
    )
    affine = np.eye(4)
    pixel = _vector(part, "PixelSpacing", 2, spacing)
    both = _vector(part, "ImageOrientationPatient", 6, turned)
    affine[:3, 0], affine[:3, 1] = both[:3] * pixel[1], both[3:] * pixel[0]
    gaps = np.diff(levels)
    affine[:3, 2] = normal * (gaps.mean() if len(gaps) else float(spacing.get("SliceThickness") or 1.0))
    affine[:3, 3] = places[int(heights.argmin())]
    firsts = [groups[number] for number in order.reshape(volumes, -1)[:, 0]]
    timing = {name: [each.timing()[name] for each in firsts] for name in firsts[0].timing()}
    known = {name: None if None in column else np.array(column, float) for name, column in timing.items()}
    return _Volume(signal[order].reshape(volumes, len(levels), rows, columns), LPS_TO_RAS @ affine, known)


@dataclass(frozen=True)
class _Groups:
    """What is said of one frame: its own groups, else those that all frames share."""

    own: Any
    shared: Any

    def item(self, name: str) -> Any:
        for where in (self.own, self.shared):
            found = None if where is None else where.get(name)
            if found:
                return found[0]
        return {}

    def scaling(self) -> tuple[float, float]:
        said = self.item("PixelValueTransformationSequence")
        slope, intercept = said.get("RescaleSlope"), said.get("RescaleIntercept")
        return float(1.0 if slope is None else slope), float(intercept or 0.0)

    def timing(self) -> dict[str, float | None]:
        echo, both = self.item("MREchoSequence"), self.item("MRTimingAndRelatedParametersSequence")
        more, weight = self.item("MRModifierSequence"), self.item("MRDiffusionSequence")
        inversion = more.get("InversionTimes")
        first = inversion[0] if isinstance(inversion, (list, tuple)) and inversion else inversion
        return {
            "echo_time": _number(echo, "EffectiveEchoTime", MILLI),
            "repetition_time": _number(both, "RepetitionTime", MILLI),
            "flip_angle": _number(both, "FlipAngle"),
            "inversion_time": None if first is None else float(first) * MILLI,
            "b_value": _number(weight, "DiffusionBValue"),
        }


def _spectrum(part: _Part) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    said = _csa(part, CSA_SPECTRUM)
    if SPECTRUM not in part.said:
        raise LayoutError(part.path, "there is no decay in it")
    # Numbers of the maker's header are lists; those that are needed have one.
    points = int(said["DataPointColumns"][0])
    data = part.said[SPECTRUM].value
    if points < 2 or len(data) % (8 * points) or not data:
        raise TruncatedFileError(part.path, f"{len(data)} bytes are there for decays of {points} points")
    # Written so that frequencies run against the shift; here they run with it.
    fid = np.conj(np.frombuffer(data, "<c8")).reshape(-1, points).astype(complex)
    found = decays(
        fid,
        float(said["RealDwellTime"][0]) * NANO,
        float(said["ImagingFrequency"][0]),
        echo_time=float(said["EchoTime"][0]) * MILLI,
        repetition_time=float(said["RepetitionTime"][0]) * MILLI,
    )
    turned = [float(each) for each in said["ImageOrientationPatient"]]
    sides = [float(each) for each in (*reversed(said["PixelSpacing"]), said["SliceThickness"][0])]
    affine = voxel_affine(turned[:3], turned[3:], [float(each) for each in said["VoiPosition"]], sides)
    found["affine"] = (("to_axis", "axis"), affine, {"units": "mm"})
    return found, ()


DICOM = Dicom()
