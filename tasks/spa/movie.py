"""A movie to its motion and its sum: gain, groups of frames, alignment, weights by dose; block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import fft

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.common.blocks import Compute, each_block, each_block_at
from tasks.common.reduced import Reduced
from tasks.spa.errors import ImageError
from tasks.spa.kernels import motion
from tasks.spa.kernels.gain import Gain, corrected, gain_of, oriented
from tasks.spa.needed import needed
from tasks.spa.parameters import GainParameters, MicrographParameters

if TYPE_CHECKING:
    import dask.array as da

Floats = NDArray[np.float64]
PIXEL = {"units": "pixel"}
# Published for 300 kV; at 200 kV spacings fade a fifth sooner (Grant and Grigorieff 2015).
DOSE_SCALES = {300.0: 1.0, 200.0: 0.8}
EER = "eer_movie"


@dataclass(frozen=True)
class Exposure:
    """Doses (e/angstrom²) at the end of each frame, and what is needed to weigh frequencies by them."""

    doses: Floats
    pixel: float
    scale: float


@dataclass
class _Total:
    """What adds over blocks: the weighted sum, the squares of its weights, and sums without them."""

    terms: Any = 0
    squares: Any = 0
    moved: Any = 0
    still: Any = 0
    frames: int = 0

    def add(self, other: _Total) -> None:
        for name in ("terms", "squares", "moved", "still", "frames"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class _Plan:
    gain: Gain | None
    binning: int
    shifts: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    exposure: Exposure | None = None


def aligned(
    run: Measurement, parameters: MicrographParameters, gain_run: Measurement | None, compute: Compute
) -> tuple[Floats, Reduced]:
    """The sum of a movie's frames in place, and their motion; two passes over the frames.

    The first pass keeps the frequencies that the binning leaves, the second adds whole
    frames and keeps one sum, whatever their number.
    """
    frames, flags = grouped(run, parameters.frames_per_fraction)
    gain, told = gain_for(run, gain_run, parameters.gain)
    flags += told
    rows, columns = frames.shape[1:]
    binning = parameters.binning
    terms = _terms(frames, _Plan(gain, binning), compute)
    size = (rows // binning // 2 * 2, columns // binning // 2 * 2)
    found = motion.align(terms, size, parameters.blur_px)
    del terms
    shifts, errors = found.shifts * binning, found.errors * binning
    exposure, more = _exposure(run, len(frames), parameters)
    total = _Total()
    plan = _Plan(gain, binning, shifts, exposure)
    compute(each_block_at(_added, frames, plan), lambda _, block: total.add(block[0]))
    image = _image(total, (rows, columns), weighted=exposure is not None)
    gained = _fine_power(total.moved, (rows, columns)) / _fine_power(total.still, (rows, columns))
    path = float(np.hypot(*np.diff(shifts, axis=0).T).sum())
    sharper = f"aligned, fine detail has {gained:.2f} times the power"
    told_motion = f"the frames move {path:.1f} pixels along their path; {sharper}"
    flags += [Flag.info("motion_corrected", told_motion), *more]
    facts = {"motion_px": path, "rounds": found.rounds, "power_after_over_before": gained}
    return image, Reduced((), tuple(flags), {"motion": _motion(shifts, errors)}, facts)


def _terms(frames: da.Array, plan: _Plan, compute: Compute) -> NDArray[Any]:
    """The transforms of all frames, cropped to what the binning leaves, in their order."""
    parts: dict[int, Any] = {}

    def keep(start: int, block: Any) -> None:
        parts[start] = block[0]

    compute(each_block(_transformed, frames, plan), keep)
    return np.concatenate([parts[start] for start in sorted(parts)])


def grouped(run: Measurement, size: int | None) -> tuple[da.Array, list[Flag]]:
    """Frames, or sums of `size` of them; frames left over after the last whole group are told."""
    frames = run.data["image"].transpose("frame", "y", "x").data
    if size is None or size == 1:
        if run.provenance.adapter == EER:
            what, parameter = "how many of its frames make a fraction", "micrograph.frames_per_fraction"
            raise MissingMetadataError(what, run.provenance.path, parameter)
        return frames, []
    count = frames.shape[0] // size
    if count < 2:
        what = f"{frames.shape[0]} frames are less than two fractions of {size}"
        raise ImageError(what, "Give fewer frames_per_fraction")
    flags = []
    left = frames.shape[0] - count * size
    if left:
        told = (
            f"the last {left} of {frames.shape[0]} frames make no whole fraction of {size} and are left out"
        )
        flags.append(Flag.caution("frames_left_over", told))
    used = frames[: count * size]
    step = max(1, min(count, int(frames.chunks[0][0]) // size or 1))
    whole = used.rechunk((step * size, -1, -1))
    summed: da.Array = whole.map_blocks(
        _grouped_block,
        size,
        dtype=np.float32,
        chunks=(tuple(each // size for each in whole.chunks[0]), *whole.chunks[1:]),
        meta=np.empty((0, 0, 0), np.float32),
    )
    return summed, flags


def _grouped_block(block: NDArray[Any], size: int) -> NDArray[np.float32]:
    return np.asarray(block.reshape(-1, size, *block.shape[1:]).sum(axis=1, dtype=np.float32))


def gain_for(
    run: Measurement, gain_run: Measurement | None, said: GainParameters
) -> tuple[Gain | None, list[Flag]]:
    """The gain in the orientation that was stated; nothing about it is guessed."""
    if gain_run is None:
        if run.metadata.raw.get("gain_corrected") is not True:
            told = "no gain reference is given: frames are added as they are stored"
            return None, [Flag.info("gain_not_applied", told)]
        return None, []
    path = gain_run.provenance.path
    if said.quarter_turns is None or said.flip is None:
        what, parameter = "how it is turned against the movie", "micrograph.gain.quarter_turns and .flip"
        raise MissingMetadataError(what, path, parameter)
    if said.use is None:
        raise MissingMetadataError(
            "whether frames are multiplied with it or divided by it", path, "micrograph.gain.use"
        )
    reference = oriented(_reference(gain_run), said.quarter_turns, said.flip)
    shape = (run.data.sizes["y"], run.data.sizes["x"])
    if reference.shape != shape:
        raise ImageError(
            f"the gain reference {path} has {reference.shape} pixels, as turned, and the movie {shape}",
            "Give the reference of this camera and binning",
        )
    gain = gain_of(reference, said.use)
    dead = int(gain.dead.sum())
    if dead > 0.01 * gain.dead.size:
        raise ImageError(f"{dead} pixels of the gain reference {path} do not count", "Give another reference")
    how = {"multiply": "multiplied with", "divide": "divided by"}[said.use]
    turned = f"turned by {90 * said.quarter_turns} degrees, flip {said.flip.replace('_', ' ')}"
    filled = f"; {dead} dead pixels are filled from around" if dead else ""
    return gain, [Flag.info("gain_applied", f"frames are {how} {path}, {turned}{filled}")]


def _reference(run: Measurement) -> Floats:
    name = next((each for each in ("image", "counts") if each in run.data), None)
    if name is None or run.data.sizes["frame"] != 1:
        raise ImageError(f"{run.provenance.path} is no single image", "Give a gain reference")
    return np.asarray(run.data[name].isel(frame=0).values, float)


def _exposure(
    run: Measurement, count: int, parameters: MicrographParameters
) -> tuple[Exposure | None, list[Flag]]:
    dose = parameters.dose_per_frame
    if dose is None:
        stated = run.metadata.raw.get("dose_per_frame")
        if stated is None:
            told = "no dose of a frame is given: frames are summed without weights"
            return None, [Flag.info("dose_not_weighted", told)]
        dose = float(stated) * (parameters.frames_per_fraction or 1)
    pixel = needed(run, "pixel_angstrom", parameters.pixel_angstrom)
    voltage = needed(run, "voltage_kv", parameters.voltage_kv)
    near = min(DOSE_SCALES, key=lambda known: abs(known - voltage))
    flags = []
    if abs(near - voltage) > 0.05 * near:
        told = f"fading by dose is known for 300 and 200 kV; at {voltage:g} kV that of {near:g} kV is used"
        flags.append(Flag.caution("dose_curve_of_other_voltage", told))
    doses = np.asarray(parameters.dose_before + dose * np.arange(1, count + 1), float)
    return Exposure(doses, pixel, DOSE_SCALES[near]), flags


def _transformed(frames: NDArray[Any], plan: _Plan) -> NDArray[np.complex64]:
    found = [motion.cropped_transform(corrected(frame, plan.gain), plan.binning) for frame in frames]
    return np.stack(found).astype(np.complex64)


def _added(frames: NDArray[Any], plan: _Plan, first: int) -> _Total:
    total = _Total()
    for number, frame in enumerate(frames, start=first):
        terms = fft.rfft2(corrected(frame, plan.gain))
        moved = motion.moved(terms, frame.shape, plan.shifts[number])
        if plan.exposure is None:
            total.add(_Total(moved, 0, moved, terms, 1))
            continue
        said = plan.exposure
        weight = motion.dose_weight(frame.shape, said.pixel, float(said.doses[number]), said.scale)
        total.add(_Total(weight * moved, weight**2, moved, terms, 1))
    return total


def _image(total: _Total, shape: tuple[int, int], *, weighted: bool) -> Floats:
    # Divided by the root of the squares of the weights, so that noise stays white.
    terms = (
        total.terms / np.sqrt(np.maximum(total.squares, 1e-12) / total.frames) if weighted else total.terms
    )
    return np.asarray(fft.irfft2(terms, shape), float)


def _fine_power(terms: NDArray[Any], shape: tuple[int, int]) -> float:
    """Power between an eighth and a quarter of the sampling frequency, where blur by motion shows."""
    radius = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None])
    return float((np.abs(terms[(radius > 0.05) & (radius < 0.25)]) ** 2).mean())


def _motion(shifts: Floats, errors: Floats) -> xr.Dataset:
    return xr.Dataset(
        {
            "intensity": ("frame", np.hypot(*shifts.T), PIXEL),
            "shift_y": ("frame", shifts[:, 0], PIXEL),
            "shift_x": ("frame", shifts[:, 1], PIXEL),
            "shift_errors": ("frame", errors, PIXEL),
        }
    )
