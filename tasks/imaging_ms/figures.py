"""Plots of mass spectrometry images: total current, single masses, and the mean spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT = "#1f2d3d", "#c0392b"


def total(table: xr.Dataset, title: str) -> Figure:
    """The total ion current of every pixel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.subplots()
    _shown(figure, axes, table["total_ion_current"], f"{title}: total ion current")
    return figure


def ions(table: xr.Dataset, title: str) -> Figure:
    """One panel for each mass."""
    from matplotlib.figure import Figure

    count = table.sizes["ion"]
    columns = min(count, 4)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.6 * columns, 3.3 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for number, axes in enumerate(panels):
        if number >= count:
            axes.set_axis_off()
            continue
        image = table["ion_image"].isel(ion=number)
        _shown(figure, axes, image, f"m/z {float(table['ion'][number]):.2f}")
    figure.suptitle(title)
    return figure


def _shown(figure: Figure, axes: object, image: xr.DataArray, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    x, y = image["x"].values, image["y"].values
    ends = (x[0] - 0.5, x[-1] + 0.5, y[-1] + 0.5, y[0] - 0.5)
    drawn = axes.imshow(image.values, extent=ends, cmap="viridis", interpolation="nearest")  # type: ignore[attr-defined]
    for axis in (axes.xaxis, axes.yaxis):  # type: ignore[attr-defined]
        axis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set(title=title, xlabel="x / pixel", ylabel="y / pixel")  # type: ignore[attr-defined]
    figure.colorbar(drawn, ax=axes, label="ion current")  # type: ignore[arg-type]


def mean(table: xr.Dataset, chosen: list[float], title: str) -> Figure:
    """The mean spectrum, with the masses of the images marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(table["mz"].values, table["intensity"].values, color=INK, lw=0.6)
    for each in chosen:
        axes.axvline(each, color=ACCENT, lw=0.7, ls="--")
    axes.set(title=title, xlabel="m/z", ylabel="mean ion current of a pixel")
    return figure
