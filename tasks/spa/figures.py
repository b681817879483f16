"""Plots of maps: slices with the model, shells, symmetry, placements, local resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT, CALM, PALE = "#1f2d3d", "#c0392b", "#2e86ab", "#9aa5b1"
SLAB = 3.0
ATOMS_A_DOT = 5


def slices(shown: xr.Dataset, level: float, placed: xr.Dataset | None, title: str) -> Figure:
    """The three middle planes with the level as a line, and atoms within 3 angstrom of the plane."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.2, 3.9), layout="constrained")
    panels = figure.subplots(1, 3)
    places = shown["right"].values
    half = (places[1] - places[0]) / 2
    ends = (places[0] - half, places[-1] + half)
    middle = places[len(places) // 2]
    window = _window(shown, level, places)
    top = max(float(np.percentile(shown[name].values, 99.9)) for name in shown.data_vars)
    axes_of = {"along_z": ("x", "y", "z"), "along_y": ("x", "z", "y"), "along_x": ("y", "z", "x")}
    for axes, (name, (right, up, through)) in zip(panels, axes_of.items(), strict=True):
        plane = shown[name].values
        drawn = axes.imshow(
            plane, origin="lower", extent=(*ends, *ends), cmap="gray", vmin=-0.3 * top, vmax=top
        )
        axes.contour(places, places, plane, levels=[level], colors=ACCENT, linewidths=0.8)
        if placed is not None:
            near = np.flatnonzero(np.abs(placed[through].values - middle) < SLAB)[::ATOMS_A_DOT]
            axes.plot(placed[right].values[near], placed[up].values[near], ".", ms=1.5, color=CALM)
        axes.set(xlim=window, ylim=window)
        axes.set(title=f"{through} = {middle:.0f} Å", xlabel=f"{right} / Å", ylabel=f"{up} / Å")
    figure.colorbar(drawn, ax=panels, label="density", shrink=0.85)
    figure.suptitle(
        f"{title}: level {level:.3g}" + (", atoms of the placed model" if placed is not None else "")
    )
    return figure


def _window(shown: xr.Dataset, level: float, places: NDArray[np.float64]) -> tuple[float, float]:
    """The part of the box that the particle fills, with a margin."""
    above = [plane.values >= level for plane in shown.data_vars.values()]
    used = np.flatnonzero(np.any([mask.any(axis=axis) for mask in above for axis in (0, 1)], axis=0))
    if not used.size:
        return float(places[0]), float(places[-1])
    margin = 0.25 * (places[used[-1]] - places[used[0]])
    low, high = places[used[0]] - margin, places[used[-1]] + margin
    return float(max(low, places[0])), float(min(high, places[-1]))


def shells(curves: dict[str, xr.Dataset], title: str) -> Figure:
    """Fourier shell correlations with their thresholds, over resolution."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    words = {"fsc_halves": "half maps", "fsc_model": "map to model"}
    for (name, curve), colour in zip(curves.items(), (CALM, INK), strict=False):
        frequency, value, error = (
            curve[each].values for each in ("frequency", "correlation", "correlation_errors")
        )
        axes.fill_between(frequency, value - error, value + error, color=colour, alpha=0.2)
        axes.plot(frequency, value, color=colour, lw=1.4, label=words.get(name, name))
        axes.axhline(curve.attrs["threshold"], color=colour, lw=0.8, ls="--")
    axes.axhline(0, color=PALE, lw=0.6)
    axes.set(
        title=title, xlabel="spatial frequency / Å⁻¹", ylabel="Fourier shell correlation", ylim=(-0.1, 1.05)
    )
    second = axes.secondary_xaxis("top")
    ticks = [each for each in axes.get_xticks() if each > 0]
    second.set_xticks(ticks, [f"{1 / each:.3g}" for each in ticks])
    second.set_xlabel("resolution / Å")
    axes.legend(frameon=False)
    return figure


def power(curve: xr.Dataset, title: str) -> Figure:
    """Logarithm of the mean power by shell over the squared frequency, as for a Guinier plot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        curve["frequency"].values ** 2,
        np.log(np.maximum(curve["intensity"].values, 1e-30)),
        color=INK,
        lw=1.2,
    )
    axes.set(title=title, xlabel="frequency² / Å⁻²", ylabel="ln (mean power of a shell)")
    return figure


def symmetry(turns: xr.Dataset, least: float, title: str) -> Figure:
    """Correlation of the map with itself after each turn about each axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for axis, colour in zip("zyx", (ACCENT, CALM, INK), strict=True):
        these = turns.isel(turn=turns["turn_axis"].values == axis)
        axes.plot(
            these["turn_fold"].values,
            these["turn_correlation"].values,
            "o-",
            ms=4,
            lw=0.8,
            color=colour,
            label=f"about {axis}",
        )
    axes.axhline(least, color=PALE, lw=0.8, ls="--")
    axes.set(title=title, xlabel="fold of the turn", ylabel="correlation with itself", ylim=(0, 1.05))
    axes.legend(frameon=False)
    return figure


def placements(found: xr.Dataset, title: str) -> Figure:
    """Correlations of the placements found, in the map and in its mirror image."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for mirrored, colour, word in ((0, CALM, "map"), (1, PALE, "mirror image")):
        these = found["placement_correlation"].values[found["placement_mirrored"].values == mirrored]
        if len(these):
            axes.plot(np.arange(1, len(these) + 1), these, "o-", ms=5, lw=0.8, color=colour, label=word)
    axes.set(title=title, xlabel="placement, the best first", ylabel="correlation of map and model")
    axes.legend(frameon=False)
    return figure


def local_resolution(plane: xr.Dataset, counts: xr.Dataset, voxel: float, title: str) -> Figure:
    """Local resolution in the middle plane of the particle, and how many voxels have which."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    values = plane["local_resolution"].values
    ends = (0, values.shape[0] * voxel)
    low, high = np.nanpercentile(values, [1, 99])
    drawn = left.imshow(values, origin="lower", extent=(*ends, *ends), cmap="viridis_r", vmin=low, vmax=high)
    left.set(title=title, xlabel="x / Å", ylabel="y / Å")
    figure.colorbar(drawn, ax=left, label="local resolution / Å")
    width = float(np.diff(counts["local"].values[:2])[0])
    right.bar(counts["local"].values, counts["voxels"].values, width=width, color=CALM)
    right.set(xlabel="local resolution / Å", ylabel="voxels of the particle")
    return figure


def motion(shifts: xr.Dataset, title: str) -> Figure:
    """The path of the specimen during a movie, first frame at zero."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 4.6), layout="constrained")
    axes = figure.subplots()
    x, y = shifts["shift_x"].values, shifts["shift_y"].values
    axes.plot(x, y, "-", color=PALE, lw=1)
    drawn = axes.scatter(x, y, c=np.arange(1, len(x) + 1), cmap="viridis", zorder=3)
    axes.set(title=title, xlabel="shift along x / pixel", ylabel="shift along y / pixel", aspect="equal")
    figure.colorbar(drawn, ax=axes, label="frame")
    return figure


def rings(curve: xr.Dataset, facts: dict[str, Any], title: str) -> Figure:
    """Power along the rings, less its smooth background, and the squared transfer that fits it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.subplots()
    frequency, power = curve["frequency"].values, curve["intensity"].values
    axes.plot(frequency, power, color=INK, lw=1, label="ln power, less background")
    fitted = f"{(facts['defocus_u_angstrom'] + facts['defocus_v_angstrom']) / 2:.0f} Å underfocus"
    axes.plot(
        frequency, curve["transfer_faded"].values, color=ACCENT, lw=1, label=f"transfer squared, {fitted}"
    )
    reach = facts["reach_angstrom"]
    axes.axvline(1 / reach, color=PALE, lw=1, ls="--", label=f"rings followed to {reach:.1f} Å")
    axes.set(title=title, xlabel="spatial frequency / Å⁻¹", ylabel="ln power")
    second = axes.secondary_xaxis("top")
    ticks = [each for each in axes.get_xticks() if frequency[0] <= each <= frequency[-1]]
    second.set_xticks(ticks, [f"{1 / each:.3g}" for each in ticks])
    second.set_xlabel("spacing / Å")
    axes.legend(frameon=False)
    return figure


def power_spectrum(plane: xr.Dataset, title: str) -> Figure:
    """The power spectrum on a logarithmic scale; on its left half the first dark rings as fitted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.8), layout="constrained")
    axes = figure.subplots()
    values = plane["log_power"].values
    low, high = np.percentile(values, [2, 99.5])
    kx, ky = plane["kx"].values, plane["ky"].values
    ends = (kx[0], kx[-1], ky[0], ky[-1])
    drawn = axes.imshow(values, origin="lower", extent=ends, cmap="gray", vmin=low, vmax=high)
    if "phase_turns" in plane:
        left = np.where(kx[None] < 0, plane["phase_turns"].values, np.nan)
        axes.contour(kx, ky, left, levels=[1, 2, 3, 4], colors=ACCENT, linewidths=0.7)
        title = f"{title}\ndark rings 1 to 4 as fitted, on the left"
    axes.set(title=title, xlabel="kx / Å⁻¹", ylabel="ky / Å⁻¹")
    figure.colorbar(drawn, ax=axes, label="ln power")
    return figure


def stack(table: xr.Dataset, title: str) -> Figure:
    """Mean and deviation of each image; those that stand out are marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    number = np.arange(1, table.sizes["image"] + 1)
    odd = table["outlier"].values > 0
    rows = (
        ("mean of an image", table["image_mean"].values),
        ("deviation", np.sqrt(table["image_variance"].values)),
    )
    for axes, (words, values) in zip(panels, rows, strict=True):
        axes.plot(number[~odd], values[~odd], ".", ms=5, color=CALM)
        axes.plot(number[odd], values[odd], "x", ms=7, color=ACCENT, label="stands out")
        axes.set(ylabel=words)
    if odd.any():
        panels[0].legend(frameon=False)
    panels[0].set(title=title)
    panels[1].set(xlabel="image")
    return figure


def mean_power(curve: xr.Dataset, title: str) -> Figure:
    """Mean power of the images by frequency, with its standard error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    k, power, error = (curve[name].values for name in ("frequency", "intensity", "intensity_errors"))
    axes.fill_between(k, np.maximum(power - error, 1e-30), power + error, color=CALM, alpha=0.3)
    axes.plot(k, power, color=INK, lw=1.2)
    axes.set(title=title, xlabel="spatial frequency / Å⁻¹", ylabel="mean power of a ring", yscale="log")
    return figure
