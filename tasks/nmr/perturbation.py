"""Shift perturbation: how far amide resonances move between two states, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.reduced import Reduced
from tasks.nmr.kernels import perturbation as kernel
from tasks.nmr.parameters_dynamics import PerturbationParameters
from tasks.nmr.selection import residue_of
from tasks.nmr.spectrum import PPM, ResonanceError

Floats = NDArray[np.float64]
UNITLESS = {"units": "dimensionless"}
PROTON, NITROGEN = ("H", "HN"), ("N",)
# Where amide resonances lie, in ppm: other axes than these are no 15N and 1H.
AMIDE = {"15N": (90.0, 145.0), "1H": (3.0, 15.0)}
GLYCINE = ("GLY", "G")
# A common move of all resonances by more than this is rather a reference that differs.
COMMON_PPM = 0.02


@dataclass(frozen=True)
class Amide:
    """Both shifts of one amide with their standard uncertainties (ppm; NaN unknown), and its residue."""

    proton: float
    nitrogen: float
    proton_error: float
    nitrogen_error: float
    residue: int | None
    kind: str


def perturbation(state: Measurement, reference: Measurement, parameters: PerturbationParameters) -> Reduced:
    """The weighted move of every amide that both states assign."""
    one, two = (amides(run, parameters) for run in (reference, state))
    names = [name for name in one if name in two]
    _same_molecule(one, two, names, (reference, state))
    if not names:
        raise ResonanceError(
            f"{reference.provenance.path} and {state.provenance.path} assign no amide in common",
            "Both need 1H and 15N of the same residues",
        )
    table = _table([one[name] for name in names], [two[name] for name in names], names, parameters)
    moved = table["perturbation"].values
    spread = kernel.background(moved, parameters.deviations)
    given = parameters.threshold_ppm
    threshold = given if given is not None else parameters.deviations * spread
    table["significant"] = ("peak", moved > threshold, UNITLESS)
    facts = {
        "threshold_ppm": float(threshold),
        "background_ppm": float(spread),
        "moved": int((moved > threshold).sum()),
    }
    flags = merged(reference.flags, state.flags, _remarks(table, one, two, threshold))
    return Reduced(_findings(table, threshold, parameters), flags, {"perturbation": table}, facts)


def amides(run: Measurement, parameters: PerturbationParameters) -> dict[str, Amide]:
    """Amides of a table of shifts by chain and residue, or of a peak list by the names of its peaks."""
    if "chemical_shift" in run.data:
        return _of_shifts(run, parameters)
    if "position" in run.data and "assignment" in run.data:
        return _of_peaks(run, parameters)
    raise ResonanceError(f"{run.provenance.path} holds neither assigned shifts nor named peaks")


def _of_shifts(run: Measurement, parameters: PerturbationParameters) -> dict[str, Amide]:
    data = run.data
    lists = np.unique(data["shift_list"].values) if "shift_list" in data else np.array([1])
    chosen = parameters.shift_list if parameters.shift_list is not None else int(lists[0])
    if chosen not in lists or (len(lists) > 1 and parameters.shift_list is None):
        raise ResonanceError(
            f"{run.provenance.path} has the lists of shifts {', '.join(map(str, lists))}",
            "Name one of them as perturbation.shift_list",
        )
    kept = data["shift_list"].values == chosen if "shift_list" in data else np.ones(data.sizes["atom"], bool)
    found: dict[tuple[str, int], dict[str, tuple[float, float, str]]] = {}
    for number in np.flatnonzero(kept):
        residue, atom = float(data["residue_number"].values[number]), str(data["atom_name"].values[number])
        element = "H" if atom in PROTON else "N" if atom in NITROGEN else ""
        if not element or not np.isfinite(residue):
            continue
        place = (_word(data, "chain", number), int(residue))
        error = (
            float(data["chemical_shift_errors"].values[number]) if "chemical_shift_errors" in data else np.nan
        )
        shift = float(data["chemical_shift"].values[number])
        if element in found.setdefault(place, {}):
            raise ResonanceError(f"{run.provenance.path} assigns {element} of residue {int(residue)} twice")
        found[place][element] = (shift, error, _word(data, "residue_name", number))
    chains = {chain for chain, _ in found}
    return {
        f"{chain + '.' if len(chains) > 1 else ''}{both['N'][2]}{residue}": Amide(
            both["H"][0], both["N"][0], _error(both["H"][1], parameters.proton_error_ppm),
            _error(both["N"][1], parameters.nitrogen_error_ppm), residue, both["N"][2],
        )
        for (chain, residue), both in sorted(found.items())
        if set(both) == {"H", "N"}
    }  # fmt: skip


def _word(data: xr.Dataset, name: str, number: int | np.integer[Any]) -> str:
    return str(data[name].values[number]) if name in data else ""


def _error(said: float, given: float | None) -> float:
    return said if given is None else given


def _of_peaks(run: Measurement, parameters: PerturbationParameters) -> dict[str, Amide]:
    position = run.data["position"].values
    if position.shape[1] != 2:
        raise ResonanceError(f"{run.provenance.path} has peaks of {position.shape[1]} axes, not 15N and 1H")
    for column, (nucleus, (low, high)) in enumerate(AMIDE.items()):
        if not ((position[:, column] > low) & (position[:, column] < high)).all():
            raise ResonanceError(
                f"axis {column + 1} of {run.provenance.path} runs from {position[:, column].min():.1f} to "
                f"{position[:, column].max():.1f} ppm, which is no {nucleus} of amides"
            )
    names = [str(name) for name in run.data["assignment"].values]
    if len(set(names)) != len(names):
        raise ResonanceError(f"{run.provenance.path} names a peak more than once")
    errors = parameters.proton_error_ppm, parameters.nitrogen_error_ppm
    return {
        name: Amide(
            float(row[1]), float(row[0]), _error(np.nan, errors[0]), _error(np.nan, errors[1]),
            residue_of(name), _kind(name),
        )
        for name, row in zip(names, position, strict=True)
    }  # fmt: skip


def _kind(name: str) -> str:
    """The residue's name in that of a peak, as LYS in LYS18N-H: its letters before the number."""
    last = name.rsplit(".", maxsplit=1)[-1]
    return last[: next((at for at, letter in enumerate(last) if letter.isdigit()), 0)]


def _same_molecule(
    one: dict[str, Amide], two: dict[str, Amide], names: list[str], runs: tuple[Measurement, Measurement]
) -> None:
    """Refuse two sequences: another residue of the same number is another molecule or numbering."""
    first, second = (
        {each.residue: each.kind for each in table.values() if each.residue is not None and each.kind}
        for table in (one, two)
    )
    other = [f"{first[n]}{n} and {second[n]}{n}" for n in first if n in second and first[n] != second[n]]
    if other and len(other) >= max(1, len(names)):
        raise ResonanceError(
            f"{runs[0].provenance.path} and {runs[1].provenance.path} are of different sequences: "
            f"{', '.join(other[:4])}{' ...' if len(other) > 4 else ''}"
        )


def _table(
    one: list[Amide], two: list[Amide], names: list[str], parameters: PerturbationParameters
) -> xr.Dataset:
    def column(rows: list[Amide], name: str) -> Floats:
        return np.array([getattr(each, name) for each in rows], float)

    proton, nitrogen = (column(two, name) - column(one, name) for name in ("proton", "nitrogen"))
    errors = tuple(
        np.hypot(column(one, f"{name}_error"), column(two, f"{name}_error"))
        for name in ("proton", "nitrogen")
    )
    glycine = parameters.glycine_weight or parameters.nitrogen_weight
    weight = np.array([glycine if each.kind in GLYCINE else parameters.nitrogen_weight for each in one])
    moved = kernel.distance(proton, nitrogen, weight)
    residue = [np.nan if each.residue is None else each.residue for each in one]
    return xr.Dataset(
        {
            "perturbation": ("peak", moved, PPM),
            "perturbation_errors": (
                "peak",
                kernel.distance_error(proton, nitrogen, weight, (errors[0], errors[1])),
                PPM,
            ),
            "assignment": ("peak", np.array(names, dtype=str), UNITLESS),
            "residue": ("peak", np.array(residue, float), UNITLESS),
            "proton": (("state", "peak"), np.stack([column(one, "proton"), column(two, "proton")]), PPM),
            "nitrogen": (
                ("state", "peak"),
                np.stack([column(one, "nitrogen"), column(two, "nitrogen")]),
                PPM,
            ),
            "proton_difference": ("peak", proton, PPM),
            "nitrogen_difference": ("peak", nitrogen, PPM),
            "weight": ("peak", weight, UNITLESS),
        }
    )


def _findings(table: xr.Dataset, threshold: float, parameters: PerturbationParameters) -> tuple[Finding, ...]:
    order = np.argsort(-table["perturbation"].values, kind="stable")[: parameters.claims]
    found = []
    for number in sorted(order):
        one = table.isel(peak=number)
        error = float(one["perturbation_errors"])
        known = np.isfinite(error)
        told = (
            f"square root of dH^2 + ({float(one['weight']):g} dN)^2",
            f"{'above' if bool(one['significant']) else 'not above'} the threshold of {threshold:.4g} ppm",
            "uncertainties of the shifts"
            if known
            else "no uncertainty: the lists state none of their shifts",
        )
        value, name = float(one["perturbation"]), f"shift perturbation of {one['assignment'].item()}"
        found.append(
            Finding("chemical_shift_perturbation", value, error if known else None, "ppm", name, told)
        )
    return tuple(found)


def _remarks(
    table: xr.Dataset, one: dict[str, Amide], two: dict[str, Amide], threshold: float
) -> tuple[Flag, ...]:
    flags = []
    alone = [sorted(set(a) - set(b)) for a, b in ((one, two), (two, one))]
    if any(alone):
        said = [f"{len(names)} only in the {which}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"
                for names, which in zip(alone, ("reference", "sample"), strict=True) if names]  # fmt: skip
        flags.append(Flag.caution("amides_in_one_state", f"amides assigned {'; '.join(said)}"))
    common = [float(np.median(table[f"{name}_difference"])) for name in ("proton", "nitrogen")]
    away = float(
        kernel.distance(np.array(common[:1]), np.array(common[1:]), float(np.median(table["weight"])))[0]
    )
    if away > COMMON_PPM:
        said_of = f"half of all amides move by {common[0]:.3f} ppm in 1H and {common[1]:.3f} ppm in 15N: "
        flags.append(Flag.caution("states_offset", said_of + "the two may be referenced differently"))
    if threshold == 0:
        flags.append(Flag.caution("nothing_moved", "no resonance moved, so that there is no background"))
    return tuple(flags)
