"""Repeated frames of one sample become one curve, without those that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Flag
from tasks.saxs.curve import CurveError, Floats, checked, labelled, unit_of
from tasks.saxs.kernels.averaging import Agreement, agreement, mean, relative_scale
from tasks.saxs.parameters import AveragingParameters

NOTABLE_FLICKER = 0.003


@dataclass(frozen=True)
class Dropped:
    """A frame that was left out, by its label in the stack, and why."""

    frame: int
    probability: float
    reason: str


@dataclass(frozen=True)
class Averaged:
    """The mean curve, the labels of the frames in it, those left out, and what to mind."""

    curve: xr.Dataset
    kept: tuple[int, ...]
    dropped: tuple[Dropped, ...]
    flags: tuple[Flag, ...]


def average(stack: xr.Dataset, parameters: AveragingParameters) -> Averaged:
    """Mean of a stack ("frame", "q") over the frames that agree with each other."""
    frames, errors, labels = _values(stack)
    found = _agreement(frames, errors, parameters)
    intensity, error = mean(frames[found.kept], errors[found.kept], weighted=parameters.weighted)
    kept = tuple(int(each) for each in labels[found.kept])
    curve = labelled(
        stack["q"].values,
        intensity,
        error,
        unit_of(stack),
        frames_averaged=len(kept),
        frames_measured=len(labels),
    )
    dropped = tuple(_reason(found, int(k), labels, parameters) for k in np.flatnonzero(~found.kept))
    flags = (*_flags(kept, dropped, parameters), *_flicker(found, frames, errors))
    return Averaged(curve, kept, dropped, flags)


def _values(stack: xr.Dataset) -> tuple[Floats, Floats, NDArray[Any]]:
    checked(stack, ("frame", "q"))
    if stack.sizes["frame"] == 0:
        raise CurveError("there are no frames to average")
    labels: NDArray[Any] = np.asarray(stack["frame"].values)
    frames = np.asarray(stack["intensity"].values, dtype=float)
    errors = np.asarray(stack["intensity_errors"].values, dtype=float)
    return frames, errors, labels


def _agreement(frames: Floats, errors: Floats, parameters: AveragingParameters) -> Agreement:
    count = len(frames)
    if parameters.outliers == "keep_all" or count < 2:
        return Agreement(
            np.ones(count, dtype=bool), np.ones(count), np.zeros(count, dtype=np.intp), np.ones(count)
        )
    scale = relative_scale(frames, errors)
    scale = scale / np.median(scale)
    steady = np.abs(scale - 1) <= parameters.largest_scale_change
    if steady.sum() < 2:
        steady[:] = True
    found = agreement(
        frames[steady],
        errors[steady],
        against=parameters.outliers,
        significance=parameters.significance,
        free_scale=parameters.compare == "shape",
        cumulative=parameters.damage_only_grows,
    )
    kept, probability, run = steady.copy(), np.zeros(count), np.zeros(count, dtype=np.intp)
    kept[steady], probability[steady], run[steady] = found.kept, found.probability, found.run
    return Agreement(kept, probability, run, scale)


def _reason(found: Agreement, k: int, labels: NDArray[Any], parameters: AveragingParameters) -> Dropped:
    probability, scale = float(found.probability[k]), float(found.scale[k])
    if abs(scale - 1) > parameters.largest_scale_change:
        return Dropped(int(labels[k]), probability, f"its scale is {scale:.3f} of the others'")
    if probability >= parameters.significance:
        return Dropped(int(labels[k]), probability, "it follows a frame that differs")
    other = "the first frame" if parameters.outliers == "first" else "the mean of the others"
    reason = (
        f"it keeps to one side of {other} for {found.run[k]} points, by chance with p = {probability:.2g}"
    )
    return Dropped(int(labels[k]), probability, reason)


def _flicker(found: Agreement, frames: Floats, errors: Floats) -> tuple[Flag, ...]:
    if len(frames) < 3 or (found.scale == 1).all():
        return ()
    spread = float(np.std(found.scale[found.kept]))
    # What counting alone does to the scale of a frame.
    pulls = np.divide(frames, errors, out=np.zeros_like(frames), where=errors > 0)
    expected = float(np.median(np.maximum(np.nansum(pulls**2, axis=1), 1.0) ** -0.5))
    if spread < 3 * expected or spread < NOTABLE_FLICKER:
        return ()
    said = f"the scale of the frames varies by {100 * spread:.2g} % (noise explains {100 * expected:.2g} %)"
    return (Flag.caution("scale_varies", f"{said}: was each normalised to its own transmitted beam?"),)


def _flags(
    kept: tuple[int, ...], dropped: tuple[Dropped, ...], parameters: AveragingParameters
) -> tuple[Flag, ...]:
    total = len(kept) + len(dropped)
    flags = []
    if dropped:
        named = ", ".join(str(each.frame) for each in dropped)
        said = f"{len(dropped)} of {total} frames were left out ({named}): {dropped[0].reason}"
        flags.append(
            Flag.caution("frames_dropped", said)
            if 2 * len(dropped) >= total
            else Flag.info("frames_dropped", said)
        )
    if len(dropped) > 1 and min(each.frame for each in dropped) > max(kept):
        said = f"all frames after {max(kept)} differ from the earlier ones, as radiation damage makes them"
        flags.append(Flag.caution("radiation_damage_suspected", said))
    if parameters.outliers == "keep_all" and total > 1:
        flags.append(
            Flag.info("frames_not_compared", f"all {total} frames were averaged without comparing them")
        )
    if total == 2 and not dropped and parameters.outliers == "consensus":
        flags.append(Flag.info("frames_not_compared", "of two frames none can be told to be the outlier"))
    return tuple(flags)
