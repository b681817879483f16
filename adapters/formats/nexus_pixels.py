"""Pixels of NeXus detectors: their numbers, where they stand seen from the sample, how much they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import LayoutError
from adapters.formats import hdf5
from adapters.formats.nexus import units
from adapters.formats.nexus_groups import child, nexus_class
from adapters.formats.transformations import Placement, placement
from adapters.model import convert

Floats = np.ndarray[Any, np.dtype[np.float64]]
NUMBERS = ("detector_number", "detector_id", "pixel_id", "spectrum_index")
# x, y, z and the solid angle.
COLUMNS = 4
MOST_PIXELS = 500_000_000


@dataclass(frozen=True)
class Window:
    """What holds for a whole run: its start and end (ns since 1970), the unit of lengths without one."""

    start_ns: float | None = None
    end_ns: float | None = None
    length_unit: str = "m"


@dataclass(frozen=True)
class Bank:
    """One detector: its group, how many pixels it has, and whether all says where they stand."""

    path: str
    pixels: int
    located: bool

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


def bank_of(group: h5py.Group) -> Bank | None:
    """The detector as a bank of numbered pixels; None for one without numbers."""
    numbers = child(group, *NUMBERS)
    if numbers is None or numbers.dtype.kind not in "iu" or numbers.size > MOST_PIXELS:
        return None
    # Offsets are seen from a place that only a chain of transformations tells.
    offsets = any(hdf5.has(group, f"{axis}_pixel_offset") for axis in "xyz") and hdf5.has(group, "depends_on")
    polar = hdf5.has(group, "polar_angle") and hdf5.has(group, "distance")
    return Bank(str(group.name), int(numbers.size), offsets or polar)


def numbers_of(group: h5py.Group) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The pixels' numbers in the order of storage, flat."""
    found = child(group, *NUMBERS)
    if found is None:
        raise LayoutError(group.file.filename, f"{group.name} does not number its pixels")
    return np.asarray(found[()]).ravel().astype(np.int64)


def geometry_of(group: h5py.Group, sample: Floats, window: Window) -> Floats:
    """Positions from the sample (m) and solid angles (sr, NaN where the shape is unknown), (n, 4)."""
    shape = hdf5.require(group, next(name for name in NUMBERS if hdf5.has(group, name))).shape
    stands = placement(group, window.start_ns, window.end_ns)
    found = np.full((int(np.prod(shape, dtype=np.int64)), COLUMNS), np.nan)
    if hdf5.has(group, "depends_on"):
        local = np.stack([_offset(group, axis, shape, window) for axis in "xyz"], axis=1)
        found[:, :3] = local @ stands.matrix[:3, :3].T + stands.origin - sample
    else:
        found[:, :3] = _from_angles(group, len(found), window)
    found[:, 3] = _solid_angles(group, found[:, :3], stands, window)
    return found


def _offset(group: h5py.Group, axis: str, shape: tuple[int, ...], window: Window) -> Floats:
    total = int(np.prod(shape, dtype=np.int64))
    stored = child(group, f"{axis}_pixel_offset")
    if stored is None:
        return np.zeros(total)
    if stored.dtype.kind not in "iuf":
        raise LayoutError(group.file.filename, f"{stored.name} is no number")
    values = np.asarray(stored[()], float) * length(stored, window)
    if values.size == total:
        return values.ravel()
    if values.size == 1:
        return np.full(total, values.flat[0])
    # One value a column or row: x runs along the last axis, y along the one before, z before that.
    place = {"x": -1, "y": -2, "z": -3}[axis]
    if values.ndim == 1 and len(shape) >= -place and values.size == shape[place]:
        along = values.reshape([-1 if k == place else 1 for k in range(-len(shape), 0)])
        return np.broadcast_to(along, shape).ravel().copy()
    raise LayoutError(
        group.file.filename, f"{stored.name} has the shape {values.shape}, the detector {tuple(shape)}"
    )


def length(stored: h5py.Dataset, window: Window) -> float:
    """Factor from a stored length to metres."""
    source = f"{stored.file.filename}:{stored.name}"
    return convert(1.0, units(stored) or window.length_unit, "m", source)


def without_unit(group: h5py.Group) -> list[str]:
    """Places of lengths that state no unit."""
    names = [f"{axis}_pixel_offset" for axis in "xyz"]
    return [
        str(stored.name)
        for name in names
        if (stored := child(group, name)) is not None and units(stored) is None
    ]


def lacking(group: h5py.Group) -> list[str]:
    """What a located detector leaves out: an offset across the beam, the shape of its pixels."""
    if not hdf5.has(group, "depends_on"):
        return []
    lost = [f"{axis}_pixel_offset" for axis in "xy" if not hdf5.has(group, f"{axis}_pixel_offset")]
    sized = hdf5.has(group, "pixel_shape/vertices") or (
        hdf5.has(group, "x_pixel_size") and hdf5.has(group, "y_pixel_size")
    )
    return [f"{group.name}/{name}" for name in (*lost, *([] if sized else ["pixel_shape"]))]


def _from_angles(group: h5py.Group, total: int, window: Window) -> Floats:
    distance = hdf5.require(group, "distance")
    far = _filled(distance, total) * length(distance, window)
    polar = angles(group, "polar_angle", total)
    around = (
        angles(group, "azimuthal_angle", total) if hdf5.has(group, "azimuthal_angle") else np.zeros(total)
    )
    side = far * np.sin(polar)
    return np.stack([side * np.cos(around), side * np.sin(around), far * np.cos(polar)], axis=1)


def angles(group: h5py.Group, name: str, total: int) -> Floats:
    """Angles in rad, (total,); NeXus means degrees where a file states no unit."""
    stored = hdf5.require(group, name)
    unit = units(stored) or "degree"
    return _filled(stored, total) * convert(1.0, unit, "rad", f"{stored.file.filename}:{stored.name}")


def _filled(stored: h5py.Dataset, total: int) -> Floats:
    if stored.dtype.kind not in "iuf" or stored.size not in (1, total):
        raise LayoutError(stored.file.filename, f"{stored.name} is not one number a pixel ({stored.shape})")
    return np.broadcast_to(np.asarray(stored[()], float).ravel(), (total,)).copy()


def _solid_angles(group: h5py.Group, seen: Floats, stands: Placement, window: Window) -> Floats:
    """Area of a pixel as the sample sees it over the square of its distance."""
    square = np.einsum("ij,ij->i", seen, seen)
    with np.errstate(all="ignore"):
        toward = seen / np.sqrt(square)[:, None]
        area = _projected(group, toward, stands, window)
        found = np.where(square > 0, area / square, np.nan)
    return np.where(found > 0, found, np.nan)


def _projected(group: h5py.Group, toward: Floats, stands: Placement, window: Window) -> Floats:
    turn = stands.matrix[:3, :3]
    shape = group.get("pixel_shape")
    if isinstance(shape, h5py.Group) and hdf5.has(shape, "vertices"):
        corners = hdf5.require(shape, "vertices")
        points = np.asarray(corners[()], float) * length(corners, window)
        if points.ndim == 2 and points.shape[1] == 3 and len(points) >= 3:
            if nexus_class(shape) == "NXcylindrical_geometry":
                return _tube(points, toward, turn)
            if len(points) == 4:
                # One face: half the sum of the cross products round it points along its normal.
                normal = 0.5 * np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
                return np.asarray(np.abs(toward @ (turn @ normal)))
    if hdf5.has(group, "x_pixel_size") and hdf5.has(group, "y_pixel_size"):
        wide, high = (hdf5.require(group, f"{axis}_pixel_size") for axis in "xy")
        size = [_filled(each, len(toward)) * length(each, window) for each in (wide, high)]
        return size[0] * size[1] * np.abs(toward @ turn[:, 2])
    return np.full(len(toward), np.nan)


def _tube(points: Floats, toward: Floats, turn: Floats) -> Floats:
    # NeXus gives the middle of one end, a point on its rim, and the middle of the other end.
    axis, radius = turn @ (points[2] - points[0]), float(np.linalg.norm(points[1] - points[0]))
    along = toward @ axis
    return np.asarray(2 * radius * np.sqrt(np.maximum(axis @ axis - along**2, 0.0)))


class PixelSource:
    """Numbers or geometry of all banks by path; slicing opens the file, reads, and closes it again."""

    def __init__(self, path: Path, banks: Sequence[Bank], sample: Floats, window: Window) -> None:
        self.path, self.banks, self.sample, self.window = str(path), tuple(banks), sample, window
        self.shape = (sum(bank.pixels for bank in banks), COLUMNS + 1)
        self.dtype, self.ndim = np.dtype(np.float64), 2

    def __getitem__(self, key: Any) -> Floats:
        rows, columns = key
        first, last, _ = rows.indices(self.shape[0])
        parts, begin = [np.empty((0, self.shape[1]))], 0
        with hdf5.opened(Path(self.path)) as file:
            for bank in self.banks:
                end = begin + bank.pixels
                if begin < last and end > first:
                    inside = slice(max(first - begin, 0), min(last, end) - begin)
                    parts.append(self._bank(file, bank)[inside])
                begin = end
        return np.concatenate(parts)[:, columns]

    def _bank(self, file: h5py.File, bank: Bank) -> Floats:
        group = file[bank.path]
        whole = np.full((bank.pixels, self.shape[1]), np.nan)
        # Numbers of pixels are far below 2**53, so that a float holds them.
        whole[:, 0] = numbers_of(group)
        if bank.located:
            whole[:, 1:] = geometry_of(group, self.sample, self.window)
        return whole


def variables(path: Path, banks: Sequence[Bank], sample: Floats, window: Window) -> dict[str, Any]:
    """Numbers, banks, positions and solid angles of all pixels, one block a bank, read when computed."""
    import dask.array as da

    source = PixelSource(path, banks, sample, window)
    chunks = (tuple(bank.pixels for bank in banks), source.shape[1])
    table = da.from_array(source, chunks=chunks, name=False, asarray=True, meta=np.empty((0, 0)))
    number = np.repeat(np.arange(len(banks)), [bank.pixels for bank in banks])
    return {
        "detector_number": ("pixel", table[:, 0].astype(np.int64), {"units": "dimensionless"}),
        "bank": ("pixel", number.astype(np.int16), {"units": "dimensionless"}),
        "position": (("pixel", "axis"), table[:, 1:4], {"units": "m", "from": "sample", "axes": "x y z"}),
        "solid_angle": ("pixel", table[:, 4], {"units": "sr"}),
    }
