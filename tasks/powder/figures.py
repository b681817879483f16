"""Plots of powder diffraction: the pattern with its peaks, and how far they are from the lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MARK, GRID = "#1d3557", "#c0392b", "#8d99ae"
LABELS = {"q": "q / Å⁻¹", "two_theta": "2θ / °"}


def pattern(curve: xr.Dataset, peaks: xr.Dataset, title: str) -> Figure:
    """Intensity over the axis with the background below it; peaks on the lattice are named."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axes = figure.subplots()
    axis = "q" if "q" in curve.coords else "two_theta"
    x, y = curve[axis].values, curve["intensity"].values[0]
    axes.plot(x, y, color=INK, lw=0.8)
    axes.plot(x, curve["background"].values[0], color=GRID, lw=0.8)
    position = peaks["position"].values
    tops = np.interp(position, x, y)
    named = "h" in peaks and (peaks["h"].values != 0)
    on_lattice = np.broadcast_to(named, position.shape)
    axes.plot(position[on_lattice], tops[on_lattice], "v", color=MARK, ms=5)
    axes.plot(position[~on_lattice], tops[~on_lattice], "x", color=GRID, ms=5)
    for at, top, place in zip(position, tops, range(len(position)), strict=True):
        if on_lattice[place]:
            name = "".join(str(int(peaks[index].values[place])) for index in "hkl")
            axes.annotate(
                name, (at, top), (0, 6), textcoords="offset points", ha="center", fontsize=7, rotation=90
            )
    positive = y[y > 0]
    if positive.size:
        axes.set_yscale("log")
        axes.set_ylim(0.7 * np.percentile(positive, 1), 4 * positive.max())
    axes.set(title=title, xlabel=LABELS[axis], ylabel="intensity / arbitrary unit")
    return figure


def residuals(peaks: xr.Dataset, title: str) -> Figure:
    """Observed minus calculated positions of the peaks on the lattice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    on_lattice = peaks["h"].values != 0
    unit = peaks["residual"].attrs["units"]
    axes.axhline(0, color=GRID, lw=0.8)
    axes.errorbar(
        peaks["position"].values[on_lattice],
        peaks["residual"].values[on_lattice],
        peaks["position_errors"].values[on_lattice],
        fmt="o",
        ms=3,
        color=INK,
        lw=1,
    )
    spelled = {"degree": "°", "1/angstrom": "Å⁻¹"}[unit]
    axes.set(title=title, xlabel=f"peak position / {spelled}", ylabel=f"observed - calculated / {spelled}")
    return figure
