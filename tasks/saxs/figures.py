"""Plots of a SAXS reduction: detector with mask and rings, I(q), Guinier, Kratky, P(r), series, elution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (6.4, 4.8)
INK = "#1f2d3d"
ACCENT = "#c0392b"
CALM = "#2e86ab"
PALE = "#9aa5b1"


def _figure(**layout: Any) -> tuple[Figure, Any]:
    # The object interface keeps no global state, so steps may draw side by side in threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=layout.pop("figsize", SIZE), layout="constrained")
    return figure, figure.subplots(**layout)


def detector(picture: xr.Dataset, title: str) -> Figure:
    """The image on a logarithmic scale, masked pixels tinted, a few lines of equal q drawn in."""
    from matplotlib.colors import ListedColormap, LogNorm

    rows, columns = picture["total"].shape
    figure, axes = _figure(figsize=(6.4, float(np.clip(1.4 + 5.0 * rows / columns, 3.2, 6.4))))
    total = picture["total"].values
    bad = picture["bad"].values.astype(bool) | ~np.isfinite(total)
    shown = np.where(bad, np.nan, total)
    top = float(np.nanpercentile(shown, 99.9)) if np.isfinite(shown).any() else 1.0
    image = axes.imshow(
        np.maximum(shown, 0.5), norm=LogNorm(0.5, max(top, 1.0)), cmap="viridis", interpolation="nearest"
    )
    axes.imshow(
        np.where(bad, 1.0, np.nan),
        cmap=ListedColormap([ACCENT]),
        alpha=0.35,
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    _rings(axes, picture)
    axes.set(title=title, xlabel="x / pixel", ylabel="y / pixel")
    figure.colorbar(image, ax=axes, label="counts")
    return figure


def _rings(axes: Axes, picture: xr.Dataset) -> None:
    ring = picture["ring"].values.astype(float)
    edges = picture["ring_edges"].values
    ring[ring >= len(edges) - 1] = np.nan
    if not np.isfinite(ring).any():
        return
    levels = np.linspace(0, len(edges) - 1, 6)[1:-1]
    drawn = axes.contour(ring, levels=levels, colors="white", linewidths=0.7, linestyles="--")
    labels = {level: f"{edges[round(level)]:.3f} Å⁻¹" for level in levels}
    axes.clabel(drawn, fmt=labels, fontsize=7)


def curves(named: dict[str, xr.Dataset], title: str) -> Figure:
    """I(q) with errors, one line a curve, both axes logarithmic."""
    figure, axes = _figure()
    for (name, curve), colour in zip(named.items(), (CALM, PALE, ACCENT, INK, "#8e6c8a"), strict=False):
        q, intensity, errors = _shown(curve)
        axes.errorbar(q, intensity, errors, fmt=".", ms=3, lw=0.6, color=colour, label=name, alpha=0.85)
    axes.set(xscale="log", yscale="log", title=title, xlabel="q / Å⁻¹", ylabel=_intensity_label(named))
    axes.legend(frameon=False, loc="lower left")
    return figure


def _shown(curve: xr.Dataset) -> tuple[Any, Any, Any]:
    q, intensity = curve["q"].values, curve["intensity"].values
    errors = curve["intensity_errors"].values if "intensity_errors" in curve else np.zeros_like(intensity)
    # A logarithmic axis has no place for what is not positive.
    keep = np.isfinite(intensity) & (intensity > 0) & (q > 0)
    return q[keep], intensity[keep], np.minimum(errors[keep], 0.95 * intensity[keep])


def _intensity_label(named: dict[str, xr.Dataset]) -> str:
    units = {str(curve["intensity"].attrs.get("units", "")) for curve in named.values()}
    unit = units.pop() if len(units) == 1 else "each in its unit"
    pretty = {"1/cm": "cm⁻¹", "arbitrary": "arbitrary unit"}
    return f"I(q) / {pretty.get(unit, unit)}"


def guinier(fit: xr.Dataset) -> Figure:
    """Ln I against q² over the fitted range, with the residuals below."""
    figure, (above, below) = _figure(nrows=2, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    q2 = fit["q"].values ** 2 * 1e3
    intensity, errors, line = (fit[name].values for name in ("intensity", "intensity_errors", "fit"))
    good = intensity > 0
    above.errorbar(
        q2[good], np.log(intensity[good]), (errors / intensity)[good], fmt=".", ms=4, lw=0.7, color=CALM
    )
    above.plot(q2, np.log(line), color=ACCENT)
    radius, error = (
        fit.attrs["radius_of_gyration_angstrom"],
        fit.attrs["radius_of_gyration_errors_angstrom"],
    )
    limit = fit["q"].values[-1] * radius
    above.set(title=f"Guinier: Rg = {radius:.2f} ± {error:.2f} Å (q Rg up to {limit:.2f})", ylabel="ln I(q)")
    below.axhline(0, color=ACCENT, lw=1)
    below.plot(q2, (intensity - line) / errors, ".", ms=4, color=CALM)
    below.set(xlabel="q² / 10⁻³ Å⁻²", ylabel="residual / σ")
    return figure


def kratky(plot: xr.Dataset) -> Figure:
    """The normalised Kratky plot with the point where compact particles peak."""
    figure, axes = _figure()
    x, y, errors = plot["q_rg"].values, plot["kratky"].values, plot["kratky_errors"].values
    near = x <= 10
    axes.errorbar(x[near], y[near], errors[near], fmt=".", ms=3, lw=0.5, color=CALM, alpha=0.8)
    axes.axvline(np.sqrt(3), color=PALE, ls="--", lw=1)
    axes.axhline(3 / math.e, color=PALE, ls="--", lw=1)
    axes.set(
        title="Normalised Kratky plot (a compact particle peaks where the lines cross)",
        xlabel="q Rg",
        ylabel="(q Rg)² I(q) / I(0)",
        ylim=(
            min(0.0, float(np.nanpercentile(y[near], 1))),
            max(1.6, float(np.nanpercentile(y[near], 98)) * 1.1),
        ),
    )
    return figure


def distances(spread: xr.Dataset, curve: xr.Dataset, fit: xr.Dataset) -> Figure:
    """P(r) with its uncertainty band, and the curve that it implies over the measured one."""
    figure, (left, right) = _figure(ncols=2, figsize=(9.6, 4.2))
    r, p, errors = spread["r"].values, spread["p_of_r"].values, spread["p_of_r_errors"].values
    left.axhline(0, color=PALE, lw=0.8)
    left.fill_between(r, p - errors, p + errors, color=CALM, alpha=0.3, lw=0)
    left.plot(r, p, color=CALM)
    dimension = spread.attrs["maximum_dimension_angstrom"]
    error = spread.attrs["maximum_dimension_errors_angstrom"]
    left.set(title=f"P(r): Dmax = {dimension:.0f} ± {error:.0f} Å", xlabel="r / Å", ylabel="P(r)")
    left.ticklabel_format(axis="y", scilimits=(-2, 3))
    q, intensity, sigma = _shown(curve)
    right.errorbar(q, intensity, sigma, fmt=".", ms=3, lw=0.5, color=PALE)
    right.plot(fit["q"], fit["intensity"], color=ACCENT)
    right.set(yscale="log", xlabel="q / Å⁻¹", ylabel=_intensity_label({"": curve}))
    right.set_title(f"fit: reduced χ² = {spread.attrs['chi2']:.2f}")
    return figure


def shape_plots(named: dict[str, xr.Dataset], fits: dict[str, xr.Dataset], title: str) -> dict[str, Figure]:
    """All plots of one characterised curve, the last of `named`; what was not possible is left out."""
    chosen = {"curve": curves(named, title)}
    if fits["guinier"].data_vars:
        chosen["guinier"] = guinier(fits["guinier"])
    if fits["kratky"].data_vars:
        chosen["kratky"] = kratky(fits["kratky"])
    if fits["distances"].data_vars:
        chosen["distances"] = distances(fits["distances"], list(named.values())[-1], fits["fit"])
    return chosen


def elution(trace: xr.Dataset, facts: dict[str, Any], title: str) -> Figure:
    """Intensity of every frame with baseline and plateau shaded, Rg on the second axis."""
    figure, axes = _figure(figsize=(7.2, 4.2))
    frame = trace["frame"].values
    axes.plot(frame, trace["integrated_intensity"].values, color=INK, lw=1, label="integrated intensity")
    for first, last in facts.get("baseline") or ():
        axes.axvspan(first, last, color=PALE, alpha=0.35, lw=0, label="baseline")
    if facts.get("plateau"):
        axes.axvspan(*facts["plateau"], color=CALM, alpha=0.25, lw=0, label="constant Rg")
    axes.set(title=title, xlabel="frame", ylabel="intensity / arbitrary unit")
    axes.legend(frameon=False, loc="upper left")
    if "radius_of_gyration" in trace:
        other = axes.twinx()
        radius, errors = trace["radius_of_gyration"].values, trace["radius_of_gyration_errors"].values
        other.errorbar(frame, radius, errors, fmt=".", ms=4, lw=0.7, color=ACCENT)
        seen = radius[np.isfinite(radius) & (errors < 0.3 * radius)]
        if seen.size:
            other.set_ylim(0, 2.0 * float(np.median(seen)))
        other.set_ylabel("Rg / Å", color=ACCENT)
    return figure


SERIES = {"radius_of_gyration": "Rg", "forward_intensity": "I(0)/c"}


def series(table: xr.Dataset, title: str) -> Figure:
    """Rg and I(0)/c against concentration."""
    figure, axes = _figure(ncols=2, figsize=(9.0, 3.8))
    for place, name in zip(axes, ("radius_of_gyration", "forward_intensity"), strict=True):
        values, errors = table[name].values, table[f"{name}_errors"].values
        place.errorbar(table["concentration"].values, values, errors, fmt="o", color=CALM)
        unit = str(table[name].attrs.get("units", ""))
        place.set(xlabel="concentration / mg/ml", ylabel=f"{SERIES[name]} / {unit}")
        place.set_xlim(left=0)
    figure.suptitle(title)
    return figure
