"""Plots of reflections: signal over noise by resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def signal(data: xr.Dataset, reached: float, least: float, title: str) -> Figure:
    """Mean I / sigma by shell, with the level and the spacing at which the data are taken to end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    x = 1.0 / data["d_min"].values ** 2
    axes.plot(x, data["mean_i_over_sigma"].values, "o-", color="#1d3557", ms=4)
    axes.axhline(least, color="#8d99ae", lw=0.8, ls="--")
    axes.axvline(1.0 / reached**2, color="#c0392b", lw=0.8)
    axes.set(title=title, xlabel="d / Å", ylabel="mean I / σ(I)", yscale="log")
    ticks = [d for d in (8, 4, 3, 2.5, 2, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8) if 1.0 / d**2 <= x.max() * 1.02]
    axes.set_xticks([1.0 / d**2 for d in ticks], [f"{d:g}" for d in ticks])
    return figure
