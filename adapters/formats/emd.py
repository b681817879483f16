"""EMD files of Berkeley (ncempy, py4DSTEM): an array with an axis beside it for each dimension."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5, microscope_axes
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MARK = "emd_group_type"
MOST_GROUPS = 10_000


@dataclass(frozen=True)
class Axis:
    """One dimension: its step and its unit, NaN and nothing where the file has none."""

    size: int
    step: float
    unit: str


@dataclass(frozen=True)
class Emd:
    """A reader of EMD files: images, stacks of images, and 4D-STEM."""

    name: str = "ncem_emd"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a group that is marked as an array of EMD."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.CONTENT if _marked(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it opens, with all links."""
        found = hdf5.check(path)
        if found.reason:
            return found
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The array with the most dimensions."""
        with hdf5.opened(path) as file:
            groups = [group for group in _marked(file) if isinstance(group.get("data"), h5py.Dataset)]
            if not groups:
                raise LayoutError(path, "its marked groups hold no data")
            group = max(groups, key=lambda each: each["data"].ndim)
            stored = hdf5.require(group, "data")
            if stored.dtype.kind not in "iuf" or 0 in stored.shape:
                raise LayoutError(path, f"{stored.name} holds no numbers ({stored.dtype}, {stored.shape})")
            axes = [_axis(group, number + 1, size) for number, size in enumerate(stored.shape)]
            array = hdf5.lazy(stored, path) if stored.ndim else None
        if array is None:
            raise LayoutError(path, "its data are a single number")
        data, flags = _dataset(path, array, axes)
        if len(groups) > 1:
            told = f"it holds {len(groups)} arrays; {group.name} is read"
            flags.append(Flag.caution("other_signals_not_read", told))
        return Measurement(data, Metadata("stem"), Provenance(str(path), self.name, VERSION), tuple(flags))


def _marked(file: h5py.File) -> list[h5py.Group]:
    """Groups that say they are arrays: 1 in the first convention, "array" in the second."""
    found: list[h5py.Group] = []
    seen = 0

    def look(_: str, item: h5py.HLObject) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(item, h5py.Group) and MARK in item.attrs:
            said = item.attrs[MARK]
            word = hdf5.text(said) if isinstance(said, (str, bytes, np.ndarray)) else str(said)
            if word in ("1", "array", "datacube"):
                found.append(item)
        return True if seen > MOST_GROUPS else None

    file.visititems(look)
    return found


def _axis(group: h5py.Group, number: int, size: int) -> Axis:
    # The second convention counts from zero.
    name = f"dim{number - 1}" if "dim0" in group else f"dim{number}"
    stored = group.get(name)
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "iuf" or stored.size < 2:
        return Axis(size, float("nan"), "")
    values = np.asarray(stored[:2], float).ravel()
    unit = hdf5.text(stored.attrs.get("units", "")).strip("[]").replace("_", "")
    return Axis(size, float(values[1] - values[0]), unit)


def _dataset(path: Path, array: object, axes: list[Axis]) -> tuple[xr.Dataset, list[Flag]]:
    import dask.array as da

    assert isinstance(array, da.Array)
    if len(axes) == 4:
        return _four(array, axes)
    if len(axes) not in (2, 3):
        raise LayoutError(path, f"its data have {len(axes)} dimensions, which is not read here")
    stack = array[None] if array.ndim == 2 else array
    pixel = [microscope_axes.length(axis.step, axis.unit) for axis in axes[-2:]]
    flags = [Flag.caution("voxel_missing", "its axes name no length")] if None in pixel else []
    return microscope_axes.images(stack, (pixel[0], pixel[1])), flags


def _four(array: object, axes: list[Axis]) -> tuple[xr.Dataset, list[Flag]]:
    """Scan, then pattern, as both conventions order them."""
    import dask.array as da

    assert isinstance(array, da.Array)
    rows, columns = axes[0].size, axes[1].size
    lengths = [microscope_axes.length(axis.step, axis.unit) for axis in axes[:2]]
    step = microscope_axes.scattering(axes[3].step, axes[3].unit)
    flags = (
        [] if step else [Flag.info("pixel_unknown", "its axes name no angle or frequency of the patterns")]
    )
    flat = array.reshape(rows * columns, *array.shape[2:])
    scan_step = None if None in lengths else (lengths[0] or 0.0, lengths[1] or 0.0)
    data = microscope_axes.patterns(flat, "arbitrary", step=step, shape=(rows, columns), scan_step=scan_step)
    return data, flags


EMD = Emd()
