"""Plots of a fluorescence spectrum with its peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrum(data: xr.Dataset, peaks: xr.Dataset, title: str) -> Figure:
    """Counts over channel, or over energy where it is known, peaks marked, and named where known."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.subplots()
    known = "energy" in data.coords
    x = data["energy" if known else "channel"].values
    y = data["spectra"].values[0]
    axes.plot(x, np.maximum(y, 0.5), color="#1d3557", lw=0.8)
    axes.plot(x, np.maximum(data["background"].values[0], 0.5), color="#8d99ae", lw=0.8)
    at = peaks["peak_energy" if known else "position"].values
    tops = np.interp(at, x, y)
    axes.plot(at, tops, "v", color="#c0392b", ms=4)
    for place, (where, top) in enumerate(zip(at, tops, strict=True)):
        name = str(peaks["line"].values[place])
        if name:
            axes.annotate(
                name, (where, top), (0, 6), textcoords="offset points", ha="center", fontsize=7, rotation=90
            )
    axes.set(yscale="log", title=title, xlabel="energy / keV" if known else "channel", ylabel="counts")
    axes.set_ylim(top=6 * float(y.max()))
    return figure
