"""Spectra at places to images of total current and of single masses, and the mean spectrum."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import find_peaks

from adapters.model import Flag, Measurement
from tasks.common.kernels.extraction import current_near, mean_spectrum, raster, totals
from tasks.common.reduced import Reduced, together
from tasks.imaging_ms.errors import ImagingError
from tasks.imaging_ms.parameters import ImagingParameters

Floats = NDArray[np.float64]
NONE, ANY = {"units": "dimensionless"}, {"units": "arbitrary"}
MZ = {"units": "Da/elementary_charge"}
SAME_TOTAL = 1e-3


def images(run: Measurement, parameters: ImagingParameters) -> Reduced:
    """Images over (y, x), NaN where no pixel was measured, and the mean spectrum of all pixels."""
    data = run.data
    mz, intensity = (np.asarray(data[name].values, float) for name in ("mz", "intensity"))
    if not mz.size or not np.nansum(intensity) > 0:
        raise ImagingError(f"{run.provenance.path} has no signal in any pixel", "Choose another run")
    first, points = data["first_point"].values, data["points"].values
    x, y = (data[name].values.astype(int) for name in ("x", "y"))
    if len({*zip(x.tolist(), y.tolist(), strict=True)}) != len(x):
        raise ImagingError(
            f"{run.provenance.path} has several spectra at one place", "Keep one for each pixel"
        )
    summed = totals(intensity, first, points)
    centres, mean = mean_spectrum(mz, intensity, parameters.tolerance_mz, len(points))
    chosen = parameters.mz or _strongest(centres, mean, parameters)
    total, rows, columns = raster(x, y, summed)
    stack = [
        raster(x, y, current_near(mz, intensity, first, points, each, parameters.tolerance_mz))[0]
        for each in chosen
    ]
    axes = {"y": ("y", rows, NONE), "x": ("x", columns, NONE)}
    tables = {
        "mean": xr.Dataset({"intensity": ("mz", mean, ANY)}, coords={"mz": ("mz", centres, MZ)}),
        "total": xr.Dataset({"total_ion_current": (("y", "x"), total, ANY)}, coords=axes),
        "images": xr.Dataset(
            {"ion_image": (("ion", "y", "x"), np.stack(stack), ANY)},
            coords={"ion": ("ion", np.array(chosen, float), MZ), **axes},
        ),
    }
    facts = {"pixels": len(points), "mz": [float(each) for each in chosen]}
    return together([Reduced((), _flags(data, summed), tables, facts)], run.flags)


def _strongest(centres: Floats, mean: Floats, parameters: ImagingParameters) -> tuple[float, ...]:
    places, _ = find_peaks(np.pad(mean, 1))
    places = places - 1
    best = places[np.argsort(-mean[places])][: parameters.images]
    return tuple(float(centres[place]) for place in sorted(best))


def _flags(data: xr.Dataset, summed: Floats) -> tuple[Flag, ...]:
    """Whether the totals that the file states are those of its spectra."""
    if "total_ion_current" not in data:
        return ()
    stated = data["total_ion_current"].values
    known = np.isfinite(stated)
    off = np.abs(summed[known] - stated[known]) > SAME_TOTAL * np.maximum(stated[known], 1.0)
    if not off.any():
        return ()
    told = f"{int(off.sum())} of {len(summed)} spectra do not add up to the total that the file states"
    return (Flag.caution("totals_disagree", told),)
