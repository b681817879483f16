"""What a camera must be corrected for before frames are added: its gain, and pixels that are dead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Gain:
    """Factor of each pixel (y, x), and where there is none (True): those pixels are filled from around."""

    factor: Reals
    dead: NDArray[np.bool_]


def oriented(reference: Floats, quarter_turns: int, flip: str) -> Floats:
    """A gain reference (y, x) turned and flipped as the frames are stored.

    Turned counter-clockwise by `quarter_turns` as drawn with the first row at the top, then
    flipped "left_right", "up_down" or not ("none").
    """
    turned = np.rot90(reference, quarter_turns)
    if flip == "left_right":
        return np.asarray(turned[:, ::-1])
    return np.asarray(turned[::-1] if flip == "up_down" else turned)


def gain_of(reference: Floats, use: str) -> Gain:
    """Factors by a reference: "multiply" takes it as it is, "divide" its mean over it.

    Zero, negative and values that are not finite mark pixels that do not count. Cameras of
    Thermo Fisher write references of EER to be divided by, Gatan ones to be multiplied with.
    """
    dead = ~(np.isfinite(reference) & (reference > 0))
    good = np.where(dead, 1.0, reference)
    if use == "divide":
        good = good[~dead].mean() / good if (~dead).any() else good
    return Gain(np.where(dead, 0.0, good).astype(np.float32), dead)


def corrected(frame: NDArray[Any], gain: Gain | None) -> Reals:
    """A frame (y, x) in counts times its gain; dead pixels get the mean of the living in 5 x 5 around."""
    values = frame.astype(np.float32)
    if gain is None:
        return values
    values *= gain.factor
    if gain.dead.any():
        living = ndimage.uniform_filter((~gain.dead).astype(np.float32), 5, mode="reflect")
        around = ndimage.uniform_filter(values, 5, mode="reflect")
        middle = float(values[~gain.dead].mean()) if (~gain.dead).any() else 0.0
        fill = np.where(living > 1e-3, around / np.maximum(living, 1e-3), middle)
        values[gain.dead] = fill[gain.dead]
    return values
