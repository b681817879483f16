"""What all methods of mapping share: series by name, noise, and what a voxel is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.mri.errors import VolumeError
from tasks.mri.kernels.ratio import image_noise
from tasks.mri.parameters import MapParameters

Floats = NDArray[np.float64]
# signal (voxels, volumes) to values, errors and whether they are good, (2 n + 1, voxels).
Kernel = Callable[[Floats], Floats]
Made = tuple[Kernel, tuple[Flag, ...]]
# What a voxel of the quality map is: outside the mask, good, or measured but not determined.
OUTSIDE, GOOD, UNDETERMINED = 0, 1, 2


def column_of(
    data: xr.Dataset, run: Measurement, name: str, given: Sequence[float], parameter: str
) -> Floats:
    """A number for each volume: as given, else as the files say."""
    count = data.sizes["volume"]
    if given:
        if len(given) != count:
            raise VolumeError(f"{len(given)} values of {parameter} are given for {count} volumes")
        return np.array(given, float)
    if name not in data:
        raise MissingMetadataError(name, run.metadata.source, f"maps.{parameter}")
    return np.asarray(data[name].values, float)


def enough(time: Floats, least: int, parameters: MapParameters, what: str) -> None:
    """Refuse a series too short for its parameters, or for its noise."""
    different = len(np.unique(time))
    if different < least:
        raise VolumeError(f"{different} different {what} cannot determine {least} parameters")
    if len(time) <= least and parameters.noise is None:
        raise VolumeError(f"{len(time)} volumes leave nothing to tell the noise by", "Give maps.noise")


def noise_of(first: Floats, parameters: MapParameters) -> tuple[float, tuple[Flag, ...]]:
    """The noise of one volume, as given, else from the first."""
    if parameters.noise is not None:
        return parameters.noise, ()
    found = image_noise(first)
    if not found > 0:
        raise VolumeError("the noise of the images cannot be told from them", "Give maps.noise")
    said = f"noise of {found:.4g} is estimated from neighbouring voxels; structure makes it too large"
    return found, (Flag.info("noise_estimated", said),)


def rows(values: Sequence[Floats], good: NDArray[np.bool_], most: float) -> Floats:
    """Values and errors (n pairs) with NaN where the first of them is not determined well enough."""
    with np.errstate(divide="ignore", invalid="ignore"):
        fine = good & np.isfinite(values[0]) & (values[1] <= most * np.abs(values[0]))
    kept = [np.where(fine, each, np.nan) for each in values]
    return np.stack([*kept, np.where(fine, GOOD, UNDETERMINED).astype(float)])
