"""Projections of a tomography scan as a labelled dataset, told apart from flats and darks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import LayoutError
from adapters.model import Flag, convert

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

# NXtomo's words for what a frame shows.
PROJECTION, FLAT, DARK, INVALID = 0, 1, 2, 3


@dataclass(frozen=True)
class Stack:
    """Frames (n, y, x) by kind, None where there are none, and the angles (n,) of the projections."""

    counts: da.Array
    flats: da.Array | None
    darks: da.Array | None
    angles: np.ndarray[Any, Any]
    unit: str


def projections(stack: Stack, source: str) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """The dataset of a tomography scan, and what is missing from it."""
    import xarray as xr

    angles = stack.angles * convert(1.0, stack.unit, "degree", source)
    count = {"units": "count"}
    if len(angles) != stack.counts.shape[0]:
        raise LayoutError(source, f"{stack.counts.shape[0]} projections but {len(angles)} angles")
    variables: dict[str, Any] = {
        "counts": (("projection", "y", "x"), stack.counts, count),
        "angle": ("projection", angles, {"units": "degree"}),
    }
    flags = []
    for name, frames in (("flats", stack.flats), ("darks", stack.darks)):
        if frames is None or not frames.shape[0]:
            said = f"the run holds no {name}"
            flags.append(Flag.caution("flats_or_darks_absent", said))
            continue
        if frames.shape[1:] != stack.counts.shape[1:]:
            raise LayoutError(source, f"its {name} are {frames.shape[1:]}, its projections differ")
        variables[name] = ((name.removesuffix("s"), "y", "x"), frames, count)
    return xr.Dataset(variables), tuple(flags)


def by_key(
    frames: da.Array, key: np.ndarray[Any, Any], angles: np.ndarray[Any, Any], unit: str, source: str
) -> tuple[Stack, tuple[Flag, ...]]:
    """Frames (n, y, x) parted by their image key (n,); angles (n,) belong to all of them."""
    if not len(key) == len(angles) == frames.shape[0]:
        said = f"{frames.shape[0]} frames, {len(key)} image keys and {len(angles)} angles"
        raise LayoutError(source, f"it has {said}")
    unknown = ~np.isin(key, (PROJECTION, FLAT, DARK, INVALID))
    if unknown.any():
        raise LayoutError(source, f"image keys {sorted(set(key[unknown].tolist()))} have no meaning")
    flags = []
    if lost := int((key == INVALID).sum()):
        flags.append(Flag.caution("frames_invalid", f"{lost} frames are marked invalid and left out"))
    counts, flats, darks = (frames[np.flatnonzero(key == kind)] for kind in (PROJECTION, FLAT, DARK))
    return Stack(counts, flats, darks, angles[key == PROJECTION], unit), tuple(flags)
