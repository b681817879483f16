"""Detector frames as the data of a measurement: counts, their sentinel values, the mask of bad pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import LayoutError
from adapters.model import Geometry, Metadata

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

# Photon-counting detectors read out as signed integers mark gaps and bad pixels by negative values.
SIGNED_SENTINELS: Mapping[str, int] = {"invalid_below": 0}
# NXmx: the low 16 bits of a pixel mask say that a pixel must not be used.
REJECTED_BITS = 0xFFFF


def unsigned_sentinels(dtype: np.dtype[Any]) -> dict[str, int]:
    """The two highest values of an unsigned type, as Dectris detectors mark pixels without counts."""
    if dtype.kind != "u":
        return {}
    return {"invalid_from": int(np.iinfo(dtype).max) - 1}


def dectris_sentinels(dtype: np.dtype[Any]) -> dict[str, int]:
    """How frames of a Dectris detector mark pixels without counts in `dtype`."""
    return dict(SIGNED_SENTINELS) if dtype.kind == "i" else unsigned_sentinels(dtype)


def fitting(mask: da.Array | None, frames: tuple[int, ...], path: Path) -> da.Array | None:
    """The mask, if it has the shape of one of the frames; else the file contradicts itself."""
    if mask is not None and mask.shape != frames[-2:]:
        raise LayoutError(path, f"its mask is {mask.shape} where its frames are {frames[-2:]}")
    return mask


def as_frames(array: da.Array, source: str) -> da.Array:
    """One image as a stack of one; a stack as it is."""
    if array.ndim == 2:
        stack: da.Array = array[None]
        return stack
    if array.ndim != 3:
        raise LayoutError(source, f"an image or a stack of images was expected, not the shape {array.shape}")
    return array


def bad_pixels(counts: da.Array, sentinels: Mapping[str, int]) -> da.Array | None:
    """Where a single frame holds a sentinel; None for several frames, which may differ."""
    if not sentinels or counts.shape[0] != 1:
        return None
    frame, bad = counts[0], None
    if "invalid_below" in sentinels:
        bad = frame < sentinels["invalid_below"]
    if "invalid_from" in sentinels:
        high = frame >= sentinels["invalid_from"]
        bad = high if bad is None else bad | high
    return bad


def dataset(
    counts: da.Array,
    *,
    sentinels: Mapping[str, int] | None = None,
    mask: da.Array | None = None,
    index: np.ndarray[Any, Any] | None = None,
) -> xr.Dataset:
    """Counts with dims frame, y, x, the mask (True is bad) where one is known, and the frames' own index."""
    import xarray as xr

    sentinels = sentinels or {}
    variables: dict[str, Any] = {"counts": (("frame", "y", "x"), counts, {"units": "count", **sentinels})}
    bad = bad_pixels(counts, sentinels) if mask is None else mask
    if bad is not None:
        variables["mask"] = (
            ("y", "x"),
            bad,
            {"units": "dimensionless", "long_name": "pixels not to be used"},
        )
    coords = {} if index is None else {"frame": ("frame", index, {"units": "dimensionless"})}
    return xr.Dataset(variables, coords)


def located(metadata: Metadata) -> Metadata:
    """The same with its geometry, if distance, beam centre and pixel size are all stated."""
    distance, x, y = metadata.distance_m, metadata.beam_center_x_px, metadata.beam_center_y_px
    wide, high = metadata.pixel_size_x_m, metadata.pixel_size_y_m
    if distance is None or x is None or y is None or wide is None or high is None:
        return metadata
    geometry = Geometry.from_beam_center(
        distance_m=distance,
        center_x_px=x,
        center_y_px=y,
        pixel_x_m=wide,
        pixel_y_m=high,
        wavelength_angstrom=metadata.wavelength_angstrom,
    )
    return replace(metadata, geometry=geometry)
