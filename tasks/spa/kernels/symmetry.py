"""How far a map is like itself after a turn about one of its axes, wherever the axis passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Floats = NDArray[np.float64]

AXES = {"z": (1, 2), "y": (0, 2), "x": (0, 1)}


@dataclass(frozen=True)
class Turn:
    """A turn by 1/`fold` about `axis`, and the correlation of the map with itself after it."""

    axis: str
    fold: int
    correlation: float


def turns(density: Floats, folds: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)) -> list[Turn]:
    """Correlation of a cubic map (n, n, n) with itself after each turn about z, y and x.

    The best shift after the turn is found by Fourier correlation, so an axis beside the
    middle of the box is found too. Half turns only flip axes, and so are exact.
    """
    centred = np.asarray(density, float) - float(np.mean(density))
    reference = fft.rfftn(centred)
    norm = float((centred**2).sum())
    if norm == 0:
        raise ValueError("a map without any density has no symmetry to find")
    return [
        Turn(axis, fold, _likeness(centred, reference, norm, plane, fold))
        for axis, plane in AXES.items()
        for fold in folds
    ]


def _likeness(
    density: Floats, reference: NDArray[np.complex128], norm: float, plane: tuple[int, int], fold: int
) -> float:
    turned = _turned(density, plane, fold)
    away = fft.irfftn(reference * fft.rfftn(turned).conj(), density.shape)
    return float(away.max() / np.sqrt(norm * float((turned**2).sum())))


def _turned(density: Floats, plane: tuple[int, int], fold: int) -> Floats:
    if fold in (1, 2, 4):
        return np.asarray(np.rot90(density, 4 // fold, axes=plane))
    return np.asarray(ndimage.rotate(density, 360 / fold, axes=plane, reshape=False, order=1))


def point_group(found: list[Turn], least: float) -> str:
    """Schoenflies name of what the turns say: C1, Cn about one axis, Dn with half turns across it.

    A turn by 1/n implies those by the divisors of n, so the highest fold names the axis.
    Cubic groups and axes that are not those of the grid are not looked for.
    """
    highest = {
        axis: max((t.fold for t in found if t.axis == axis and t.correlation >= least), default=1)
        for axis in AXES
    }
    axis = max(highest, key=lambda name: highest[name])
    fold = highest[axis]
    if fold == 1:
        return "C1"
    across = [other for other in AXES if other != axis and _has(found, other, 2, least)]
    return f"D{fold}" if across else f"C{fold}"


def _has(found: list[Turn], axis: str, fold: int, least: float) -> bool:
    return any(t.axis == axis and t.fold == fold and t.correlation >= least for t in found)
