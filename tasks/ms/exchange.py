"""Hydrogen-deuterium exchange: uptake of peptides, back exchange by a control, differences of states."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement
from tasks.common.reduced import Reduced, together
from tasks.ms.errors import SpectrumError
from tasks.ms.parameters import ExchangeParameters

Floats = NDArray[np.float64]
NONE, DALTON = {"units": "dimensionless"}, {"units": "Da"}
COLUMNS = ("start", "end", "exposure", "uptake", "uptake_errors", "exchangeable", "sequence", "state")
CONTROL = re.compile(r"full(y|-)?.*deuter|max.*deuter|\bFD\b", re.IGNORECASE)
SAME_TIME = 0.01


def exchange(runs: Sequence[Measurement], parameters: ExchangeParameters) -> Reduced:
    """Mean uptake by state and time, back exchange, and the difference of every state to the reference."""
    rows = _joined(runs)
    states = list(dict.fromkeys(rows["state"].values.tolist()))
    control, flags = _control(rows, states, parameters)
    compared = [each for each in states if each != control]
    if not compared:
        raise SpectrumError("no state but the control is in the tables", "Give the table of a state")
    reference = parameters.reference or compared[0]
    if reference not in compared:
        raise SpectrumError(f"no state is called {reference!r}", f"There are {', '.join(compared)}")
    full, control_flags = _full(rows, control)
    parts = [_uptakes(rows, compared, full)]
    for state in compared:
        if state != reference:
            parts.append(_difference(rows, reference, state, parameters))
    read = [flag for run in runs for flag in run.flags]
    return together(parts, read, flags, control_flags)


def _joined(runs: Sequence[Measurement]) -> xr.Dataset:
    for run in runs:
        if absent := [name for name in COLUMNS if name not in run.data]:
            raise SpectrumError(f"{run.provenance.path} is no table of uptakes: it lacks {', '.join(absent)}")
    return xr.concat([averaged(run.data)[list(COLUMNS)] for run in runs], dim="row")


def averaged(rows: xr.Dataset) -> xr.Dataset:
    """Replicates of a peptide and time as their mean, with their standard deviation for error.

    That is what vendors' tables state too. What was measured once has the pooled
    deviation of all that were repeated; where nothing was, errors are NaN.
    """
    if "replicate" not in rows:
        return rows
    names = ("state", "start", "end", "sequence", "exposure")
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, key in enumerate(zip(*(rows[name].values.tolist() for name in names), strict=True)):
        groups.setdefault(key, []).append(index)
    first = rows.isel(row=[members[0] for members in groups.values()])
    uptakes = [rows["uptake"].values[members] for members in groups.values()]
    # The sample before exchange is zero by definition: its replicates say nothing of their spread.
    exposed = first["exposure"].values > 0
    pooled = _pooled([each for each, there in zip(uptakes, exposed, strict=True) if there])
    errors = [each.std(ddof=1) if len(each) > 1 else pooled for each in uptakes]
    return first.assign(
        uptake=("row", np.array([each.mean() for each in uptakes]), DALTON),
        uptake_errors=("row", np.where(exposed, errors, 0.0), DALTON),
    )


def _pooled(samples: Sequence[Floats]) -> float:
    freedom = sum(len(each) - 1 for each in samples)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in samples)
    return float(np.sqrt(squares / freedom)) if freedom else float("nan")


def _control(
    rows: xr.Dataset, states: list[str], parameters: ExchangeParameters
) -> tuple[str | None, tuple[Flag, ...]]:
    if parameters.control is not None:
        if parameters.control not in states:
            raise SpectrumError(
                f"no state is called {parameters.control!r}", f"There are {', '.join(states)}"
            )
        return parameters.control, ()
    for state in states:
        # Exchanged for ever: the file itself says that this is the control.
        if np.isinf(_of(rows, state)["exposure"].values).all():
            return state, ()
    named = [each for each in states if CONTROL.search(each)]
    if len(named) == 1:
        told = f"{named[0]!r} is taken for the fully deuterated control by its name"
        return named[0], (Flag.caution("control_by_name", told),)
    told = "no fully deuterated control: uptakes are not corrected for back exchange"
    return None, (Flag.caution("back_exchange_unknown", told),)


def _keys(rows: xr.Dataset) -> list[tuple[int, int, str]]:
    columns = (rows["start"].values, rows["end"].values, rows["sequence"].values)
    return [(int(a), int(b), str(c)) for a, b, c in zip(*columns, strict=True)]


def _of(rows: xr.Dataset, state: str) -> xr.Dataset:
    return rows.isel(row=np.flatnonzero(rows["state"].values == state))


def _full(
    rows: xr.Dataset, control: str | None
) -> tuple[dict[tuple[int, int, str], float], tuple[Flag, ...]]:
    """Uptake of each peptide in the control at its longest exposure."""
    if control is None:
        return {}, ()
    found = _of(rows, control)
    exposed = found.isel(row=np.flatnonzero(found["exposure"].values > 0))
    full: dict[tuple[int, int, str], tuple[float, list[float]]] = {}
    for key, time, uptake in zip(
        _keys(exposed), exposed["exposure"].values, exposed["uptake"].values, strict=True
    ):
        if key not in full or time > full[key][0]:
            full[key] = (float(time), [])
        if time == full[key][0]:
            full[key][1].append(float(uptake))
    # Files of several states may each hold the control; it is one sample, and its mean counts.
    means = {key: float(np.mean(uptakes)) for key, (_, uptakes) in full.items()}
    good = {key: uptake for key, uptake in means.items() if uptake > 0}
    if len(good) < len(full):
        told = f"{len(full) - len(good)} peptides of the control took up nothing and correct nothing"
        return good, (Flag.caution("control_without_uptake", told),)
    return good, ()


def _times(rows: xr.Dataset) -> list[float]:
    found: list[float] = []
    for time in sorted(set(rows["exposure"].values.tolist())):
        if not found or time - found[-1] > SAME_TIME * max(time, 1e-9):
            found.append(time)
    return found


def _at(rows: xr.Dataset, time: float) -> xr.Dataset:
    near = np.abs(rows["exposure"].values - time) <= SAME_TIME * max(time, 1e-9)
    return rows.isel(row=np.flatnonzero(near))


def _uptakes(rows: xr.Dataset, states: list[str], full: dict[tuple[int, int, str], float]) -> Reduced:
    findings: list[Finding] = []
    columns: dict[str, list[Floats]] = {}
    words: list[str] = []
    means: list[tuple[str, float, float, float, int]] = []
    for state in states:
        of_state = _of(rows, state)
        for time in _times(of_state):
            part = _at(of_state, time)
            uptake, errors = part["uptake"].values, part["uptake_errors"].values
            mean, error = float(uptake.mean()), float(np.sqrt((errors**2).sum()) / len(uptake))
            means.append((state, time, mean, error, len(uptake)))
            if time > 0:
                told = (f"mean of {len(uptake)} peptides", "back exchange not corrected")
                findings.append(_finding(mean, error, f"{state}, {time:g} min", told))
        keys = _keys(of_state)
        share = np.array([full.get(key, np.nan) for key in keys])
        for name, values in {
            "start": of_state["start"].values,
            "end": of_state["end"].values,
            "exposure": of_state["exposure"].values,
            "intensity": of_state["uptake"].values,
            "intensity_errors": of_state["uptake_errors"].values,
            "exchangeable": of_state["exchangeable"].values,
            "fraction": of_state["uptake"].values / share,
            "fraction_errors": of_state["uptake_errors"].values / share,
        }.items():
            columns.setdefault(name, []).append(values.astype(float))
        words += [state] * of_state.sizes["row"]
    units = {"exposure": {"units": "min"}, "intensity": DALTON, "intensity_errors": DALTON}
    table = xr.Dataset(
        {name: ("peptide", np.concatenate(values), units.get(name, NONE)) for name, values in columns.items()}
    )
    table["state"] = ("peptide", np.array(words), NONE)
    facts: dict[str, object] = {
        "mean_uptake_da": [[state, time, mean, count] for state, time, mean, _, count in means]
    }
    flags: list[Flag] = []
    if full:
        facts["back_exchange"] = _back_exchange(rows, full)
    return Reduced(tuple(findings), tuple(flags), {"uptake": table}, facts)


def _finding(mean: float, error: float, method: str, told: tuple[str, ...]) -> Finding:
    known = bool(np.isfinite(error))
    said = (
        *told,
        "replicate errors only" if known else "not every peptide was repeated, so errors are not known",
    )
    return Finding("deuterium_uptake", mean, error if known else None, "Da", method, said)


def _back_exchange(rows: xr.Dataset, full: dict[tuple[int, int, str], float]) -> dict[str, float]:
    """Share of exchangeable amides that the control lost, by peptide; labelling below 100 % is in it."""
    amides = dict(zip(_keys(rows), rows["exchangeable"].values, strict=True))
    lost = np.array([1 - uptake / amides[key] for key, uptake in full.items() if amides.get(key, 0) > 0])
    return {"median": float(np.median(lost)), "lowest": float(lost.min()), "highest": float(lost.max())}


def _difference(rows: xr.Dataset, reference: str, state: str, parameters: ExchangeParameters) -> Reduced:
    first, second = _of(rows, reference), _of(rows, state)
    times = [a for a in _times(first) if a > 0 and any(abs(a - b) <= SAME_TIME * a for b in _times(second))]
    if not times:
        raise SpectrumError(f"{state} and {reference} share no exposure", "Compare states of one time course")
    chosen = parameters.exposure_min or times[len(times) // 2]
    if not any(abs(chosen - time) <= SAME_TIME * chosen for time in times):
        listed = ", ".join(f"{time:g}" for time in times)
        raise SpectrumError(f"no exposure of {chosen:g} min is shared", f"Shared are {listed} min")
    found = [_compared(first, second, time) for time in times]
    table = xr.concat(found, dim="peptide")
    there = table.isel(
        peptide=np.flatnonzero(np.abs(table["exposure"].values - chosen) <= SAME_TIME * chosen)
    )
    change, error = there["difference"].values, there["difference_errors"].values
    mean, spread = float(change.mean()), float(np.sqrt((error**2).sum()) / len(change))
    sure = np.abs(change) > parameters.significance * error
    told = (f"mean over {len(change)} peptides that both states have",)
    method = f"{state} less {reference}, {chosen:g} min"
    order = np.argsort(-np.abs(change))[:5]
    listed = ", ".join(
        f"{there['start'].values[i]:.0f}-{there['end'].values[i]:.0f} {change[i]:+.2f} Da" for i in order
    )
    number = f"{int(sure.sum())} of {len(change)}" if np.isfinite(error).all() else "an unknown number of"
    said = f"{number} peptides differ between {state} and {reference}; most: {listed}"
    finding = _finding(mean, spread, method, told)
    facts = {
        "difference_exposure_min": float(chosen),
        "shared_peptides": len(change),
        "significance": parameters.significance,
    }
    name = "difference_" + re.sub(r"\W+", "_", state).strip("_")
    return Reduced((finding,), (Flag.info("uptake_differs", said),), {name: table}, facts)


def _compared(first: xr.Dataset, second: xr.Dataset, time: float) -> xr.Dataset:
    one, other = _at(first, time), _at(second, time)
    place = {key: index for index, key in enumerate(_keys(one))}
    pairs = [(place[key], index) for index, key in enumerate(_keys(other)) if key in place]
    mine, theirs = (
        (np.array(column, int) for column in zip(*pairs, strict=True)) if pairs else (np.empty(0, int),) * 2
    )
    change = other["uptake"].values[theirs] - one["uptake"].values[mine]
    errors = np.hypot(other["uptake_errors"].values[theirs], one["uptake_errors"].values[mine])
    return xr.Dataset(
        {
            "start": ("peptide", one["start"].values[mine].astype(float), NONE),
            "end": ("peptide", one["end"].values[mine].astype(float), NONE),
            "exposure": ("peptide", np.full(len(mine), time), {"units": "min"}),
            "difference": ("peptide", change, DALTON),
            "difference_errors": ("peptide", errors, DALTON),
        }
    )
