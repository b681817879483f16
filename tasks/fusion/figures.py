"""The picture of an agreement: every claim with its uncertainty, and the consensus across them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT, CALM, PALE = "#1f2d3d", "#c0392b", "#2e86ab", "#9aa5b1"
LONGEST = 56


def forest(quantity: str, answer: Mapping[str, Any]) -> Figure:
    """Claims from top to bottom, the consensus as a band; odd ones red, those set aside pale."""
    from matplotlib.figure import Figure

    claims = answer["claims"]
    figure = Figure(figsize=(7.6, 1.5 + 0.36 * max(len(claims), 1)), layout="constrained")
    axes = figure.subplots()
    if answer["consensus"] is not None:
        middle, error = answer["consensus"], answer["uncertainty"] or 0.0
        axes.axvspan(middle - error, middle + error, color=CALM, alpha=0.25, lw=0)
        axes.axvline(middle, color=CALM, lw=1)
    labels = []
    for row, claim in enumerate(claims):
        name = f"{claim['source']}: {claim['method']}"
        labels.append(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")
        colour = ACCENT if name in answer["odd"] else PALE if claim["set_aside"] else INK
        axes.errorbar(
            claim["value"],
            row,
            xerr=claim["uncertainty"] or 0.0,
            fmt="o",
            ms=4,
            capsize=2,
            color=colour,
            lw=1.2,
        )
    axes.set_yticks(range(len(claims)), labels, fontsize=8)
    axes.set_ylim(len(claims) - 0.4, -0.6)
    unit = "" if answer["unit"] == "dimensionless" else f" / {answer['unit']}"
    axes.set(xlabel=f"{quantity.replace('_', ' ')}{unit}", title=f"{answer['verdict']}")
    return figure
