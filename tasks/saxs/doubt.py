"""What speaks against taking a curve for that of single, equal, independent particles, as flags."""

from __future__ import annotations

import numpy as np

from adapters.model import Flag
from tasks.saxs.curve import Floats
from tasks.saxs.kernels import disorder
from tasks.saxs.kernels.guinier import Guinier
from tasks.saxs.kernels.indirect import Distances

SIGNIFICANT = 3.0
# Deviations below this share of I(0) change no conclusion, however significant.
NOTABLE = 0.02
LATE_START = 0.65
POOR_FIT = 1.5


def doubts(
    points: tuple[Floats, Floats, Floats], guinier: Guinier | None, distances: Distances | None
) -> tuple[Flag, ...]:
    """All flags that the curve, its Guinier fit and its P(r) give rise to."""
    flags: list[Flag] = []
    if guinier is not None:
        flags += _guinier_flags(points, guinier)
    if distances is not None:
        flags += _distance_flags(points, distances)
    flags += _aggregation(points, guinier, distances)
    if guinier is not None and distances is not None:
        flags += _agreement(guinier, distances)
    return tuple(flags)


def _guinier_flags(points: tuple[Floats, Floats, Floats], guinier: Guinier) -> list[Flag]:
    flags = []
    start = points[0][guinier.first] * guinier.radius
    if start > LATE_START:
        said = (
            f"the Guinier range starts at q Rg = {start:.2f}, not below {LATE_START}: Rg rests on few points"
        )
        flags.append(Flag.caution("guinier_starts_late", said))
    relative, significance = disorder.low_q_deviation(*points, guinier)
    if significance < -SIGNIFICANT and relative < -NOTABLE:
        under = f"{-100 * relative:.0f} % under its line"
        said = (
            f"the {guinier.first} points below the Guinier range lie {under} "
            f"({-significance:.1f} standard errors): particles repel each other; dilute"
        )
        flags.append(Flag.caution("interparticle_repulsion_suspected", said))
    return flags


def _distance_flags(points: tuple[Floats, Floats, Floats], distances: Distances) -> list[Flag]:
    flags = []
    if distances.chi2 > POOR_FIT:
        said = (
            f"P(r) fits with reduced chi-square {distances.chi2:.2f}: errors too small, or no single particle"
        )
        flags.append(Flag.caution("distances_fit_poor", said))
    depth = float(np.min(distances.p / np.maximum(distances.p_errors, 1e-300)))
    if depth < -SIGNIFICANT and distances.p.min() < -NOTABLE * distances.p.max():
        said = f"P(r) falls below zero by {-depth:.1f} standard errors: repulsion, or too much subtracted"
        flags.append(Flag.caution("negative_distances", said))
    sizes, share = distances.evidence_sizes, distances.evidence
    if len(sizes) > 1 and share[-1] > 0.01:
        said = f"the largest dimension is not bounded: {sizes[-1]:.0f} angstrom fits as well as any smaller"
        flags.append(Flag.invalid("dimension_not_bounded", said))
    if points[0][0] * distances.dimension > np.pi:
        size = f"{distances.dimension:.0f} angstrom"
        said = f"q starts at {points[0][0]:.3g} 1/angstrom, too late for a particle of {size}"
        flags.append(Flag.caution("q_starts_late", said))
    return flags


def _aggregation(
    points: tuple[Floats, Floats, Floats], guinier: Guinier | None, distances: Distances | None
) -> list[Flag]:
    signs = []
    if guinier is not None:
        relative, significance = disorder.low_q_deviation(*points, guinier)
        if significance > SIGNIFICANT and relative > NOTABLE:
            over = f"{100 * relative:.0f} % over its line"
            signs.append(
                f"the {guinier.first} points below the Guinier range lie {over} "
                f"({significance:.1f} standard errors)"
            )
    if distances is not None:
        signs += _too_large(points[0], distances)
    if not signs:
        return []
    said = "; ".join(signs) + ". The sizes and masses are those of a mixture, or of an assembly"
    return [(Flag.invalid if len(signs) > 1 else Flag.caution)("aggregation_suspected", said)]


def _too_large(q: Floats, distances: Distances) -> list[str]:
    signs = []
    minimum = disorder.first_minimum(distances, q[0], min(q[-1], 8 / distances.radius))
    if minimum is not None and minimum * distances.radius > disorder.ROUND_BODY:
        small = f"{3.5 / minimum:.0f} angstrom"
        signs.append(
            f"the minimum at q {minimum:.3g} 1/angstrom belongs to a round body of Rg below {small}, "
            f"but Rg is {distances.radius:.0f}"
        )
    place, share = disorder.second_lobe(distances)
    if share > 0:
        signs.append(f"P(r) has a further lobe at {place:.0f} angstrom with {100 * share:.0f} % of its area")
    return signs


def _agreement(guinier: Guinier, distances: Distances) -> list[Flag]:
    gap = distances.radius - guinier.radius
    error = float(np.hypot(distances.radius_error, np.hypot(guinier.radius_error, guinier.radius_truncation)))
    if abs(gap) <= SIGNIFICANT * error or abs(gap) <= NOTABLE * guinier.radius:
        return []
    said = (
        f"Rg is {guinier.radius:.2f} by Guinier and {distances.radius:.2f} angstrom by P(r), "
        f"{abs(gap) / error:.1f} standard errors apart: the sample is not of one kind, or particles interact"
    )
    return [Flag.caution("not_monodisperse", said)]
