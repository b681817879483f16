"""Plots that several techniques share: a calibrant with its rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def calibrant_image(
    image: NDArray[np.float64], two_theta: NDArray[np.float64], rings: NDArray[np.float64], title: str
) -> Figure:
    """The calibrant image with its rings drawn where the refined geometry puts them."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    top = max(float(np.nanpercentile(image, 99.9)), 1.0)
    shown = axes.imshow(
        np.maximum(image, 0.5), norm=LogNorm(0.5, top), cmap="viridis", interpolation="nearest"
    )
    inside = rings[(rings > two_theta.min()) & (rings < two_theta.max())]
    axes.contour(two_theta, levels=inside, colors="#ffffff", linewidths=0.6)
    axes.set(title=title, xlabel="x / pixel", ylabel="y / pixel")
    figure.colorbar(shown, ax=axes, label="counts")
    return figure


def calibrant_curve(curve: xr.Dataset, rings: NDArray[np.float64], title: str) -> Figure:
    """I(q) of the calibrant with the tabulated rings as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    q = curve["q"].values
    axes.plot(q, curve["intensity"].values, color="#2e86ab", lw=1)
    for ring in rings[(rings > q[0]) & (rings < q[-1])]:
        axes.axvline(ring, color="#c0392b", lw=0.6, ls="--")
    axes.set(yscale="log", title=title, xlabel="q / Å⁻¹", ylabel="I(q) / arbitrary unit")
    return figure
