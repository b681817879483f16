"""Charge states: one mass shows as a ladder of peaks, m/z = mass/z + the mass of a charge carrier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ms.kernels.peaks import Peaks

Floats = NDArray[np.float64]

PROTON = 1.007276
# Of the distance to the next charge: a peak farther from its rung than this does not stand on it.
REACH = 0.12
ANCHORS = 12


@dataclass(frozen=True)
class Ladder:
    """A mass (Da) with its rungs: charge, m/z, height, and the mass each rung alone gives (n,).

    `error` is the standard error from the scatter of the rungs; `share` the part of
    all peak heights that the ladder explains.
    """

    mass: float
    error: float
    charges: NDArray[np.int_]
    mz: Floats
    heights: Floats
    masses: Floats
    widths: Floats
    share: float


def mass_of(mz: Floats, charges: NDArray[np.int_], carrier: float = PROTON) -> Floats:
    """Neutral mass (Da) of peaks (n,) with `charges` (n,), each charge a `carrier` (Da)."""
    return np.asarray(charges * (mz - carrier))


def ladders(
    peaks: Peaks,
    *,
    highest_charge: int = 200,
    least_rungs: int = 3,
    least_share: float = 0.05,
    species: int = 4,
    carrier: float = PROTON,
) -> list[Ladder]:
    """The ladders that explain the most of the peaks, the strongest first; their peaks are used once.

    Every pair of a strong peak and a charge is tried as the anchor of a ladder; a
    ladder is a run of consecutive charges without a gap. Its worth is the height of
    its peaks, each weighted by how near it lies to its rung after the mass was
    refined, so that a charge wrong by one, whose rungs drift apart, loses.

    Notes
    -----
    A ladder of half the charges explains every second peak only, one of twice the
    charges lacks every second rung; both lose against the true one.
    """
    total = float(peaks.height.sum())
    found: list[Ladder] = []
    while len(found) < species and len(peaks) >= least_rungs:
        best = _best(peaks, highest_charge, least_rungs, carrier)
        if best is None:
            break
        used, charges = best
        ladder = _ladder(peaks, used, charges, carrier, total)
        if ladder.share < least_share:
            break
        found.append(ladder)
        mask = np.zeros(len(peaks), bool)
        mask[used] = True
        peaks = peaks.without(mask)
    return found


def _best(
    peaks: Peaks, highest: int, least: int, carrier: float
) -> tuple[NDArray[np.int_], NDArray[np.int_]] | None:
    best, worth = None, 0.0
    for anchor in np.argsort(peaks.height)[::-1][:ANCHORS]:
        for charge in range(1, highest + 1):
            used, charges = _climbed(peaks, int(anchor), charge, highest, carrier)
            if len(used) < least:
                continue
            value = _worth(peaks, used, charges, carrier)
            if value > worth * (1 + 1e-9):
                best, worth = (used, charges), value
    return best


def _climbed(
    peaks: Peaks, anchor: int, charge: int, highest: int, carrier: float
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    mass = charge * (peaks.mz[anchor] - carrier)
    used, charges = [anchor], [charge]
    for direction in (1, -1):
        at = charge + direction
        while 1 <= at <= highest:
            expected = mass / at + carrier
            near = int(np.abs(peaks.mz - expected).argmin())
            if abs(peaks.mz[near] - expected) > REACH * mass / at / (at + 1) or near in used:
                break
            used.append(near)
            charges.append(at)
            at += direction
    order = np.argsort(charges)
    return np.array(used)[order], np.array(charges)[order]


def _worth(peaks: Peaks, used: NDArray[np.int_], charges: NDArray[np.int_], carrier: float) -> float:
    height = peaks.height[used]
    mass = np.average(mass_of(peaks.mz[used], charges, carrier), weights=height)
    away = (peaks.mz[used] - mass / charges - carrier) / (REACH * mass / charges / (charges + 1))
    return float((height * np.maximum(0.0, 1 - away**2)).sum())


def _ladder(
    peaks: Peaks, used: NDArray[np.int_], charges: NDArray[np.int_], carrier: float, total: float
) -> Ladder:
    mz, height = peaks.mz[used], peaks.height[used]
    masses = mass_of(mz, charges, carrier)
    mass, error = weighted_mean(masses, height)
    widths = peaks.width[used] * charges
    return Ladder(mass, error, charges, mz, height, masses, widths, float(height.sum()) / total)


def weighted_mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """Mean of `values` (n,) by `weights`, and its standard error from their scatter.

    The variance is the unbiased one for weights that tell reliability,
    sum w (x - mean)² / (V1 - V2 / V1) with V1 = sum w, V2 = sum w², times V2 / V1²
    for the mean; for equal weights it is the textbook s²/n.
    """
    first, second = float(weights.sum()), float((weights**2).sum())
    mean = float(np.average(values, weights=weights))
    variance = float((weights * (values - mean) ** 2).sum()) / (first - second / first)
    return mean, float(np.sqrt(variance * second / first**2))
