"""Plots of an atomic model: its calculated curve, and the fit to a measured one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT, CALM, PALE = "#1f2d3d", "#c0392b", "#2e86ab", "#9aa5b1"


def calculated(curve: xr.Dataset, title: str) -> Figure:
    """I(q) of the model in solution, the band that of the uncertain hydration."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    q, intensity = curve["q"].values, curve["intensity"].values
    spread = curve["intensity_errors"].values
    axes.fill_between(q, np.maximum(intensity - spread, 1e-9), intensity + spread, color=CALM, alpha=0.25)
    axes.plot(q, intensity, color=CALM, lw=1.4)
    axes.set(yscale="log", title=title, xlabel="q / Å⁻¹", ylabel="I(q) / electrons²")
    return figure


def fitted(fit: xr.Dataset, chi2: float, title: str) -> Figure:
    """Measured curve and model, and below it their difference in standard errors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    q, intensity, errors = (fit[name].values for name in ("q", "intensity", "intensity_errors"))
    positive = intensity > 0
    upper.errorbar(
        q[positive],
        intensity[positive],
        errors[positive],
        fmt=".",
        ms=2,
        lw=0.5,
        color=PALE,
        label="measured",
    )
    upper.plot(q, fit["model"].values, color=ACCENT, lw=1.4, label=f"model, reduced χ² {chi2:.2f}", zorder=3)
    unit = fit["intensity"].attrs["units"]
    upper.set(yscale="log", title=title, ylabel=f"I(q) / {unit}")
    upper.legend(frameon=False)
    lower.plot(q, (intensity - fit["model"].values) / errors, ".", ms=2, color=INK)
    lower.axhline(0, color=ACCENT, lw=1)
    lower.set(xlabel="q / Å⁻¹", ylabel="difference / σ")
    return figure
