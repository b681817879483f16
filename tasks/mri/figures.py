"""Plots of maps, of tables of voxels, and of a voxel's spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1f2d3d"
COLOURS = ("#c0392b", "#2e86ab", "#2a9d5c")
SLICES = 6
TITLES = {
    "t1": "T1", "t2": "T2", "t2star": "T2*", "mtr": "magnetisation transfer ratio",
    "fa": "fractional anisotropy",
    "md": "mean diffusivity", "snr": "signal to noise",
}  # fmt: skip
UNITS = {"percent": "%", "dimensionless": "", "mm**2/s": "mm²/s"}
MAPS = {"fa": "viridis", "md": "viridis", "mtr": "magma", "snr": "cividis"}


def maps(data: xr.Dataset, name: str, title: str) -> Figure:
    """Slices of a map above those of its uncertainty, each row with one colour bar."""
    from matplotlib.figure import Figure

    good = data["quality"].values == 1
    levels = np.flatnonzero(good.any(axis=(1, 2)))
    chosen = levels[np.unique(np.linspace(0, len(levels) - 1, min(SLICES, len(levels))).round().astype(int))]
    window = _window(good)
    figure = Figure(figsize=(2.1 * len(chosen) + 1.6, 5.0), layout="constrained")
    panels = np.atleast_2d(figure.subplots(2, len(chosen), squeeze=False))
    for row, each in enumerate((name, f"{name}_errors")):
        values = np.where(good, data[each].values, np.nan)
        low, high = np.nanpercentile(values, (2, 98))
        low = low if row == 0 and low > 0.3 * high else 0.0
        shown: Any = None
        for panel, level in zip(panels[row], chosen, strict=True):
            shown = panel.imshow(
                values[level][window], origin="lower", cmap=MAPS.get(name, "inferno"), vmin=low,
                vmax=max(high, low + 1e-12),
                interpolation="nearest",
            )  # fmt: skip
            panel.set_xticks([])
            panel.set_yticks([])
            panel.set_facecolor("#e8e8e8")
            if row == 0:
                panel.set_title(f"slice {level}", fontsize=8)
        unit = UNITS.get(str(data[name].attrs["units"]), str(data[name].attrs["units"]))
        word = TITLES[name] if row == 0 else "uncertainty"
        figure.colorbar(shown, ax=list(panels[row]), label=f"{word} / {unit}" if unit else word)
    figure.suptitle(title, fontsize=10)
    return figure


def _window(good: np.ndarray[Any, Any]) -> tuple[slice, slice]:
    """Rows and columns that hold good voxels, with a little room."""
    bounds = []
    for axis in (1, 2):
        inside = np.flatnonzero(good.any(axis=tuple({0, 1, 2} - {axis})))
        bounds.append(slice(max(0, int(inside[0]) - 2), int(inside[-1]) + 3))
    return bounds[0], bounds[1]


def distribution(data: xr.Dataset, names: list[str], title: str) -> Figure:
    """Histograms of the good voxels of every map, the median marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.4 * len(names) + 0.6, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        values = data[name].values
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, (0.5, 99.5))
        axes.hist(values, bins=60, range=(low, max(high, low + 1e-12)), color=COLOURS[1])
        axes.axvline(np.median(values), color=COLOURS[0], lw=1.2)
        unit = UNITS.get(str(data[name].attrs["units"]), str(data[name].attrs["units"]))
        axes.set(xlabel=f"{TITLES[name]} / {unit}" if unit else TITLES[name], ylabel="voxels")
        # Diffusivities are so small that plain tick labels run into each other.
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 4))
    figure.suptitle(title, fontsize=10)
    return figure


def voxels(data: xr.Dataset, name: str, title: str) -> Figure:
    """The value of every voxel of a table with its uncertainty, and what was published."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.0), layout="constrained")
    axes = figure.subplots()
    values, errors = data[name].values.ravel(), data[f"{name}_errors"].values.ravel()
    place = np.arange(len(values))
    axes.errorbar(place, values, errors, fmt="o", color=INK, ms=3, lw=0.8, label="here")
    if "published_rate" in data:
        axes.plot(place, 1 / data["published_rate"].values, "x", color=COLOURS[0], ms=5, label="published")
        axes.legend(fontsize=8)
    axes.set(
        title=title, xlabel="voxel", ylabel=f"{TITLES[name]} / {data[name].attrs['units']}", yscale="log"
    )
    return figure


def spectrum(data: xr.Dataset, peaks: xr.Dataset, title: str, low: float, high: float) -> Figure:
    """The spectrum of a voxel over the range of metabolites, named peaks by their names."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.subplots()
    shift, values = data["shift"].values, data["intensity"].values[0]
    inside = (shift >= low) & (shift <= high)
    top = float(values[inside].max())
    axes.plot(shift[inside], values[inside] / top, color=INK, lw=0.8)
    for number in range(peaks.sizes["peak"]):
        at, height = (
            float(peaks["position"].values[number, 0]),
            float(peaks["height"].values[0, number]) / top,
        )
        name = str(peaks["assignment"].values[number])
        axes.annotate(
            f"{name} {at:.3f}".strip(), (at, height), (0, 4), textcoords="offset points", fontsize=7,
            rotation=90, ha="center", va="bottom", color=COLOURS[0] if name else "#888888",
        )  # fmt: skip
    axes.set(title=title, xlabel="1H shift / ppm", ylabel="intensity / highest", xlim=(high, low))
    axes.set_ylim(min(-0.1, 1.1 * float(values[inside].min()) / top), 1.35)
    return figure
