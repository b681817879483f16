"""Plots by residue: NOE, rates and correlation times, and how far resonances move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import rounded
from tasks.nmr.figures import COLOURS, INK
from tasks.nmr.selection import residue_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMES = 40
NAMED = 12


def _places(table: xr.Dataset) -> tuple[NDArray[np.float64], bool]:
    """Residue numbers, or the order in the table where some peak has none or shares its number."""
    found = [residue_of(str(name)) for name in table["assignment"].values]
    if None in found or len(set(found)) != len(found):
        return np.arange(len(found), dtype=float), False
    return np.array(found, float), True


def _label(axes: Any, table: xr.Dataset, places: NDArray[np.float64], numbered: bool) -> None:
    names = table["assignment"].values
    if numbered and len(names) > MOST_NAMES // 2:
        axes.set_xlabel("residue")
        return
    step = max(1, len(places) // MOST_NAMES)
    axes.set_xticks(places[::step], names[::step], rotation=90, fontsize=7)


def noes(table: xr.Dataset, title: str) -> Figure:
    """The NOE of every accepted peak with its uncertainty; above the line, the backbone is rather rigid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    axes = figure.subplots()
    good = table.isel(peak=table["refused"].values == "")
    places, numbered = _places(good)
    errors = good["noe_errors"].values
    known = np.isfinite(errors)
    axes.axhline(0.65, color=COLOURS[4], lw=0.8, ls="--", label="0.65: flexible below")
    if (~known).any():
        said = "uncertainty unknown"
        axes.plot(places[~known], good["noe"].values[~known], "o", color=INK, mfc="white", ms=4, label=said)
    axes.errorbar(places[known], good["noe"].values[known], errors[known], fmt="o", color=INK, ms=4, lw=1)
    _label(axes, good, places, numbered)
    low = float(np.nanmin([0.0, *good["noe"].values])) if good.sizes["peak"] else 0.0
    high = max(1.05, float(np.nanmax([0.0, *good["noe"].values])) * 1.08)
    axes.set(title=title, ylabel="heteronuclear NOE", ylim=(min(0.0, 1.1 * low), high))
    axes.legend(fontsize=8, loc="lower right")
    return figure


def tumbling(table: xr.Dataset, title: str, mean: float | None, error: float | None) -> Figure:
    """R1, R2 and the correlation time of every residue; those left out are open, the mean is a band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    places, numbered = _places(table)
    kept = table["left_out"].values == ""
    for axes, (name, label) in zip(
        panels,
        (("r1", "R1 / s⁻¹"), ("r2", "R2 / s⁻¹"), ("correlation_time", "correlation time / ns")),
        strict=True,
    ):
        values, errors = table[name].values, table[f"{name}_errors"].values
        for chosen, fill, said in ((kept, INK, "used"), (~kept, "white", "left out")):
            if chosen.any():
                axes.errorbar(
                    places[chosen], values[chosen], errors[chosen], fmt="o", color=INK, mfc=fill, ms=4, lw=1,
                    label=said,
                )  # fmt: skip
        axes.set_ylabel(label)
    if mean is not None and error is not None:
        panels[2].axhspan(mean - error, mean + error, color=COLOURS[1], alpha=0.25, lw=0)
        panels[2].axhline(mean, color=COLOURS[1], lw=1, label=f"{rounded(mean, error)} ns")
    low, high = panels[2].get_ylim()
    # The legend stands above the points.
    panels[2].set_ylim(low, high + 0.3 * (high - low))
    panels[2].legend(fontsize=8, ncols=3, loc="upper right")
    _label(panels[2], table, places, numbered)
    panels[0].set_title(title)
    return figure


def perturbations(table: xr.Dataset, threshold: float, title: str) -> Figure:
    """How far every amide moves, as bars by residue; those above the threshold stand out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    axes = figure.subplots()
    places, numbered = _places(table)
    values, errors = table["perturbation"].values, table["perturbation_errors"].values
    colours = np.where(table["significant"].values, COLOURS[0], COLOURS[1])
    axes.bar(places, values, color=colours, width=0.8)
    known = np.isfinite(errors)
    axes.errorbar(places[known], values[known], errors[known], fmt="none", ecolor=INK, lw=0.6)
    axes.axhline(threshold, color=INK, lw=0.8, ls="--", label=f"threshold {threshold:.3g} ppm")
    _label(axes, table, places, numbered)
    axes.set(title=title, ylabel="weighted shift difference / ppm")
    axes.set_ylim(0, 1.12 * max(float(values.max()), threshold) or 1.0)
    axes.legend(fontsize=8)
    return figure


def moves(table: xr.Dataset, title: str) -> Figure:
    """Both states in the plane of their shifts, joined by arrows; the resonances that move most are named."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.2), layout="constrained")
    axes = figure.subplots()
    proton, nitrogen = table["proton"].values, table["nitrogen"].values
    axes.plot(proton[0], nitrogen[0], "o", color=COLOURS[1], ms=4, label="reference")
    axes.plot(proton[1], nitrogen[1], "o", color=COLOURS[0], ms=4, mfc="none", label="sample")
    axes.plot(proton, nitrogen, color=INK, lw=0.6)
    order = np.argsort(-table["perturbation"].values)
    for number in [k for k in order if table["significant"].values[k]][:NAMED]:
        axes.annotate(
            str(table["assignment"].values[number]), (proton[1, number], nitrogen[1, number]), (5, 5),
            textcoords="offset points", fontsize=7,
        )  # fmt: skip
    axes.invert_xaxis()
    axes.invert_yaxis()
    axes.set(title=title, xlabel="1H shift / ppm", ylabel="15N shift / ppm")
    axes.legend(fontsize=8)
    return figure
