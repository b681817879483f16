"""Which pixels never count: said by the file, by a mask image, or by rectangles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import LayoutError
from adapters.model import Flag

Mask = NDArray[np.bool_]


def combined(
    data: xr.Dataset, given: Mask | None, rectangles: Iterable[tuple[int, int, int, int]], source: str
) -> tuple[Mask, tuple[Flag, ...]]:
    """True where a pixel is bad by the file, by `given`, or by lying in one of the rectangles."""
    shape = (data.sizes["y"], data.sizes["x"])
    bad = np.zeros(shape, bool)
    flags = []
    if "mask" in data:
        bad |= np.asarray(data["mask"].values, bool)
    if given is not None:
        if given.shape != shape:
            raise LayoutError(source, f"the mask is {given.shape}, the image is {shape}")
        bad |= given
    for x0, y0, x1, y1 in rectangles:
        bad[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    share = float(bad.mean())
    if share > 0.5:
        flags.append(Flag.caution("mostly_masked", f"{share:.0%} of the pixels of {source} are masked"))
    return bad, tuple(flags)


def valid_range(data: xr.Dataset, max_counts: float | None) -> tuple[float, float]:
    """Lowest and highest pixel value that is a count, from the detector's conventions.

    The attributes `invalid_below` and `invalid_from` of the counts tell which values
    stand for gaps, dead or overflown pixels; readers set them.
    """
    counts = data["counts"]
    # Finite bounds, so that an infinite pixel is never a count.
    farthest = float(np.finfo(np.float64).max)
    low = float(counts.attrs.get("invalid_below", -farthest))
    beyond = counts.attrs.get("invalid_from")
    high = farthest if beyond is None else float(beyond) - 1.0
    return low, high if max_counts is None else min(high, max_counts)
