"""Frames of several modules to their sum, their brightest pixels, and one azimuthal curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Flag, Measurement, merged
from tasks.common.blocks import each_block
from tasks.common.kernels.rings import RingPlan
from tasks.common.modules import ModuleRings, frame_rings, mean_of_frames, usable

if TYPE_CHECKING:
    import dask.array as da

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BlockSums:
    """What one block of frames adds: pixel sums, how many, the highest; rings of each frame (n, 2, r)."""

    total: Floats
    number: NDArray[np.int64]
    highest: Floats
    rings: Floats

    def plus(self, other: BlockSums) -> BlockSums:
        """Both together but for the rings, which stay with their frames."""
        return BlockSums(
            self.total + other.total,
            self.number + other.number,
            np.fmax(self.highest, other.highest),
            self.rings,
        )


@dataclass(frozen=True)
class Powder:
    """Flags, the curve over q, and the images over module, y, x."""

    flags: tuple[Flag, ...]
    curve: xr.Dataset
    image: xr.Dataset


def block_sums(run: Measurement, prepared: ModuleRings) -> da.Array:
    """Sums of every block of frames, lazily: one `BlockSums` a block."""
    mask = run.data["mask"].data if "mask" in run.data and run.data["mask"].ndim == 4 else None
    return each_block(_block, run.data["counts"].data, prepared.plan, mask)


def _block(frames: NDArray[Any], plan: RingPlan, mask: NDArray[Any] | None) -> BlockSums:
    values = usable(frames, mask)
    good = np.isfinite(values)
    if plan.high < float(np.finfo(np.float32).max):
        good &= values <= plan.high
    total = np.where(good, values, 0).sum(axis=0, dtype=np.float64)
    highest = np.where(good, values, -np.inf).max(axis=0).astype(np.float64)
    highest[~good.any(axis=0)] = np.nan
    return BlockSums(total, good.sum(axis=0, dtype=np.int64), highest, frame_rings(values, plan))


def powder(
    run: Measurement,
    prepared: ModuleRings,
    whole: BlockSums,
    blocks: Sequence[tuple[int, Floats]],
) -> Powder:
    """The curve and images from the sum over blocks and the rings of all frames, by first frame."""
    rings = np.concatenate([each for _, each in sorted(blocks, key=lambda pair: pair[0])])
    intensity, error = mean_of_frames(rings[:, 0], rings[:, 1])
    flags: list[Flag] = []
    if len(rings) < 2:
        said = "a single frame has no scatter, so the curve has no uncertainty"
        flags.append(Flag.caution("single_frame", said))
    edges = prepared.edges
    unit = {"units": "arbitrary"}
    curve = xr.Dataset(
        {
            "intensity": ("q", intensity, unit),
            "intensity_errors": ("q", error, unit),
            "weight": ("q", rings[:, 1].sum(axis=0), {"units": "dimensionless"}),
        },
        coords={"q": ("q", (edges[1:] + edges[:-1]) / 2, {"units": "1/angstrom"})},
    )
    dims = ("module", "y", "x")
    seen = whole.number > 0
    image = xr.Dataset(
        {
            "total": (dims, np.where(seen, whole.total, np.nan), unit),
            "mean": (dims, np.where(seen, whole.total / np.where(seen, whole.number, 1), np.nan), unit),
            "highest": (dims, whole.highest, unit),
            "frames": (dims, whole.number, {"units": "dimensionless"}),
        }
    )
    return Powder(merged(run.flags, prepared.flags, flags), curve, image)
