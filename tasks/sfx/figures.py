"""Plots of serial crystallography: modules in their places, peaks, curves, and the scatter of lattices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
INK, RED, BLUE, GREEN = "#1f2d3d", "#c0392b", "#2e86ab", "#2a9d5c"
MOST_SIDE = 1400


def assembled(modules: Floats, positions: Floats) -> tuple[Floats, tuple[float, float, float, float]]:
    """Pixels (module, y, x) put where they stand, to the nearest place of a grid; NaN between modules.

    Returns the picture, first row at the top, and its extent (left, right, bottom, top) in mm.
    """
    x, y = positions[..., 0].ravel(), positions[..., 1].ravel()
    there = np.isfinite(x) & np.isfinite(y)
    step = float(np.nanmedian(np.linalg.norm(np.diff(positions, axis=2), axis=-1)))
    left, low = x[there].min(), y[there].min()
    step = max(step, (x[there].max() - left) / MOST_SIDE, (y[there].max() - low) / MOST_SIDE)
    columns = np.round((x[there] - left) / step).astype(int)
    rows = np.round((y[there] - low) / step).astype(int)
    picture = np.full((rows.max() + 1, columns.max() + 1), np.nan)
    picture[rows, columns] = modules.ravel()[there]
    extent = (left, left + picture.shape[1] * step, low, low + picture.shape[0] * step)
    return picture[::-1], tuple(1000 * each for each in extent)


def _shown(axes: Any, figure: Any, modules: Floats, positions: Floats, label: str) -> None:
    picture, extent = assembled(modules, positions)
    finite = picture[np.isfinite(picture)]
    low, high = np.percentile(finite, [1, 99.8]) if finite.size else (0.0, 1.0)
    top = high if high > low else low + 1.0
    shown = axes.imshow(picture, extent=extent, vmin=low, vmax=top, cmap="viridis", interpolation="nearest")
    axes.set(xlabel="x / mm", ylabel="y / mm", aspect="equal")
    axes.set_facecolor("#e6e6e6")
    figure.colorbar(shown, ax=axes, label=label, shrink=0.85)


def detector(modules: Floats, positions: Floats, title: str, label: str) -> Figure:
    """Modules where they stand, missing ones left grey."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 5.6), layout="constrained")
    axes = figure.subplots()
    _shown(axes, figure, modules, positions, label)
    axes.set_title(title)
    return figure


def peaks_on_frame(modules: Floats, positions: Floats, peaks: xr.Dataset, title: str) -> Figure:
    """One frame where its pixels stand, every peak found in it circled."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 5.6), layout="constrained")
    axes = figure.subplots()
    _shown(axes, figure, modules, positions, "value / arbitrary unit")
    axes.plot(
        1000 * peaks["peak_position_x"].values,
        1000 * peaks["peak_position_y"].values,
        "o",
        mfc="none",
        mec=RED,
        ms=9,
        mew=1.0,
    )
    axes.set_title(title)
    return figure


def curve(data: xr.Dataset, title: str) -> Figure:
    """Mean intensity by q with its uncertainty from the scatter of the frames."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    q, value = data["q"].values, data["intensity"].values
    error = np.nan_to_num(data["intensity_errors"].values)
    axes.fill_between(q, value - error, value + error, color=BLUE, alpha=0.3, lw=0)
    axes.plot(q, value, color=BLUE, lw=1)
    axes.set(title=title, xlabel="q / Å⁻¹", ylabel="intensity / arbitrary unit")
    return figure


def peak_counts(counts: NDArray[np.int64], least: int, title: str) -> Figure:
    """How many frames have how many peaks, with the line from which on they are hits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    top = max(int(counts.max(initial=0)), least) + 2
    axes.hist(counts, bins=list(np.arange(-0.5, top, max(1, top // 60))), color=BLUE)
    axes.axvline(least - 0.5, color=RED, ls="--", lw=1, label=f"hit from {least} peaks on")
    axes.set(title=title, xlabel="peaks in a frame", ylabel="frames", yscale="log")
    axes.legend(frameon=False)
    return figure


def edges(table: xr.Dataset, title: str) -> Figure:
    """Edges of every lattice, those left out in grey, and the mean with its uncertainty."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    used = np.asarray(table["used"].values, bool)
    for axes, axis, colour in zip(figure.subplots(1, 3), "abc", (RED, BLUE, GREEN), strict=True):
        values = table[f"cell_{axis}"].values
        number = np.arange(len(values))
        axes.plot(number[~used], values[~used], "x", color="#999999", ms=5)
        axes.plot(number[used], values[used], "o", color=colour, ms=4)
        mean = float(values[used].mean())
        error = float(values[used].std(ddof=1) / np.sqrt(used.sum())) if used.sum() > 1 else 0.0
        axes.axhspan(mean - error, mean + error, color=colour, alpha=0.2)
        axes.axhline(mean, color=colour, lw=1)
        axes.set(
            title=f"{axis} = {mean:.2f} Å", xlabel="crystal", ylabel=f"{axis} / Å" if axis == "a" else ""
        )
        axes.ticklabel_format(axis="y", useOffset=False)
    figure.suptitle(title)
    return figure
