"""Plots of spectra, planes with their peaks, relaxation decays and shift differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1f2d3d"
COLOURS = ("#c0392b", "#2e86ab", "#2a9d5c", "#8e5ea2", "#d68910", "#117a65")
LABELLED = 14
# The lowest contour in deviations of the noise, the factor between contours, and how many.
LOWEST, FACTOR, CONTOURS = 8.0, 1.6, 12
SHOWN_DECAYS = 9


def line(data: xr.Dataset, peaks: xr.Dataset, regions: xr.Dataset, title: str, nucleus: str) -> Figure:
    """A one-dimensional spectrum, high ppm on the left, with its strongest peaks and its integrals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplots()
    shift, values = data["shift"].values, data["intensity"].values[0]
    top = float(np.abs(values).max())
    axes.plot(shift, values / top, color=INK, lw=0.6)
    low, high = _span(peaks, shift)
    _integrals(axes, regions, (high - low) / 25)
    told: list[float] = []
    for number in range(peaks.sizes["peak"]):
        at, height = (
            float(peaks["position"].values[number, -1]),
            float(peaks["height"].values[0, number]) / top,
        )
        # A label beside that of a stronger peak would hide both.
        if any(abs(at - other) < (high - low) / 60 for other in told):
            continue
        told.append(at)
        if len(told) > LABELLED:
            break
        axes.annotate(
            f"{round(at, 3) + 0.0:.3f}", (at, height), (0, 4), textcoords="offset points", fontsize=6.5,
            rotation=90, ha="center", va="bottom", color=COLOURS[0],
        )  # fmt: skip
    axes.set(title=title, xlabel=f"{nucleus} shift / ppm", ylabel="intensity / highest", xlim=(high, low))
    axes.set_ylim(min(-0.06, 1.15 * float(values.min()) / top), 1.28)
    return figure


def _integrals(axes: Any, regions: xr.Dataset, apart: float) -> None:
    if not regions.sizes.get("region", 0):
        return
    largest = float(np.abs(regions["integral"].values).max()) or 1.0
    last = np.inf
    for low, high, value in zip(
        regions["region_low"].values, regions["region_high"].values, regions["integral"].values, strict=True
    ):
        axes.plot([low, high], [-0.025, -0.025], color=COLOURS[2], lw=2.5, solid_capstyle="butt")
        middle = (low + high) / 2
        if abs(value) > 0.02 * largest and abs(middle - last) > apart:
            last = middle
            axes.annotate(
                f"{value / largest:.2f}", (middle, -0.03), (0, -2), textcoords="offset points", fontsize=6,
                ha="center", va="top", color=COLOURS[2],
            )  # fmt: skip


def _span(peaks: xr.Dataset, shift: NDArray[np.float64]) -> tuple[float, float]:
    at = peaks["position"].values[:, -1]
    if not len(at):
        return float(shift.min()), float(shift.max())
    some = at[: max(40, LABELLED)]
    margin = 0.05 * float(np.ptp(some)) + 0.2
    return max(float(shift.min()), float(some.min()) - margin), min(
        float(shift.max()), float(some.max()) + margin
    )


def plane(data: xr.Dataset, peaks: xr.Dataset, noise: float, title: str, nuclei: tuple[str, str]) -> Figure:
    """Contours of a plane, positive and negative in two colours, with a cross on every peak."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(7.6, 6.4), layout="constrained")
    axes = figure.subplots()
    values = data["intensity"].values
    top = float(np.abs(values).max())
    lowest = max(LOWEST * noise, top / FACTOR**CONTOURS)
    levels = lowest * FACTOR ** np.arange(CONTOURS)
    levels = levels[levels < top]
    grid = data["shift_2"].values, data["shift_1"].values
    for sign, colour in ((1.0, COLOURS[1]), (-1.0, COLOURS[4])):
        if len(levels) and (sign * values > levels[0]).any():
            axes.contour(*grid, sign * values, levels=levels, colors=colour, linewidths=0.6)
    at = peaks["position"].values
    axes.plot(at[:, 1], at[:, 0], "+", color=COLOURS[0], ms=5, mew=0.8)
    if len(at):
        for axis, limit in ((1, axes.set_xlim), (0, axes.set_ylim)):
            low, high = float(at[:, axis].min()), float(at[:, axis].max())
            margin = 0.06 * (high - low) + 0.05
            limit(high + margin, low - margin)
    handles = [
        Line2D([], [], color=COLOURS[1], lw=1), Line2D([], [], color=COLOURS[4], lw=1),
        Line2D([], [], color=COLOURS[0], marker="+", lw=0),
    ]  # fmt: skip
    axes.legend(handles, ["positive", "negative", f"{len(at)} peaks"], loc="upper left", fontsize=8)
    axes.set(title=title, xlabel=f"{nuclei[1]} shift / ppm", ylabel=f"{nuclei[0]} shift / ppm")
    return figure


def series(data: xr.Dataset, title: str, nucleus: str) -> Figure:
    """Every row of a series, coloured by delay."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplots()
    values, delay = data["intensity"].values, data["delay"].values
    norm = LogNorm(max(float(delay[delay > 0].min()), 1e-6), float(delay.max()))
    top = float(np.abs(values).max())
    for row in np.argsort(delay):
        colour = colormaps["viridis"](norm(max(float(delay[row]), norm.vmin or 1e-6)))
        axes.plot(data["shift"].values, values[row] / top, lw=0.6, color=colour)
    # The strongest line, often of the solvent, would hide the rest.
    shown = float(np.percentile(np.abs(values).max(axis=0), 99.5)) / top
    axes.set(
        title=title,
        xlabel=f"{nucleus} shift / ppm",
        ylabel="intensity / highest",
        ylim=(-1.3 * shown, 1.3 * shown),
    )
    axes.invert_xaxis()
    figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label="delay / s")
    return figure


def decays(table: xr.Dataset, quantity: str, title: str) -> Figure:
    """Heights against delay with the fitted exponentials, of the peaks that stand out most."""
    from matplotlib.figure import Figure

    good = np.flatnonzero(table["refused"].values == "")
    order = good[np.argsort(-table["signal_to_noise"].values[good], kind="stable")][:SHOWN_DECAYS]
    columns = max(1, min(3, len(order)))
    rows = max(1, -(-len(order) // columns))
    figure = Figure(figsize=(3.2 * columns + 0.4, 2.3 * rows + 0.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True)).ravel()
    delay = table["delay"].values
    fine = np.linspace(0.0, delay.max(), 300)
    for panel, number in zip(panels, order, strict=False):
        one = table.isel(peak=number)
        scale = float(np.abs(one["height"]).max())
        curve = float(one["offset"]) + float(one["amplitude"]) * np.exp(-float(one["rate"]) * fine)
        panel.plot(fine, curve / scale, color=COLOURS[1], lw=1)
        panel.errorbar(
            delay, one["height"] / scale, one["height_errors"] / scale, fmt="o", color=INK, ms=3, lw=0.8
        )
        said = f"{quantity.upper()} {float(one['time']):.4g} ± {float(one['time_errors']):.2g} s"
        panel.set_title(f"{one['assignment'].item()}: {said}", fontsize=8)
        panel.tick_params(labelsize=7)
    for panel in panels[len(order) :]:
        panel.set_axis_off()
    # Above a place without a panel, the axis is told here.
    for panel in panels[max(0, len(order) - columns) : len(order)]:
        panel.tick_params(labelbottom=True)
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("delay / s", fontsize=9)
    figure.supylabel("height / largest", fontsize=9)
    return figure


def times(table: xr.Dataset, quantity: str, title: str) -> Figure:
    """The time of every accepted peak with its uncertainty, in the order of the table."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    axes = figure.subplots()
    good = table.isel(peak=table["refused"].values == "")
    place = np.arange(good.sizes["peak"])
    axes.errorbar(place, good["time"], good["time_errors"], fmt="o", color=INK, ms=4, lw=1)
    step = max(1, len(place) // 40)
    axes.set_xticks(place[::step], good["assignment"].values[::step], rotation=90, fontsize=7)
    axes.set(title=title, ylabel=f"{quantity.upper()} / s")
    top = float(np.nanmax(good["time"] + good["time_errors"])) if good.sizes["peak"] else 1.0
    axes.set_ylim(0, 1.08 * top)
    return figure
