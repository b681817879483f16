"""Plots of a volume of electrons: its projections on pairs and single axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#2e86ab"


def plane(volume: xr.Dataset, first: str, second: str, title: str) -> Figure:
    """The counts over two axes, all others added up."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.8), layout="constrained")
    axes = figure.subplots()
    others = [dim for dim in volume["intensity"].dims if dim not in (first, second)]
    seen = volume["intensity"].sum(others).transpose(second, first)
    # A few cells at the rim hold more than all others; they must not take the whole scale.
    top = max(float(np.percentile(seen.values, 99.8)), 1.0)
    shown = axes.pcolormesh(
        seen[first].values, seen[second].values, seen.values, cmap="viridis", shading="nearest", vmax=top
    )
    axes.set(title=title, xlabel=_label(volume, first), ylabel=_label(volume, second))
    figure.colorbar(shown, ax=axes, label="electrons")
    return figure


def line(volume: xr.Dataset, name: str, title: str) -> Figure:
    """The counts over one axis with their uncertainty, all others added up."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    seen = volume["intensity"].sum([dim for dim in volume["intensity"].dims if dim != name])
    at, counts = seen[name].values, seen.values
    axes.fill_between(
        at, counts - np.sqrt(counts), counts + np.sqrt(counts), step="mid", color=BLUE, alpha=0.3
    )
    axes.step(at, counts, where="mid", color=BLUE, lw=1)
    axes.set(title=title, xlabel=_label(volume, name), ylabel="electrons")
    return figure


def _label(volume: xr.Dataset, name: str) -> str:
    unit = volume[name].attrs.get("units", "")
    if name == "tof" and unit == "dimensionless":
        return "time of flight / step"
    word = "time of flight" if name == "tof" else name.replace("_", " ")
    return word if unit in ("", "dimensionless") else f"{word} / {unit}"
