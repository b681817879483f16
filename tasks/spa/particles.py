"""A stack of particle images to its statistics: which images stand out, and the mean power by frequency."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Flag, Measurement
from tasks.common.blocks import Compute, each_frame, in_threads
from tasks.common.reduced import Reduced, together
from tasks.spa.errors import ImageError
from tasks.spa.kernels import stack
from tasks.spa.kernels.stack import MOMENTS
from tasks.spa.needed import needed
from tasks.spa.parameters import StackParameters

Floats = NDArray[np.float64]
NONE, ANY = {"units": "dimensionless"}, {"units": "arbitrary"}
# How far the background of a normalised stack may be from mean 0 and deviation 1.
NORMAL = 0.2


def statistics(run: Measurement, parameters: StackParameters, compute: Compute = in_threads) -> Reduced:
    """Mean and variance of every image and of its background, outliers, and the mean power spectrum."""
    if "image" not in run.data or run.data.sizes["frame"] < 2:
        raise ImageError(f"{run.provenance.path} is no stack of images", "Give extracted particles")
    pixel = needed(run, "pixel_angstrom", parameters.pixel_angstrom)
    images = run.data["image"].transpose("frame", "y", "x")
    shape = (images.sizes["y"], images.sizes["x"])
    radius = _radius(shape, pixel, parameters)
    how = stack.plan(shape, radius)
    rows = np.empty((images.sizes["frame"], MOMENTS + how.rings))

    def arrived(start: int, block: Floats) -> None:
        rows[start : start + len(block)] = block

    compute(each_frame(stack.moments, images.data, how, (MOMENTS + how.rings,)), arrived)
    odd = np.any([stack.outliers(rows[:, column], parameters.outlier) for column in (0, 1)], axis=0)
    if odd.all():
        raise ImageError(f"no image of {run.provenance.path} is like another", "Look at the stack")
    tables = {"power": _power(rows[~odd, MOMENTS:], shape, pixel), "images": _images(rows, odd)}
    good = rows[~odd]
    facts = {
        "images": len(rows),
        "outliers": np.flatnonzero(odd).tolist()[:1000],
        "pixel_angstrom": pixel,
        "background_mean": float(good[:, 2].mean()),
        "background_deviation": float(np.sqrt(good[:, 3].mean())),
    }
    return together([Reduced((), _flags(rows, odd, good), tables, facts)], run.flags)


def _radius(shape: tuple[int, int], pixel: float, parameters: StackParameters) -> float:
    half = min(shape) / 2
    if parameters.diameter_angstrom is None:
        return 0.75 * half
    radius = parameters.diameter_angstrom / 2 / pixel
    if radius >= half:
        box = 2 * half * pixel
        raise ImageError(
            f"a particle of {parameters.diameter_angstrom:g} angstrom fills its box of {box:.4g}",
            "Give the diameter of the particle, which must be smaller than the box",
        )
    return radius


def _power(power: Floats, shape: tuple[int, int], pixel: float) -> xr.Dataset:
    rings = np.arange(1, power.shape[1])
    error = (
        power.std(axis=0, ddof=1) / np.sqrt(len(power)) if len(power) > 1 else np.full(len(rings) + 1, np.nan)
    )
    frequency = rings / (max(shape) * pixel)
    return xr.Dataset(
        {
            "intensity": ("frequency", power.mean(axis=0)[1:], ANY),
            "intensity_errors": ("frequency", error[1:], ANY),
        },
        coords={"frequency": ("frequency", frequency, {"units": "1/angstrom"})},
    )


def _images(rows: Floats, odd: NDArray[np.bool_]) -> xr.Dataset:
    names = ("image_mean", "image_variance", "background_mean", "background_variance")
    found = {name: ("image", rows[:, column], ANY) for column, name in enumerate(names)}
    return xr.Dataset({**found, "outlier": ("image", odd.astype("u1"), NONE)})


def _flags(rows: Floats, odd: NDArray[np.bool_], good: Floats) -> tuple[Flag, ...]:
    flags = []
    lost = int((~np.isfinite(rows[:, 0])).sum())
    if lost:
        flags.append(
            Flag.caution("images_not_finite", f"{lost} of {len(rows)} images have values that are not finite")
        )
    if odd.sum() > lost:
        shown = ", ".join(str(each + 1) for each in np.flatnonzero(odd)[:8])
        told = f"{int(odd.sum())} of {len(rows)} images stand out by mean or variance: {shown}"
        flags.append(Flag.caution("images_stand_out", told))
    mean, deviation = float(good[:, 2].mean()), float(np.sqrt(good[:, 3].mean()))
    if abs(mean) > NORMAL or abs(deviation - 1) > NORMAL:
        told = f"the background is not normalised to 0 and 1: mean {mean:.3g}, deviation {deviation:.3g}"
        flags.append(Flag.info("stack_not_normalised", told))
    return tuple(flags)
