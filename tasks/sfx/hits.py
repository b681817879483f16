"""Frames of a detector to Bragg peaks, and the share of frames that are hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.blocks import each_block
from tasks.common.modules import Places, usable
from tasks.sfx.kernels.peaks import COLUMNS, PeakPlan, find_peaks, hit_fraction, plan_peaks
from tasks.sfx.parameters import HitParameters, PeakParameters

if TYPE_CHECKING:
    import dask.array as da

UNITS = {"x": "pixel", "y": "pixel", "total": "arbitrary", "highest": "arbitrary", "snr": "dimensionless"}


@dataclass(frozen=True)
class BlockPeaks:
    """What one block of frames gives: peaks of each frame, and the table of those kept."""

    counts: NDArray[np.int64]
    peaks: NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """Findings, flags, and the tables of frames and peaks."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    table: xr.Dataset


def planned(places: Places, parameters: PeakParameters) -> PeakPlan:
    """The plan of rings for a detector whose pixels stand at `places`."""
    return plan_peaks(
        np.where(places.bad, np.nan, places.radii()),
        places.bad,
        ring_width=parameters.ring_width,
        samples=parameters.samples,
        seed=parameters.seed,
        threshold=parameters.threshold,
        snr=parameters.snr,
        least=parameters.least_pixels,
        most=parameters.most_pixels,
        radius=parameters.background_radius,
        most_peaks=parameters.most_peaks,
    )


def peaks_of_blocks(run: Measurement, plan: PeakPlan) -> da.Array:
    """Peaks of every block of frames, lazily: one `BlockPeaks` a block."""
    mask = run.data["mask"].data if "mask" in run.data and run.data["mask"].ndim == 4 else None
    return each_block(_block, run.data["counts"].data, plan, mask)


def _block(frames: NDArray[Any], plan: PeakPlan, mask: NDArray[Any] | None) -> BlockPeaks:
    return BlockPeaks(*find_peaks(usable(frames, mask), plan))


def gathered(
    run: Measurement, places: Places, blocks: Sequence[tuple[int, BlockPeaks]], parameters: HitParameters
) -> Hits:
    """All blocks, each with the place of its first frame, to hits and their share."""
    looked = np.asarray(run.data["present"].values.any(axis=1), bool)
    counts = np.zeros(len(looked), np.int64)
    tables = [np.empty((0, 1 + len(COLUMNS)))]
    for start, block in sorted(blocks, key=lambda pair: pair[0]):
        counts[start : start + len(block.counts)] = block.counts
        tables.append(block.peaks + np.array([start] + [0] * len(COLUMNS)))
    table = np.concatenate(tables)
    hit = looked & (counts >= parameters.least_peaks)
    flags: list[Flag] = []
    if cut := int((counts > parameters.peaks.most_peaks).sum()):
        said = f"{cut} frames have more than {parameters.peaks.most_peaks} peaks; the others are counted only"
        flags.append(Flag.caution("peaks_cut", said))
    if empty := int((~looked).sum()):
        flags.append(Flag.info("frames_empty", f"{empty} frames without any module are not counted"))
    findings: list[Finding] = []
    if looked.any():
        share, error = hit_fraction(int(hit.sum()), int(looked.sum()))
        told = (
            f"{int(hit.sum())} of {int(looked.sum())} frames have {parameters.least_peaks} peaks or more",
            f"peaks stand {parameters.peaks.snr:g} standard deviations above their ring and surroundings",
            "binomial, with the prior of Jeffreys for the uncertainty",
        )
        findings.append(
            Finding("hit_fraction", share, error, "dimensionless", "Bragg peaks by ring statistics", told)
        )
    else:
        flags.append(Flag.invalid("no_frames", "there is no frame to look at"))
    data = _table(run, places, counts, hit, looked, table)
    return Hits(tuple(findings), merged(run.flags, flags), data)


def _table(
    run: Measurement,
    places: Places,
    counts: NDArray[np.int64],
    hit: NDArray[np.bool_],
    looked: NDArray[np.bool_],
    table: NDArray[np.float64],
) -> xr.Dataset:
    one = {"units": "dimensionless"}
    data: dict[str, Any] = {
        "hit": ("frame", hit.astype(float), one),
        "peaks": ("frame", counts, one),
        "looked_at": ("frame", looked, one),
        "peak_frame": ("peak", table[:, 0].astype(np.int64), one),
    }
    for name in ("frame_train", "frame_pulse"):
        if name in run.data.coords:
            data[name] = ("frame", run.data[name].values, one)
    for place, name in enumerate(COLUMNS, start=1):
        data[f"peak_{name}"] = ("peak", table[:, place], {"units": UNITS.get(name, "dimensionless")})
    height = run.data.sizes["y"]
    row = np.clip(np.round(table[:, 2]), 0, None).astype(int)
    column = np.clip(np.round(table[:, 1]), 0, run.data.sizes["x"] - 1).astype(int)
    where = places.positions.reshape(-1, run.data.sizes["x"], 3)[
        np.minimum(row, height * places.bad.shape[0] - 1), column
    ]
    data["peak_module"] = ("peak", row // height, one)
    for place, axis in enumerate("xy"):
        data[f"peak_position_{axis}"] = ("peak", where[:, place], {"units": "m"})
    return xr.Dataset(data)
