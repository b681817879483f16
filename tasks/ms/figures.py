"""Plots of a mass spectrum: the profile with its ladders, and the mass that each charge gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1f2d3d"
COLOURS = ("#c0392b", "#2e86ab", "#2a9d5c", "#8e5ea2")


def ladder(profile: xr.Dataset, rungs: xr.Dataset, title: str) -> Figure:
    """The spectrum, every assigned peak marked with its charge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    mz, intensity = profile["mz"].values, profile["intensity"].values
    top = float(intensity.max())
    axes.plot(mz, intensity / top, color=INK, lw=0.6)
    for species in np.unique(rungs["rung_species"].values).astype(int):
        these = rungs.isel(rung=rungs["rung_species"].values == species)
        colour = COLOURS[species % len(COLOURS)]
        x, y = these["rung_mz"].values, these["rung_height"].values / top
        axes.plot(x, y, "v", ms=4, color=colour)
        for at, height, charge in zip(x, y, these["rung_charge"].values, strict=True):
            axes.annotate(
                f"{charge:.0f}", (at, height), (0, 5), textcoords="offset points", ha="center", fontsize=7
            )
    if rungs.sizes["rung"]:
        used = rungs["rung_mz"].values
        margin = 0.15 * (used.max() - used.min())
        axes.set_xlim(used.min() - margin, used.max() + margin)
    axes.set(title=title, xlabel="m/z", ylabel="intensity / highest", ylim=(0, 1.12))
    return figure


def rung_masses(rungs: xr.Dataset, mass: float, error: float, title: str) -> Figure:
    """The mass (Da) that each charge of the strongest ladder gives, and their mean with its uncertainty."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    these = rungs.isel(rung=rungs["rung_species"].values == 0)
    axes.axhspan(mass - error, mass + error, color=COLOURS[1], alpha=0.25)
    axes.axhline(mass, color=COLOURS[1], lw=1)
    axes.plot(these["rung_charge"].values, these["rung_mass"].values, "o", color=INK, ms=4)
    axes.set(title=title, xlabel="charge", ylabel="mass / Da")
    axes.ticklabel_format(axis="y", useOffset=False)
    return figure
