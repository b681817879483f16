"""MRC and CCP4 files: maps, micrographs and stacks of them, section by section when computed."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import mrc_fei, mrc_header, star
from adapters.formats.by_path import state_of
from adapters.formats.mrc_header import FOUR_BITS, Header
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
STACKS = (".mrcs", ".st", ".ali")
AXES = {1: "x", 2: "y", 3: "z"}
BLOCK_BYTES = 64 * 2**20
# Written by programs that know no voxel size; true maps have other digits.
NEVER_SET = 1.0
SAME = 0.01
IMAGE, DENSITY = "image", "density"
Voxel = tuple[float, float, float]


@dataclass(frozen=True)
class Mrc:
    """A reader of MRC files, packed by gzip or bzip2 or not."""

    name: str = "mrc"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the word that marks a map and possible sizes."""
        head = probe.head
        if head.startswith(tuple(mrc_header.PACKED)):
            if not {".mrc", ".map", ".mrcs"} & {each.lower() for each in probe.path.suffixes}:
                return Confidence.NO
            try:
                with mrc_header.unpacked(probe.path) as file:
                    head = file.read(mrc_header.SIZE)
            except (OSError, EOFError, zlib.error, AdapterError):
                return Confidence.NO
        return Confidence.CONTENT if mrc_header.plausible(head) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the file is as long as its header promises."""
        try:
            header, _ = _header(path)
            _long_enough(path, header)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """A map as `density` over z, y, x; images as `image` over frame, y, x; `voxel` where it is known."""
        header, extended = _header(path)
        said = mrc_fei.first_record(header.extended_kind, extended, header.order)
        beside = star.of_stack(path)
        kind, kind_flags = _kind(path, header, listed=beside is not None)
        voxel, voxel_flags = _voxel(header, said)
        files: tuple[str, ...] = ()
        sidecar: tuple[Flag, ...] = ()
        if beside is not None:
            files, said = (str(beside.path),), {**said, **beside.said}
            if voxel is None and beside.pixel_angstrom is not None:
                voxel, voxel_flags = (beside.pixel_angstrom,) * 3, ()
                told = f"the pixel size {beside.pixel_angstrom:.5g} angstrom is from {beside.path.name}"
                sidecar = (Flag.info("metadata_from_sidecar", told),)
        data = _dataset(path, header, kind, voxel)
        metadata = Metadata("spa", exposure_s=said.pop("exposure_s", None), raw=_raw(header, said))
        flags = (*kind_flags, *voxel_flags, *sidecar, *_cell_flags(header), *_stamp(header))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), flags)


def _header(path: Path) -> tuple[Header, bytes]:
    try:
        with mrc_header.unpacked(path) as file:
            header = mrc_header.read(path, file.read(mrc_header.SIZE))
            extended = file.read(min(header.extended, 1024))
    except (EOFError, zlib.error) as error:
        raise TruncatedFileError(path, str(error)) from error
    except OSError as error:
        raise CorruptFileError(path, str(error)) from error
    if header.mode == 4:
        raise LayoutError(path, "it holds a Fourier transform (mode 4), not an image or a map")
    return header, extended


def _long_enough(path: Path, header: Header) -> None:
    packed = mrc_header.is_packed(path)
    size = len(_bytes(path, 0, header.end)) if packed else path.stat().st_size
    if size < header.end:
        raise TruncatedFileError(path, f"{size} bytes of the {header.end} that its header promises")


def _bytes(path: Path, start: int, stop: int) -> bytes:
    try:
        with mrc_header.unpacked(path) as file:
            file.seek(start)
            return file.read(stop - start)
    except (EOFError, zlib.error, OSError) as error:
        raise TruncatedFileError(path, str(error)) from error


def _kind(path: Path, header: Header, *, listed: bool) -> tuple[str, tuple[Flag, ...]]:
    """Whether sections are images of their own or layers of a map; the space group alone often lies."""
    sections, rows, columns = header.shape
    if sections == 1 or path.suffix.lower() in STACKS or listed:
        return IMAGE, ()
    cube = sections == rows == columns
    if header.space_group not in (None, 0):
        return DENSITY, ()
    if not cube:
        return IMAGE, ()
    why = (
        "has no machine stamp" if header.space_group is None else "calls it a stack of images (space group 0)"
    )
    said = f"the header {why}; a cube of {sections} voxels is taken for a map"
    return DENSITY, (Flag.info("cube_taken_for_map", said),)


def _voxel(header: Header, said: dict[str, Any]) -> tuple[Voxel | None, tuple[Flag, ...]]:
    x, y, z = (
        edge / count if count > 0 and math.isfinite(edge) and edge > 0 else None
        for edge, count in zip(header.cell, header.grid, strict=True)
    )
    if x is None or y is None:
        return None, (Flag.caution("voxel_missing", "the header states no voxel size; none is assumed"),)
    if x == y == NEVER_SET and (z is None or z == NEVER_SET):
        told = "the header states a voxel of exactly 1 angstrom, as programs do that do not know it: not used"
        return None, (Flag.caution("header_looks_like_default", told),)
    stated = said.get("pixel_x_angstrom")
    if stated is not None and abs(stated - x) > SAME * x:
        told = f"the cell gives a pixel of {x:.4g} angstrom, the microscope {stated:.4g}: neither is used"
        return None, (Flag.caution("voxel_contradicted", told),)
    return (z or x, y, x), ()


def _cell_flags(header: Header) -> tuple[Flag, ...]:
    if all(abs(angle - 90) < 0.01 or angle == 0 for angle in header.angles):
        return ()
    told = "the axes of the grid are not at right angles: " + ", ".join(f"{a:.2f}" for a in header.angles)
    return (Flag.caution("cell_not_orthogonal", told),)


def _stamp(header: Header) -> tuple[Flag, ...]:
    if header.trusted:
        return ()
    order = "little" if header.order == "<" else "big"
    told = f"no machine stamp: read as {order} endian by its sizes; later words of the header are not used"
    return (Flag.info("byte_order_by_size", told),)


def _raw(header: Header, said: dict[str, Any]) -> dict[str, Any]:
    about = {
        "mode": header.mode,
        "space_group": header.space_group,
        "cell_angstrom": list(header.cell),
        "cell_angles_degree": list(header.angles),
        "grid": list(header.grid),
        "start": list(header.start),
        "origin": list(header.origin),
        "labels": list(header.labels),
        "first_row": "lowest",
    }
    return {**about, **said}


def _dataset(path: Path, header: Header, kind: str, voxel: Voxel | None) -> xr.Dataset:
    import dask.array as da
    import xarray as xr

    source = Sections(str(path), header)
    step = header.shape[0] if mrc_header.is_packed(path) else max(1, BLOCK_BYTES // header.section_bytes)
    array = da.from_array(
        source,
        chunks=(min(step, header.shape[0]), *header.shape[1:]),
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0, 0, 0), source.dtype),
    )
    if kind == IMAGE:
        found = xr.Dataset({IMAGE: (("frame", "y", "x"), array, {"units": "arbitrary"})})
        sizes: tuple[float, ...] | None = None if voxel is None else voxel[1:]
        axes = ["y", "x"]
    else:
        dims = [AXES[axis] for axis in reversed(header.axes)]
        density = xr.Variable(dims, array, {"units": "arbitrary"}).transpose("z", "y", "x")
        found = xr.Dataset({DENSITY: density})
        sizes, axes = voxel, ["z", "y", "x"]
    if sizes is not None:
        found["voxel"] = ("axis", np.array(sizes), {"units": "angstrom"})
        found = found.assign_coords(axis=axes)
    return found


class Sections:
    """The sections of an MRC file by its path; slicing opens the file, reads, and closes it again."""

    ndim = 3

    def __init__(self, path: str, header: Header) -> None:
        self.path, self.header, self.shape = path, header, header.shape
        self.dtype = header.dtype.newbyteorder("=")

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(self.shape[0])[first]
        indices = np.atleast_1d(wanted)
        start, stop = (int(indices.min()), int(indices.max()) + 1) if indices.size else (0, 0)
        stack = self._read(start, stop)[indices - start]
        found = stack if np.ndim(wanted) else stack[0]
        lead = (slice(None),) if np.ndim(wanted) else ()
        chosen: np.ndarray[Any, Any] = found[(*lead, *rest)]
        return chosen

    def _read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        size, begin = self.header.section_bytes, self.header.data_start
        data = _bytes(Path(self.path), begin + start * size, begin + stop * size)
        if len(data) != (stop - start) * size:
            raise TruncatedFileError(self.path, f"section {start + len(data) // max(size, 1)} is not whole")
        _, rows, columns = self.shape
        if self.header.mode != FOUR_BITS:
            array = np.frombuffer(data, self.header.dtype).reshape(stop - start, rows, columns)
            return array.astype(self.dtype, copy=False)
        pairs = np.frombuffer(data, "u1").reshape(stop - start, rows, (columns + 1) // 2)
        pixels = np.stack([pairs & 0x0F, pairs >> 4], axis=-1)
        return pixels.reshape(stop - start, rows, -1)[:, :, :columns]

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return state_of(self.path)


MRC = Mrc()
