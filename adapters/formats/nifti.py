"""NIfTI volumes with what lies beside them: a BIDS sidecar, diffusion weighting; and NIfTI-MRS."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
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
    TruncatedFileError,
)
from adapters.formats import text
from adapters.formats.blob import size_of
from adapters.formats.volumes import decays, stacked
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
GZIP = b"\x1f\x8b"
MAGIC = (b"n+1\0", b"n+2\0")
SPECTROSCOPY = "mrs_v"
EXTENSION_OF_MRS = 44
# Names of a sidecar that may leave it, and what they are called here: times are in seconds.
SIDECAR = {
    "EchoTime": "echo_time",
    "RepetitionTime": "repetition_time",
    "InversionTime": "inversion_time",
    "FlipAngle": "flip_angle",
}
WORDS = {
    "Manufacturer": "manufacturer",
    "ManufacturersModelName": "model",
    "MRAcquisitionType": "acquisition",
}
# Everything that reading a damaged file is known to raise in the library beneath.
DAMAGE = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    zlib.error,
    struct.error,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
)
MOST_BYTES = 2**36


@dataclass(frozen=True)
class Nifti:
    """A reader of NIfTI-1 and -2 in one file, plain or gzipped."""

    name: str = "nifti"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the mark of the header."""
        head = probe.head
        if head.startswith(GZIP):
            try:
                head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
            except zlib.error:
                return Confidence.NO
        marked = head[344:348] in MAGIC or head[4:8] in MAGIC
        return Confidence.CONTENT if marked else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether as many bytes are there as the header promises."""
        try:
            _whole(path, _opened(path))
            self.open(path)
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The volumes, read when computed, with what the files beside them say."""
        path = Path(path)
        image = _opened(path)
        with translated(path):
            if str(image.header["intent_name"].item(), "latin-1").startswith(SPECTROSCOPY):
                data, raw, files, flags = _spectroscopy(path, image)
            else:
                data, raw, files, flags = _volumes(path, image)
        metadata = Metadata(technique="mri", instrument=raw.pop("model", None), raw=raw)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), flags)


Read = tuple["xr.Dataset", dict[str, Any], tuple[str, ...], tuple[Flag, ...]]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Inside, whatever a damaged file makes the library raise comes out as one of our errors."""
    try:
        yield
    except AdapterError:
        raise
    except DAMAGE as error:
        raise CorruptFileError(path, f"{type(error).__name__}: {str(error)[:200]}") from error


def nibabel() -> Any:
    """The library that knows these files, or the sentence that names it."""
    try:
        import nibabel as library
    except ImportError as error:
        raise MissingExtraError("nibabel", "mri") from error
    return library


def _opened(path: Path) -> Any:
    size_of(Path(path))
    library = nibabel()
    # Its own errors have the class Exception for parent.
    kinds = (library.filebasedimages.ImageFileError, library.spatialimages.HeaderDataError,
             library.wrapstruct.WrapStructError)  # fmt: skip
    with translated(path):
        try:
            packed = _head(path).startswith(GZIP)
            stream = gzip.open(path) if packed else path.open("rb")  # noqa: SIM115 (closed below)
            with stream:
                found = _by_bytes(library, stream)
        except kinds as error:
            raise CorruptFileError(path, str(error)[:200]) from error
    shape = found.shape
    if not shape or min(shape) < 1 or len(shape) < 3:
        raise LayoutError(path, f"its shape is {shape}, where a volume has three sides")
    if np.prod(shape, dtype=float) * found.get_data_dtype().itemsize > MOST_BYTES:
        raise CorruptFileError(path, f"its header promises the shape {shape}")
    return found


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _by_bytes(library: Any, stream: Any) -> Any:
    """The image with its header alone: the data stay in the file."""
    head = stream.read(4)
    stream.seek(0)
    second = struct.unpack("<i", head)[0] == 540 or struct.unpack(">i", head)[0] == 540
    kind = library.Nifti2Image if second else library.Nifti1Image
    header = kind.header_class.from_fileobj(stream)
    header.set_data_offset(header.get_data_offset())
    slope, inter = header.get_slope_inter()
    return _Image(header, header.get_data_shape(), slope, inter)


@dataclass(frozen=True)
class _Image:
    header: Any
    shape: tuple[int, ...]
    slope: float | None
    inter: float | None

    def get_data_dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = self.header.get_data_dtype()
        return kind

    @property
    def offset(self) -> int:
        return int(self.header.get_data_offset())

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * int(self.get_data_dtype().itemsize)


def _whole(path: Path, image: _Image) -> None:
    promised = image.offset + image.bytes
    with translated(path):
        if not _head(path).startswith(GZIP):
            found = size_of(path)
        else:
            found = 0
            try:
                with gzip.open(path) as stream:
                    while block := stream.read(2**20):
                        found += len(block)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise TruncatedFileError(path, str(error)) from error
    if found < promised:
        raise TruncatedFileError(path, f"{found} bytes are there, its header promises {promised}")


def _volumes(path: Path, image: _Image) -> Read:
    if len(image.shape) > 4 and any(side > 1 for side in image.shape[4:]):
        raise LayoutError(path, f"its shape is {image.shape}; more than four dimensions are not read here")
    x, y, z = image.shape[:3]
    count = image.shape[3] if len(image.shape) > 3 else 1
    source = _Source(
        str(path), image.offset, image.get_data_dtype().str, (count, z, y, x), image.slope, image.inter
    )
    flags: list[Flag] = []
    affine = _affine(image, flags)
    said, words, files = _sidecar(path)
    weighting, directions, more = _weighting(path, count)
    data = stacked(source.lazy(), affine, {**said, "b_value": weighting}, directions)
    return data, words, (*files, *more), tuple(flags)


def _affine(image: _Image, flags: list[Flag]) -> Any:
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        said = "the file does not say how its axes lie in the patient; only the size of voxels is known"
        flags.append(Flag.caution("orientation_not_stated", said))
    return image.header.get_best_affine()


@dataclass(frozen=True)
class _Source:
    """Where volumes lie in a file; what is read is in the order (volume, z, y, x)."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    slope: float | None
    inter: float | None

    def lazy(self) -> Any:
        import dask.array as da
        from dask.base import tokenize

        packed = _head(Path(self.path)).startswith(GZIP)
        one = int(np.prod(self.shape[1:], dtype=np.int64)) * np.dtype(self.dtype).itemsize
        # A packed stream can only be read from its start, so it is read once, whole.
        step = self.shape[0] if packed else max(1, 2**26 // one)
        chunks = tuple(min(step, self.shape[0] - start) for start in range(0, self.shape[0], step))
        state = Path(self.path).stat()
        return da.map_blocks(
            _read, self, name=f"nifti-{tokenize(self, state.st_mtime_ns, state.st_size)}",
            chunks=(chunks, *((side,) for side in self.shape[1:])), dtype=float, meta=np.empty((0, 0, 0, 0)),
        )  # fmt: skip

    def read(self, start: int, stop: int) -> Any:
        kind = np.dtype(self.dtype)
        one = int(np.prod(self.shape[1:], dtype=np.int64)) * kind.itemsize
        path = Path(self.path)
        with translated(path):
            stream = gzip.open(path) if _head(path).startswith(GZIP) else path.open("rb")  # noqa: SIM115
            with stream:
                stream.seek(self.offset + start * one)
                found = stream.read((stop - start) * one)
        if len(found) < (stop - start) * one:
            raise TruncatedFileError(path, "it ends before the volumes that its header promises")
        values = np.frombuffer(found, kind).reshape(stop - start, *self.shape[1:])
        scaled = values.astype(complex if kind.kind == "c" else float)
        return scaled * (1.0 if self.slope is None else self.slope) + (self.inter or 0.0)


def _read(source: _Source, block_info: Any = None) -> Any:
    start, stop = block_info[None]["array-location"][0]
    return source.read(start, stop)


def stem(path: Path) -> str:
    """The name without .nii or .nii.gz."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _sidecar(path: Path) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    beside = path.with_name(f"{stem(path)}.json")
    if not beside.is_file():
        return {}, {}, ()
    try:
        said = json.loads(text.text(beside))
    except ValueError as error:
        raise CorruptFileError(beside, f"it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise LayoutError(beside, "it is no sidecar: it holds no names")
    numbers = {
        name: float(said[key]) for key, name in SIDECAR.items() if isinstance(said.get(key), (int, float))
    }
    words = {name: str(said[key]) for key, name in WORDS.items() if isinstance(said.get(key), str)}
    return numbers, words, (str(beside),)


def _weighting(path: Path, count: int) -> tuple[Any, Any, tuple[str, ...]]:
    """b-values (s/mm2) and directions of as many volumes as there are, from the files of FSL's kind."""
    home, name = path.parent, stem(path)
    pairs = [(f"{name}.bval", f"{name}.bvec"), ("bvals.txt", "bvecs.txt"), ("bvals", "bvecs")]
    for number, each in enumerate(pairs):
        values, vectors = (home / one for one in each)
        if not (values.is_file() and vectors.is_file()) or (number and count < 2):
            continue
        found = _table(values).ravel()
        directions = _table(vectors)
        directions = directions.T if directions.shape[0] == 3 and directions.shape[1] != 3 else directions
        if len(found) != count or directions.shape != (count, 3):
            if number:
                continue
            said = f"{len(found)} b-values and {directions.shape} directions for {count} volumes"
            raise LayoutError(path, said)
        return found, directions, (str(values), str(vectors))
    return None, None, ()


def _table(path: Path) -> Any:
    rows = [text.row(line) for line in text.text(path).splitlines() if line.strip()]
    if not rows or any(row is None or len(row) != len(rows[0] or ()) for row in rows):
        raise CorruptFileError(path, "it is no table of numbers")
    return np.array(rows, float)


def _spectroscopy(path: Path, image: _Image) -> Read:
    said = _extension(path, image)
    sides = (*image.shape, 1, 1, 1)
    if np.prod(sides[:3]) != 1:
        raise LayoutError(path, f"its grid is {sides[:3]}; spectra of more than one voxel are not read here")
    points = int(sides[3])
    rows = int(np.prod(sides[4:]))
    source = _Source(str(path), image.offset, image.get_data_dtype().str, (rows, points, 1, 1), None, None)
    frequency = said.get("SpectrometerFrequency") or [None]
    if not isinstance(frequency[0], (int, float)):
        raise LayoutError(path, "it does not state SpectrometerFrequency")
    nucleus = said.get("ResonantNucleus") or [None]
    # The standard stores decays whose frequencies run against the shift.
    fid = np.conj(source.read(0, rows)[:, :, 0, 0])
    data = decays(
        fid, float(image.header["pixdim"][4]), float(frequency[0]),
        echo_time=_number(said, "EchoTime"), repetition_time=_number(said, "RepetitionTime"),
    )  # fmt: skip
    data["affine"] = (("to_axis", "axis"), image.header.get_best_affine(), {"units": "mm"})
    raw = {"nucleus": str(nucleus[0])} if nucleus[0] else {}
    if isinstance(said.get("ManufacturersModelName"), str):
        raw["model"] = said["ManufacturersModelName"]
    return data, raw, (), ()


def _number(said: dict[str, Any], name: str) -> float | None:
    value = said.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def _extension(path: Path, image: _Image) -> dict[str, Any]:
    for each in image.header.extensions:
        if each.get_code() == EXTENSION_OF_MRS:
            try:
                said = json.loads(bytes(each.content).rstrip(b"\0").decode())
            except ValueError as error:
                raise CorruptFileError(path, f"its header extension is no JSON: {error}") from error
            if isinstance(said, dict):
                return said
    raise LayoutError(path, "it calls itself NIfTI-MRS, and has no header extension that says so")


NIFTI = Nifti()
