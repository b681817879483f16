"""Maps of tissue properties, voxel by voxel on Dask, each with its uncertainty and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.mri.diffusion import diffusion
from tasks.mri.errors import VolumeError
from tasks.mri.method import GOOD, OUTSIDE, UNDETERMINED, Floats, Kernel, Made
from tasks.mri.parameters import MapParameters
from tasks.mri.ratio import signal_to_noise, transfer
from tasks.mri.relaxation import echoes, flip_angles, inversion

SAME_PLACE_MM = 0.01
NORMAL = 1.4826
# The median of normal numbers scatters this much more than their mean.
MEDIAN = 1.2533
VOXELS_A_BLOCK = 200_000


@dataclass(frozen=True)
class Mapped:
    """A quantity of the map: its name, unit, and the quantity of the vocabulary that its median claims."""

    name: str
    unit: str
    quantity: str


SECONDS = "s"
QUANTITIES: dict[str, tuple[Mapped, ...]] = {
    "t1_inversion_recovery": (Mapped("t1", SECONDS, "relaxation_time_t1"),),
    "t1_flip_angle": (Mapped("t1", SECONDS, "relaxation_time_t1"),),
    "t2": (Mapped("t2", SECONDS, "relaxation_time_t2"),),
    "t2star": (Mapped("t2star", SECONDS, "relaxation_time_t2star"),),
    "magnetisation_transfer": (Mapped("mtr", "percent", "magnetisation_transfer_ratio"),),
    "diffusion_tensor": (
        Mapped("fa", "dimensionless", "fractional_anisotropy"),
        Mapped("md", "mm**2/s", "mean_diffusivity"),
    ),
    "signal_to_noise": (Mapped("snr", "dimensionless", "signal_to_noise_ratio"),),
}
KERNELS: dict[str, Callable[[xr.Dataset, Measurement, MapParameters, Floats], Made]] = {
    "t1_inversion_recovery": inversion,
    "t1_flip_angle": flip_angles,
    "t2": echoes,
    "t2star": echoes,
    "magnetisation_transfer": transfer,
    "diffusion_tensor": diffusion,
    "signal_to_noise": signal_to_noise,
}


@dataclass(frozen=True)
class Plan:
    """A lazy array (z, 2 n + 1, y, x) of maps, what its columns are, the mask (z, y, x), and remarks."""

    lazy: Any
    mapped: tuple[Mapped, ...]
    mask: NDArray[np.bool_]
    frame: xr.Dataset
    flags: tuple[Flag, ...]


def joined(runs: Sequence[Measurement]) -> Measurement:
    """Runs of the same grid as one stack of volumes, in the order given."""
    first = runs[0]
    for run in runs:
        if "signal" not in run.data:
            raise VolumeError(f"{run.provenance.path} holds no images")
        same = run.data["signal"].shape[1:] == first.data["signal"].shape[1:]
        if same and "affine" in first.data and "affine" in run.data:
            apart = np.abs(run.data["affine"].values - first.data["affine"].values).max()
            same = bool(apart < SAME_PLACE_MM)
        if not same:
            raise VolumeError(
                f"{run.provenance.path} lies on another grid than {first.provenance.path}",
                "Register and resample one to the other first",
            )
    if len(runs) == 1:
        return first
    names = [
        name
        for name, variable in first.data.items()
        if "volume" in variable.dims and all(name in run.data for run in runs)
    ]
    stack = xr.concat([run.data[names] for run in runs], dim="volume")
    others = first.data.drop_vars([name for name in first.data if "volume" in first.data[name].dims])
    flags = merged(*(run.flags for run in runs))
    return Measurement(others.merge(stack), first.metadata, first.provenance, flags)


def plan(run: Measurement, parameters: MapParameters, mask: NDArray[np.bool_] | None) -> Plan:
    """The maps of a stack of volumes, lazily; nothing but the first volume is read yet."""
    method = parameters.method
    if method is None:
        raise MissingMetadataError("method", "no file says what is to be mapped; this run", "maps.method")
    data, flags = _gridded(run.data), run.flags
    if method == "diffusion_tensor" and parameters.highest_b is not None and "b_value" in data:
        data = data.isel(volume=data["b_value"].values <= parameters.highest_b)
    first = np.asarray(data["signal"].isel(volume=0).values, float)
    inside, more = _inside(first, mask, parameters)
    kernel, said = KERNELS[method](data, run, parameters, first)
    mapped = QUANTITIES[method]
    lazy = _mapped(data["signal"].data, inside, kernel, 2 * len(mapped) + 1)
    keep = [name for name in ("affine", "label", "published_rate") if name in data]
    return Plan(lazy, mapped, inside, data[keep], merged(flags, more, said))


def _gridded(data: xr.Dataset) -> xr.Dataset:
    """Voxels of a table as a grid of one row, so that all maps are made alike."""
    if "voxel" not in data["signal"].dims:
        return data
    signal = data["signal"].values[:, None, None, :]
    found = data.drop_vars("signal").rename_dims({"voxel": "x"})
    return found.assign(signal=(("volume", "z", "y", "x"), signal, data["signal"].attrs))


def _inside(
    first: Floats, mask: NDArray[np.bool_] | None, parameters: MapParameters
) -> tuple[NDArray[np.bool_], tuple[Flag, ...]]:
    if mask is not None:
        if mask.shape != first.shape:
            raise VolumeError(f"the mask has the shape {mask.shape}, the volumes {first.shape}")
        if not mask.any():
            raise VolumeError("the mask is empty")
        return mask, ()
    top = float(np.nanmax(first))
    if not top > 0:
        raise VolumeError("the first volume is empty: it has no signal above 0")
    inside = np.asarray(first > parameters.least_share * top)
    said = f"voxels above {parameters.least_share:g} of the highest count: {inside.sum()} of {inside.size}"
    return inside, (Flag.info("mask_by_signal", said),)


def _mapped(signal: Any, inside: NDArray[np.bool_], kernel: Kernel, columns: int) -> Any:
    import dask.array as da

    plane = signal.shape[2:]
    step = max(1, VOXELS_A_BLOCK // max(1, plane[0] * plane[1]))
    stack = da.asarray(signal).rechunk({0: -1, 1: step, 2: -1, 3: -1})
    mask = da.from_array(inside, chunks=(stack.chunks[1], *((side,) for side in plane)))
    return da.map_blocks(
        _block, stack, mask[None], kernel=kernel, columns=columns, dtype=float, drop_axis=[0], new_axis=[1],
        chunks=(stack.chunks[1], columns, *((side,) for side in plane)), meta=np.empty((0, 0, 0, 0)),
    )  # fmt: skip


def _block(signal: Floats, mask: NDArray[np.bool_], *, kernel: Kernel, columns: int) -> Floats:
    chosen = mask[0]
    found = np.full((columns, *chosen.shape), np.nan)
    found[-1] = OUTSIDE
    if chosen.any():
        with np.errstate(over="ignore", under="ignore"):
            found[:, chosen] = kernel(np.ascontiguousarray(signal[:, chosen].T, float))
    return np.moveaxis(found, 0, 1)


def labelled(plan: Plan, computed: Floats) -> xr.Dataset:
    """The maps with their uncertainties and the map of their quality, from what was computed (z, k, y, x)."""
    dims = ("z", "y", "x")
    data = plan.frame.copy()
    for number, each in enumerate(plan.mapped):
        data[each.name] = (dims, computed[:, 2 * number], {"units": each.unit})
        data[f"{each.name}_errors"] = (dims, computed[:, 2 * number + 1], {"units": each.unit})
    quality = computed[:, -1].astype(np.uint8)
    meaning = {"units": "dimensionless", "meaning": "0 outside, 1 good, 2 measured but not determined"}
    data["quality"] = (dims, quality, meaning)
    return data


def findings(plan: Plan, maps: xr.Dataset, method: str) -> tuple[tuple[Finding, ...], tuple[Flag, ...]]:
    """The median of every map over its good voxels, or over those of each group of labels."""
    found: list[Finding] = []
    for name, region in _regions(maps).items():
        for each in plan.mapped:
            values = maps[each.name].values[region]
            values = values[np.isfinite(values)]
            if len(values) < 2:
                continue
            middle = float(np.median(values))
            spread = NORMAL * float(np.median(np.abs(values - middle)))
            error = max(
                MEDIAN * spread / np.sqrt(len(values)),
                float(np.nanmedian(maps[f"{each.name}_errors"].values[region])) / np.sqrt(len(values)),
            )
            told = (
                f"median of {len(values)} voxels, which scatter by {spread:.3g} {each.unit}",
                "uncertainty of the median from that scatter; systematic errors of the method are not in it",
            )
            words = f"{method.replace('_', ' ')}{name}"
            found.append(Finding(each.quantity, middle, error, each.unit, words, told))
    quality = maps["quality"].values
    lost, all_ = int((quality == UNDETERMINED).sum()), int((quality != OUTSIDE).sum())
    flags: list[Flag] = []
    if not found:
        flags.append(Flag.invalid("no_map", "no voxel gives a value"))
    elif lost:
        said = f"{lost} of {all_} voxels are not determined by their signals and are left out"
        flags.append((Flag.caution if lost > 0.1 * all_ else Flag.info)("voxels_undetermined", said))
    return tuple(found), tuple(flags)


def _regions(maps: xr.Dataset) -> dict[str, NDArray[np.bool_]]:
    good = maps["quality"].values == GOOD
    if "label" not in maps:
        return {"": good}
    words = [str(label).rsplit(" voxel ", 1)[0] for label in maps["label"].values]
    return {f", {name}": good & (np.array(words) == name)[None, None] for name in dict.fromkeys(words)}
