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
from tasks.common.kernels import exponential
from tasks.mri.kernels import flip_angle
from tasks.mri.kernels.ratio import image_noise, transfer_ratio
from tasks.mri.kernels.tensor import tensors
from tasks.mri.parameters import MapParameters

Floats = NDArray[np.float64]
# signal (voxels, volumes) to values, errors and whether they are good, (2 n + 1, voxels).
Kernel = Callable[[Floats], Floats]
UNITLESS = {"units": "dimensionless"}
# What a voxel of the quality map is: outside the mask, good, or measured but not determined.
OUTSIDE, GOOD, UNDETERMINED = 0, 1, 2
SAME_PLACE_MM = 0.01
NORMAL = 1.4826
# The median of normal numbers scatters this much more than their mean.
MEDIAN = 1.2533
VOXELS_A_BLOCK = 200_000


class VolumeError(Exception):
    """Volumes do not give what a map needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


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


def _rows(values: Sequence[Floats], good: NDArray[np.bool_], most: float) -> Floats:
    """Values and errors (n pairs) with NaN where the first of them is not determined well enough."""
    with np.errstate(divide="ignore", invalid="ignore"):
        fine = good & np.isfinite(values[0]) & (values[1] <= most * np.abs(values[0]))
    kept = [np.where(fine, each, np.nan) for each in values]
    return np.stack([*kept, np.where(fine, GOOD, UNDETERMINED).astype(float)])


Made = tuple[Kernel, tuple[Flag, ...]]


def _column(data: xr.Dataset, run: Measurement, name: str, given: Sequence[float], parameter: str) -> Floats:
    count = data.sizes["volume"]
    if given:
        if len(given) != count:
            raise VolumeError(f"{len(given)} values of {parameter} are given for {count} volumes")
        return np.array(given, float)
    if name not in data:
        raise MissingMetadataError(name, run.metadata.source, f"maps.{parameter}")
    return np.asarray(data[name].values, float)


@dataclass(frozen=True)
class _Exponential:
    time: Floats
    noise: float | None
    most: float
    magnitude: bool | None = None

    def __call__(self, signal: Floats) -> Floats:
        if self.magnitude:
            found = exponential.fit_magnitude(self.time, signal, noise=self.noise)
        else:
            kind = exponential.DECAY if self.magnitude is None else exponential.RECOVERY
            found = exponential.fit(self.time, signal, parameters=kind, noise=self.noise)
        good = found.found & ((found.amplitude > 0) if self.magnitude is None else (found.amplitude < 0))
        return _rows([1 / found.rate, found.rate_error / found.rate**2], good, self.most)


def _echoes(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    time = _column(data, run, "echo_time", parameters.echo_times_s, "echo_times_s")
    _enough(time, 2, parameters, "echo times")
    return _Exponential(time, parameters.noise, parameters.most_relative_error), ()


def _inversion(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    time = _column(data, run, "inversion_time", parameters.inversion_times_s, "inversion_times_s")
    _enough(time, 3, parameters, "inversion times")
    said = Flag.info("recovery_complete_assumed", "a lack of full recovery is left to the offset")
    kernel = _Exponential(time, parameters.noise, parameters.most_relative_error, parameters.magnitude)
    return kernel, (said,)


def _enough(time: Floats, least: int, parameters: MapParameters, what: str) -> None:
    different = len(np.unique(time))
    if different < least:
        raise VolumeError(f"{different} different {what} cannot determine {least} parameters")
    if len(time) <= least and parameters.noise is None:
        raise VolumeError(f"{len(time)} volumes leave nothing to tell the noise by", "Give maps.noise")


@dataclass(frozen=True)
class _FlipAngle:
    angle: Floats
    repetition: float
    noise: float | None
    most: float

    def __call__(self, signal: Floats) -> Floats:
        time, error, good = flip_angle.fit(signal, self.angle, self.repetition, self.noise)
        return _rows([time, error], good, self.most)


def _angles(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    angle = _column(data, run, "flip_angle", parameters.flip_angles_deg, "flip_angles_deg")
    _enough(angle, 2, parameters, "flip angles")
    given = (parameters.repetition_time_s,) * data.sizes["volume"] if parameters.repetition_time_s else ()
    repetition = _column(data, run, "repetition_time", given, "repetition_time_s")
    if np.ptp(repetition) > 1e-6 * repetition.max():
        raise VolumeError("the volumes differ in repetition time, where this method needs one")
    said = Flag.info(
        "flip_angle_as_stated", "flip angles are taken as stated: no map of the transmit field is used"
    )
    kernel = _FlipAngle(
        np.deg2rad(angle), float(repetition[0]), parameters.noise, parameters.most_relative_error
    )
    return kernel, (said,)


@dataclass(frozen=True)
class _Transfer:
    saturated: int
    noise: float

    def __call__(self, signal: Floats) -> Floats:
        value, error = transfer_ratio(signal[:, 1 - self.saturated], signal[:, self.saturated], self.noise)
        good = np.isfinite(value) & (signal[:, 1 - self.saturated] > 3 * self.noise)
        return _rows([value, error], good, np.inf)


def _transfer(data: xr.Dataset, run: Measurement, parameters: MapParameters, first: Floats) -> Made:
    if data.sizes["volume"] != 2:
        raise VolumeError(
            f"{data.sizes['volume']} volumes where one without and one with saturation are needed"
        )
    if parameters.saturated_volume not in (0, 1):
        raise MissingMetadataError("saturated_volume", run.metadata.source, "maps.saturated_volume")
    noise, said = _noise(first, parameters)
    return _Transfer(parameters.saturated_volume, noise), said


@dataclass(frozen=True)
class _Tensor:
    b_values: Floats
    directions: Floats

    def __call__(self, signal: Floats) -> Floats:
        found = tensors(signal, self.b_values, self.directions)
        values = [found.anisotropy, found.anisotropy_error, found.diffusivity, found.diffusivity_error]
        return _rows(values, found.good, np.inf)


def _diffusion(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    b_values = _column(data, run, "b_value", (), "b values beside the file (.bval)")
    if "direction" not in data:
        raise MissingMetadataError("direction", run.metadata.source, "directions beside the file (.bvec)")
    directions = np.asarray(data["direction"].values, float)
    if data.sizes["volume"] < 7:
        raise VolumeError(
            f"{data.sizes['volume']} volumes cannot determine a tensor and the signal without weight"
        )
    flags: tuple[Flag, ...] = ()
    if data.sizes["volume"] == 7:
        flags = (
            Flag.caution(
                "no_scatter_to_judge", "seven volumes determine a tensor, and nothing tells its error"
            ),
        )
    high = float(b_values.max())
    if high > 1500 and parameters.highest_b is None:
        said = f"weightings up to {high:.0f} s/mm2 are used, where diffusion in tissue is not Gaussian"
        flags = (*flags, Flag.caution("high_b_values", said))
    return _Tensor(b_values, directions), flags


@dataclass(frozen=True)
class _Ratio:
    noise: float | None

    def __call__(self, signal: Floats) -> Floats:
        mean = signal.mean(axis=1)
        count = signal.shape[1]
        noise = signal.std(axis=1, ddof=1) if self.noise is None else np.full(len(mean), self.noise)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = mean / noise
            # Relative errors of a standard deviation of n numbers, and of their mean.
            share = 1 / (2 * (count - 1)) if self.noise is None else 0.0
            error = np.sqrt(ratio**2 * share + 1 / count)
        return _rows([ratio, error], np.isfinite(ratio), np.inf)


def _noisy(data: xr.Dataset, _: Measurement, parameters: MapParameters, first: Floats) -> Made:
    if data.sizes["volume"] > 2 and parameters.noise is None:
        said = f"noise is the scatter over {data.sizes['volume']} volumes, drift and motion included"
        return _Ratio(None), (Flag.info("noise_over_volumes", said),)
    noise, flags = _noise(first, parameters)
    return _Ratio(noise), flags


def _noise(first: Floats, parameters: MapParameters) -> tuple[float, tuple[Flag, ...]]:
    if parameters.noise is not None:
        return parameters.noise, ()
    found = image_noise(first)
    if not found > 0:
        raise VolumeError("the noise of the images cannot be told from them", "Give maps.noise")
    said = f"noise of {found:.4g} is estimated from neighbouring voxels; structure makes it too large"
    return found, (Flag.info("noise_estimated", said),)


KERNELS: dict[str, Callable[[xr.Dataset, Measurement, MapParameters, Floats], Made]] = {
    "t1_inversion_recovery": _inversion,
    "t1_flip_angle": _angles,
    "t2": _echoes,
    "t2star": _echoes,
    "magnetisation_transfer": _transfer,
    "diffusion_tensor": _diffusion,
    "signal_to_noise": _noisy,
}


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
