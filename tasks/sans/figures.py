"""Plots of a SANS reduction: the curve, the table it came from, the beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curve(data: xr.Dataset, title: str) -> Figure:
    """I(q) with its errors, and below what share of the error the beam has."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    q, values, errors = (data[name].values for name in ("q", "intensity", "intensity_errors"))
    there = values > 0
    above.errorbar(
        q[there], values[there], errors[there], fmt=".", ms=4, lw=0.8, color="#2e86ab", ecolor="#9fc5d8"
    )
    unit = data["intensity"].attrs["units"].replace("1/cm", "cm⁻¹").replace("arbitrary", "arbitrary unit")
    above.set(xscale="log", yscale="log", ylabel=f"I(q) / {unit}", title=title)
    with np.errstate(all="ignore"):
        for name, color, label in (
            ("counting_errors", "#2e86ab", "counting"),
            ("beam_errors", "#c0392b", "beam"),
        ):
            if name in data:
                below.plot(q, 100 * data[name].values / np.abs(values), color=color, lw=1, label=label)
    below.set(yscale="log", xlabel="q / Å⁻¹", ylabel="error / %")
    below.legend(frameon=False, fontsize=8)
    return figure


def table(counts: xr.Dataset, title: str) -> Figure:
    """Counts over wavelength and q."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    values = counts["counts"].values.astype(float)
    shown = axes.pcolormesh(
        counts["q"].values,
        counts["wavelength"].values,
        np.where(values > 0, values, np.nan),
        norm=LogNorm(1, max(values.max(), 2.0)),
        cmap="viridis",
        shading="nearest",
    )
    axes.set(xscale="log", xlabel="q / Å⁻¹", ylabel="wavelength / Å", title=title)
    figure.colorbar(shown, ax=axes, label="counts")
    return figure


def beam(data: xr.Dataset, title: str) -> Figure:
    """What the sample got of the beam by wavelength, and its transmission where it was measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    wavelength = data["wavelength"].values
    axes.plot(wavelength, data["beam"].values, color="#2e86ab", lw=1)
    axes.set(xlabel="wavelength / Å", ylabel="monitor × transmission × response / count", title=title)
    if "transmission" in data:
        other = axes.twinx()
        other.errorbar(
            wavelength,
            data["transmission"].values,
            data["transmission_errors"].values,
            fmt=".",
            ms=3,
            lw=0.7,
            color="#c0392b",
        )
        other.set_ylim(0, 1.2)
        other.set_ylabel("transmission", color="#c0392b")
    return figure
