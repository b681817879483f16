"""Plots of tomography: the sinogram with the axis, and the slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sinogram(data: xr.Dataset, axis_px: float, title: str) -> Figure:
    """Line integrals over angle and column, the axis of rotation as a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    values, angle = data["line_integral"].values, data["projection_angle"].values
    order = np.argsort(angle, kind="stable")
    shown = axes.imshow(
        values[order],
        aspect="auto",
        cmap="viridis",
        interpolation="nearest",
        extent=(-0.5, values.shape[1] - 0.5, float(angle.max()), float(angle.min())),
    )
    axes.axvline(axis_px, color="#ffffff", lw=0.8, ls="--")
    axes.set(title=title, xlabel="column / pixel", ylabel="angle / °")
    figure.colorbar(shown, ax=axes, label="-ln(transmission)")
    return figure


def slice_image(data: xr.Dataset, title: str) -> Figure:
    """The reconstructed slice, between its first and last half percent."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 5.2), layout="constrained")
    axes = figure.subplots()
    values = data["attenuation"].values
    low, high = np.nanpercentile(values, [0.5, 99.5])
    shown = axes.imshow(values, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set(title=title, xlabel="x / pixel", ylabel="y / pixel")
    unit = {"1/pixel": "pixel⁻¹", "1/m": "m⁻¹"}[data["attenuation"].attrs["units"]]
    figure.colorbar(shown, ax=axes, label=f"attenuation / {unit}")
    return figure
