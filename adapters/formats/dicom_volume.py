"""Volumes of DICOM files: their pixels, read when computed, and their timing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.dicom_part import header
from adapters.formats.nifti import translated
from adapters.formats.volumes import stacked
from adapters.model import Flag

if TYPE_CHECKING:
    import xarray as xr

MILLI = 1e-3


@dataclass(frozen=True)
class Volume:
    """One or more volumes (volume, z, y, x) of one file, and what is said of them."""

    signal: Any
    affine: Any
    timing: dict[str, Any]
    direction: Any = None


def joined(path: Path, found: Sequence[Volume]) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """Volumes of several files as one stack."""
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


def timing_of(said: Any) -> dict[str, float | None]:
    """Times of a dataset or of a frame in seconds; None where it does not say."""
    words = {"echo_time": "EchoTime", "repetition_time": "RepetitionTime", "inversion_time": "InversionTime"}
    found = {name: number_of(said, key, MILLI) for name, key in words.items()}
    return {
        **found,
        "flip_angle": number_of(said, "FlipAngle"),
        "b_value": number_of(said, "DiffusionBValue"),
    }


def number_of(said: Any, name: str, factor: float = 1.0) -> float | None:
    """A number that is said, times a factor; None where it is not."""
    value = said.get(name)
    return None if value is None or value == "" else float(value) * factor


def lazy_pixels(path: Path, shape: tuple[int, ...], mosaic: int = 0) -> Any:
    """The pixels of a file, or of the tiles of its mosaic, which is read when computed."""
    import dask.array as da
    from dask.delayed import delayed

    state = path.stat()
    task = delayed(_pixels, pure=True)(str(path), shape, mosaic, (state.st_mtime_ns, state.st_size))
    return da.from_delayed(task, shape, float)


def _pixels(path: str, shape: tuple[int, ...], mosaic: int, _: Any) -> Any:
    """Scaled pixels of a file, the tiles of a mosaic put one on the other."""
    said = header(Path(path), pixels=True)
    from pydicom.pixels.processing import apply_rescale

    with translated(Path(path)):
        try:
            values = said.pixel_array
        # So pydicom says that a way of packing needs a library that is not here, or that it failed.
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
