"""Plots of an absorption spectrum: the edge, and the slope that finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrum(data: xr.Dataset, edge: float, error: float, title: str) -> Figure:
    """The whole spectrum, normalised where it could be, and the slope about the edge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    whole, near = figure.subplots(1, 2)
    name = "normalised" if "normalised" in data else "absorption"
    energy = data["energy"].values
    whole.plot(energy, data[name].values, color="#1d3557", lw=1)
    whole.axvline(edge, color="#c0392b", lw=0.8, ls="--")
    label = "absorption" if name == "absorption" else "normalised absorption"
    whole.set(title=title, xlabel="energy / eV", ylabel=label)
    close = abs(energy - edge) < 60
    near.plot(energy[close], data["slope"].values[close], ".-", color="#2e86ab", lw=1, ms=3)
    near.axvspan(edge - error, edge + error, color="#c0392b", alpha=0.3)
    near.set(title=f"{edge:.1f} eV", xlabel="energy / eV", ylabel="slope / eV⁻¹")
    return figure
