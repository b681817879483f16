"""Plots of scanned beams: virtual detectors, deflection, and the mean pattern with its rings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, ACCENT, CALM = "#1f2d3d", "#c0392b", "#2e86ab"
# Lengths that a scale bar may have, in any unit.
ROUND = (1, 2, 5)


def detectors(table: xr.Dataset, title: str) -> Figure:
    """Bright field and annular dark field, with a scale bar; as lines where the scan is one."""
    from matplotlib.figure import Figure

    names = {"bright_field": "bright field", "dark_field": "annular dark field"}
    if 1 in table["bright_field"].shape:
        return _lines(table, names, f"{title}: virtual detectors")
    figure = Figure(figsize=(9.4, 4.4), layout="constrained")
    for axes, (name, words) in zip(figure.subplots(1, 2), names.items(), strict=True):
        drawn = _image(axes, table[name], "gray")
        axes.set(title=words)
        figure.colorbar(drawn, ax=axes, label=_unit(table[name]), shrink=0.85)
    figure.suptitle(title)
    return figure


def deflection(table: xr.Dataset, pixel: tuple[float, str] | None, title: str) -> Figure:
    """Centre of mass along both axes of the camera, about zero."""
    from matplotlib.figure import Figure

    scale, unit = pixel or (1.0, "pixel")
    shown = {"mrad": "mrad", "1/angstrom": "Å⁻¹"}.get(unit, unit)
    scaled = table.copy()
    for name in table.data_vars:
        scaled[name] = (table[name].dims, table[name].values * scale, {"units": shown})
    names = {"com_y": "centre of mass along ky", "com_x": "centre of mass along kx"}
    if 1 in table["com_y"].shape:
        return _lines(scaled, names, f"{title}: deflection")
    figure = Figure(figsize=(9.4, 4.4), layout="constrained")
    values = np.stack([scaled[name].values for name in names])
    middle = 0.0 if table.attrs.get("descan") != "none" else float(np.nanmedian(values))
    top = max(float(np.nanpercentile(np.abs(values - middle), 99.5)), 1e-12)
    for axes, (name, words) in zip(figure.subplots(1, 2), names.items(), strict=True):
        drawn = _image(axes, scaled[name], "RdBu_r", (middle - top, middle + top))
        axes.set(title=words)
        figure.colorbar(drawn, ax=axes, label=f"deflection / {shown}", shrink=0.85)
    figure.suptitle(title)
    return figure


def pattern(table: xr.Dataset, facts: dict[str, Any], title: str) -> Figure:
    """The mean pattern on a logarithmic scale with the rings of the detectors."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    figure = Figure(figsize=(6.2, 5.4), layout="constrained")
    axes = figure.subplots()
    values = table["mean"].values
    top = float(np.percentile(values, 99.95))
    positive = values[values > 0]
    low = max(0.4 * float(np.percentile(positive, 5)) if positive.size else 1.0, top * 1e-5, 1e-12)
    origin: Literal["lower", "upper"] = "lower" if facts.get("first_row") == "lowest" else "upper"
    drawn = axes.imshow(
        np.maximum(values, low), norm=LogNorm(low, max(top, 1.01 * low)), cmap="magma", origin=origin
    )
    middle = (facts["center_x_px"], facts["center_y_px"])
    inner, outer = facts["dark_px"]
    axes.autoscale(False)
    for radius, colour, style, words in (
        (facts["bright_outer_px"], "#7fd3ff", "-", "bright field"),
        (inner, "#ffffff", "--", "dark field, from"),
        (outer, "#ffffff", ":", "to"),
    ):
        axes.add_patch(Circle(middle, radius, fill=False, color=colour, ls=style, lw=1.2, label=words))
    axes.plot(*middle, "+", color="#7fd3ff", ms=7)
    size = facts.get("pixel")
    told = "" if size is None else f", {size[0]:.3g} {size[1].replace('1/angstrom', 'Å⁻¹')} a pixel"
    axes.set(title=f"{title}: mean pattern{told}", xlabel="kx / pixel", ylabel="ky / pixel")
    figure.colorbar(drawn, ax=axes, label="mean value of a pixel")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
    for line in figure.legends[0].get_patches():
        line.set_edgecolor(INK if line.get_edgecolor()[:3] == (1.0, 1.0, 1.0) else CALM)
    return figure


def _unit(variable: xr.DataArray) -> str:
    return {"count": "counts", "arbitrary": "arbitrary unit"}.get(variable.attrs["units"], "")


def _image(axes: Axes, variable: xr.DataArray, colours: str, ends: tuple[float, float] | None = None) -> Any:
    from matplotlib.ticker import MaxNLocator

    values = variable.values
    low, high = ends or tuple(np.nanpercentile(values, [0.5, 99.5]))
    known = variable["column"].attrs["units"] == "angstrom"
    row, column = (float(variable[name].values[1]) for name in ("row", "column"))
    shape = (values.shape[1] * column, values.shape[0] * row)
    drawn = axes.imshow(
        values, cmap=colours, vmin=low, vmax=max(high, low + 1e-12), extent=(0, shape[0], shape[1], 0)
    )
    if known:
        axes.set(xticks=[], yticks=[])
        _bar(axes, shape[0])
    else:
        axes.set(xlabel="column of the scan", ylabel="row of the scan")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
    return drawn


def _bar(axes: Axes, width: float) -> None:
    """A scale bar of a round length, about a fifth of the image."""
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    power = 10.0 ** np.floor(np.log10(width / 5))
    length = max(step * power for step in ROUND if step * power <= width / 4)
    label = f"{length / 10:g} nm" if length < 1e4 else f"{length / 1e4:g} µm"
    bar = AnchoredSizeBar(
        axes.transData, length, label, "lower right", pad=0.4, color=INK, size_vertical=width / 120
    )
    axes.add_artist(bar)


def _lines(table: xr.Dataset, names: dict[str, str], title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.8), layout="constrained")
    panels = figure.subplots(len(names), 1, sharex=True)
    along = "column" if table.sizes["row"] == 1 else "row"
    places = table[along]
    known = places.attrs["units"] == "angstrom"
    x = places.values / 10 if known else places.values
    for axes, (name, words) in zip(panels, names.items(), strict=True):
        values = table[name].values.ravel()
        errors = table[f"{name}_errors"].values.ravel() if f"{name}_errors" in table else None
        axes.errorbar(x, values, errors, fmt="o-", ms=4, lw=1, capsize=2, color=CALM)
        axes.set(ylabel=f"{words}\n/ {_unit(table[name]) or table[name].attrs['units']}")
    panels[0].set(title=title)
    panels[-1].set(
        xlabel=f"place along the {'row' if along == 'column' else 'column'}" + (" / nm" if known else "")
    )
    return figure
