"""Plots of a mass spectrum: the profile with its ladders, and the mass that each charge gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1f2d3d"
COLOURS = ("#c0392b", "#2e86ab", "#2a9d5c", "#8e5ea2")


def ladder(profile: xr.Dataset, rungs: xr.Dataset, title: str) -> Figure:
    """The spectrum, every assigned peak marked with its charge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    mz, intensity = profile["mz"].values, profile["intensity"].values
    top = float(intensity.max())
    axes.plot(mz, intensity / top, color=INK, lw=0.6)
    for species in np.unique(rungs["rung_species"].values).astype(int):
        these = rungs.isel(rung=rungs["rung_species"].values == species)
        colour = COLOURS[species % len(COLOURS)]
        x, y = these["rung_mz"].values, these["rung_height"].values / top
        axes.plot(x, y, "v", ms=4, color=colour)
        for at, height, charge in zip(x, y, these["rung_charge"].values, strict=True):
            axes.annotate(
                f"{charge:.0f}", (at, height), (0, 5), textcoords="offset points", ha="center", fontsize=7
            )
    if rungs.sizes["rung"]:
        used = rungs["rung_mz"].values
        margin = 0.15 * (used.max() - used.min())
        axes.set_xlim(used.min() - margin, used.max() + margin)
    axes.set(title=title, xlabel="m/z", ylabel="intensity / highest", ylim=(0, 1.12))
    return figure


def rung_masses(rungs: xr.Dataset, mass: float, error: float, title: str) -> Figure:
    """The mass (Da) that each charge of the strongest ladder gives, and their mean with its uncertainty."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    these = rungs.isel(rung=rungs["rung_species"].values == 0)
    axes.axhspan(mass - error, mass + error, color=COLOURS[1], alpha=0.25)
    axes.axhline(mass, color=COLOURS[1], lw=1)
    axes.plot(these["rung_charge"].values, these["rung_mass"].values, "o", color=INK, ms=4)
    axes.set(title=title, xlabel="charge", ylabel="mass / Da")
    axes.ticklabel_format(axis="y", useOffset=False)
    return figure


def mass_histogram(masses: xr.Dataset, found: list[tuple[float, float]], title: str) -> Figure:
    """How many ions have which mass; modes (kDa) with their uncertainties are marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    mass, counts = masses["mass"].values / 1000, masses["intensity"].values
    axes.stairs(counts, np.append(mass, mass[-1] + (mass[1] - mass[0])) - (mass[1] - mass[0]) / 2, color=INK)
    for (mode, error), colour in zip(found, COLOURS * 5, strict=False):
        axes.axvspan(mode - error, mode + error, color=colour, alpha=0.3)
        axes.axvline(mode, color=colour, lw=1, label=f"{mode:.1f} ± {error:.1f} kDa")
    filled = np.flatnonzero(counts > 0.002 * counts.max())
    axes.set_xlim(mass[filled[0]], mass[filled[-1]])
    unit = masses["intensity"].attrs["units"]
    axes.set(title=title, xlabel="mass / kDa", ylabel="ions" if unit == "count" else f"ions / {unit}")
    if found:
        axes.legend(frameon=False)
    return figure


def charge_plane(plane: xr.Dataset, title: str) -> Figure:
    """Charge over mass of all ions, on a logarithmic scale."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    counts = plane["ions"].values
    drawn = axes.pcolormesh(
        plane["ion_mass"].values / 1000,
        plane["ion_charge"].values,
        np.where(counts > 0, counts, np.nan),
        norm=LogNorm(1, max(float(counts.max()), 2.0)),
        cmap="viridis",
    )
    rows, columns = np.nonzero(counts > 0)
    if len(rows):
        for limits, values in (
            (axes.set_xlim, plane["ion_mass"].values[columns] / 1000),
            (axes.set_ylim, plane["ion_charge"].values[rows]),
        ):
            margin = 0.05 * (float(np.ptp(values)) or 1.0)
            limits(float(values.min()) - margin, float(values.max()) + margin)
    axes.set(title=title, xlabel="mass / kDa", ylabel="charge")
    figure.colorbar(drawn, ax=axes, label="ions")
    return figure


def charge_response(rungs: xr.Dataset, per_charge: float, title: str) -> Figure:
    """Median signal on each rung of the ladders in m/z over its charge, and the line through zero."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    charge = rungs["rung_charge"].values
    axes.plot(charge, rungs["rung_signal"].values, "o", color=INK, ms=4)
    ends = np.array([0.0, 1.05 * charge.max()])
    axes.plot(ends, per_charge * ends, color=COLOURS[1], lw=1, label=f"{per_charge:.4g} a charge")
    axes.set(title=title, xlabel="charge by the ladder", ylabel="median signal of its ions", xlim=ends)
    axes.legend(frameon=False)
    return figure


def uptake_map(table: xr.Dataset, title: str) -> Figure:
    """Uptake of each peptide along the sequence, one line a state, at the longest exposure all share."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    axes = figure.subplots()
    states = list(dict.fromkeys(table["state"].values.tolist()))
    longest = min(float(table["exposure"].values[table["state"].values == each].max()) for each in states)
    for state, colour in zip(states, COLOURS * 3, strict=False):
        near = (table["state"].values == state) & (
            np.abs(table["exposure"].values - longest) < 0.01 * longest
        )
        part = table.isel(peptide=np.flatnonzero(near))
        label: str | None = state
        rows = (part[name].values for name in ("start", "end", "intensity", "intensity_errors"))
        for start, end, uptake, error in zip(*rows, strict=True):
            axes.errorbar(
                (start + end) / 2, uptake, error, (end - start) / 2, color=colour, lw=1.4, label=label
            )
            label = None
    axes.set(title=f"{title}: {longest:.3g} min", xlabel="residue", ylabel="uptake of a peptide / Da")
    # Peptides fill the axes, so that any corner may hold some.
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def uptake_times(means: list[tuple[str, float, float, int]], title: str) -> Figure:
    """Mean uptake over peptides against exposure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for state, colour in zip(dict.fromkeys(each[0] for each in means), COLOURS * 3, strict=False):
        times = [(time, mean) for name, time, mean, _ in means if name == state and time > 0]
        axes.plot(*zip(*times, strict=True), "o-", ms=4, color=colour, label=state)
    axes.set(xscale="log", title=title, xlabel="exposure / min", ylabel="mean uptake of peptides / Da")
    axes.legend(frameon=False)
    return figure


def difference_map(table: xr.Dataset, significance: float, title: str) -> Figure:
    """Difference of uptake of each peptide and time, those beyond so many of its errors in colour."""
    from matplotlib.figure import Figure

    times = sorted(set(table["exposure"].values.tolist()))
    figure = Figure(figsize=(8.4, 1.0 + 1.3 * len(times)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(times), 1, sharex=True, sharey=True))
    for time, axes in zip(times, panels, strict=True):
        part = table.isel(peptide=np.flatnonzero(table["exposure"].values == time))
        rows = (part[name].values for name in ("start", "end", "difference", "difference_errors"))
        for start, end, change, error in zip(*rows, strict=True):
            sure = abs(change) > significance * error
            colour = (COLOURS[0] if change > 0 else COLOURS[1]) if sure else "#9aa5b1"
            axes.errorbar((start + end) / 2, change, error, (end - start) / 2, color=colour, lw=1.4)
        axes.axhline(0, color=INK, lw=0.6)
        axes.set_ylabel(f"{time:.3g} min")
    panels[0].set_title(f"{title}: difference of uptake / Da")
    panels[-1].set_xlabel("residue")
    return figure


def link_distances(found: xr.Dataset, longest: float, chance: float, title: str) -> Figure:
    """How long the cross-links are in the model, and the longest that the linker allows."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    distance = found["distance"].values
    edges = np.arange(0, max(float(distance.max()), longest) + 2.5, 2.5).tolist()
    axes.hist(distance[distance < longest], edges, color=COLOURS[1], label="allowed")
    axes.hist(distance[distance >= longest], edges, color=COLOURS[0], label="too long")
    axes.axvline(longest, color=INK, lw=1, ls="--")
    axes.axvline(chance, color="#9aa5b1", lw=1, ls=":", label="median of random pairs")
    axes.set(title=title, xlabel="distance of alpha carbons / Å", ylabel="residue pairs")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def link_plane(pairs: xr.Dataset, title: str) -> Figure:
    """Every linked pair of residues, proteins one after the other on both axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.8, 5.6), layout="constrained")
    axes = figure.subplots()
    ends = [(pairs[f"protein_{k}"].values, pairs[f"residue_{k}"].values) for k in (1, 2)]
    names = sorted({*ends[0][0].tolist(), *ends[1][0].tolist()})
    sizes = [max(int(number[protein == name].max(initial=1)) for protein, number in ends) for name in names]
    begins = dict(zip(names, np.concatenate([[0], np.cumsum(sizes)[:-1]]), strict=True))
    x, y = (
        np.array([begins[name] + number for name, number in zip(*end, strict=True)], float) for end in ends
    )
    axes.plot(np.maximum(x, y), np.minimum(x, y), "o", ms=3, color=COLOURS[1])
    for begin in list(begins.values())[1:]:
        axes.axvline(begin, color="#9aa5b1", lw=0.5)
        axes.axhline(begin, color="#9aa5b1", lw=0.5)
    middles = [begins[name] + size / 2 for name, size in zip(names, sizes, strict=True)]
    if 1 < len(names) <= 30:
        axes.set_xticks(middles, names, rotation=90, fontsize=7)
        axes.set_yticks(middles, names, fontsize=7)
    # The numbers of one protein are its own; of several, names stand where their residues are.
    word = f"residue of {names[0]}" if len(names) == 1 else "residues of the proteins, end to end"
    axes.set(title=title, xlabel=word, ylabel=word)
    return figure


def chromatogram(table: xr.Dataset, extracted: xr.Dataset | None, title: str) -> Figure:
    """Total ion current of survey scans over time, and below it what was extracted."""
    from matplotlib.figure import Figure

    count = 0 if extracted is None else extracted.sizes["ion"]
    figure = Figure(figsize=(7.2, 3.2 + 1.6 * count), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1 + count, 1, sharex=True))
    minutes = table["time"].values / 60
    panels[0].plot(minutes, table["intensity"].values, color=INK, lw=0.8)
    panels[0].set(title=title, ylabel="total ion current")
    for number in range(count):
        assert extracted is not None  # it has ions
        panels[number + 1].plot(minutes, extracted["current"].values[number], color=COLOURS[1], lw=0.8)
        panels[number + 1].set_ylabel(f"m/z {float(extracted['ion'][number]):.4f}")
    panels[-1].set_xlabel("time / min")
    return figure


def identification_errors(table: xr.Dataset, title: str) -> Figure:
    """Difference of each identified precursor from the mass of its sequence, over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    found = table["in_run"].values.astype(bool)
    for chosen, colour, word in ((found, COLOURS[2], "in the run"), (~found, COLOURS[0], "not in the run")):
        if chosen.any():
            minutes = table["identified_time"].values[chosen] / 60
            axes.plot(minutes, table["difference"].values[chosen], "o", ms=4, color=colour, label=word)
    axes.axhline(0, color=INK, lw=0.6)
    axes.set(title=title, xlabel="time / min", ylabel="precursor less sequence / ppm")
    axes.legend(frameon=False)
    return figure
