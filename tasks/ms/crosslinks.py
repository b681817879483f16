"""Cross-links against a structure: how far apart the linked residues are, and how many it allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement
from tasks.common.kernels.composition import LETTERS
from tasks.common.reduced import Reduced, together
from tasks.ms.errors import SpectrumError
from tasks.ms.parameters import CrosslinkParameters

Floats = NDArray[np.float64]
NONE, ANGSTROM = {"units": "dimensionless"}, {"units": "angstrom"}
Residue = tuple[str, int]
RANDOM_PAIRS = 20000
MOST_MISMATCH = 0.02


@dataclass(frozen=True)
class Model:
    """Alpha carbons of a structure by chain and residue number, with each chain's stated sequence."""

    places: Mapping[tuple[str, int], tuple[str, Floats]]
    sequences: Mapping[str, str]
    name: str


def model_of(run: Measurement) -> Model:
    """The first copy of every chain in a file of coordinates."""
    data = run.data
    chosen = (
        (data["atom_name"].values == "CA") & (data["kind"].values == "polymer") & (data["copy"].values == 0)
    )
    atoms = data.isel(atom=np.flatnonzero(chosen))
    positions = np.stack([atoms[axis].values for axis in ("x", "y", "z")], axis=1).astype(float)
    named = zip(atoms["chain"].values, atoms["residue_number"].values, atoms["residue"].values, strict=True)
    places = {
        (str(chain), int(number)): (LETTERS.get(str(residue), "X"), position)
        for (chain, number, residue), position in zip(named, positions, strict=True)
    }
    stated = zip(data["polymer_chain"].values, data["polymer_sequence"].values, strict=True)
    sequences = {
        str(chain): "".join(LETTERS.get(each, "X") for each in str(sequence).split())
        for chain, sequence in stated
    }
    return Model(places, sequences, run.provenance.path.rpartition("/")[2])


def crosslinks(
    run: Measurement,
    parameters: CrosslinkParameters,
    model: Model | None = None,
    proteins: Mapping[str, str] | None = None,
) -> Reduced:
    """Unique residue pairs of targets, and their distances in a model where one is given."""
    data, flags = _targets(run, parameters)
    pairs = _pairs(data)
    if not pairs:
        raise SpectrumError("no target match is left", "Raise highest_fdr")
    parts = [_listed(data, pairs)]
    if model is not None:
        chains, chain_flags = _chains(pairs, model, proteins or {}, parameters)
        parts.append(_measured(pairs, model, chains, proteins or {}, parameters))
        flags = (*flags, *chain_flags)
    return together(parts, run.flags, flags)


def _targets(run: Measurement, parameters: CrosslinkParameters) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    if "residue_1" not in run.data:
        raise SpectrumError(f"{run.provenance.path} is no table of cross-links")
    data = run.data
    keep = ~data["decoy"].values
    if parameters.highest_fdr is not None:
        if "fdr" not in data:
            raise SpectrumError("the table states no false discovery rates", "Leave highest_fdr empty")
        keep &= data["fdr"].values <= parameters.highest_fdr
    known = np.isfinite(data["residue_1"].values) & np.isfinite(data["residue_2"].values)
    several = np.array(
        [
            ";" in a or ";" in b
            for a, b in zip(data["protein_1"].values, data["protein_2"].values, strict=True)
        ]
    )
    flags = []
    if lost := int((keep & several).sum()):
        told = f"{lost} matches whose peptide occurs in several proteins are left out"
        flags.append(Flag.caution("links_ambiguous", told))
    return data.isel(link=np.flatnonzero(keep & known & ~several)), tuple(flags)


def _pairs(data: xr.Dataset) -> list[tuple[Residue, Residue]]:
    """Unordered pairs of (protein, residue), each once, in the order of the table."""
    rows = zip(*(data[f"{name}_{k}"].values for k in (1, 2) for name in ("protein", "residue")), strict=True)
    found: dict[tuple[Residue, Residue], None] = {}
    for first, one, second, two in rows:
        ends = sorted([(str(first), int(one)), (str(second), int(two))])
        found[ends[0], ends[1]] = None
    return list(found)


def _listed(data: xr.Dataset, pairs: list[tuple[Residue, Residue]]) -> Reduced:
    within = sum(first[0] == second[0] for first, second in pairs)
    facts = {
        "matches": int(data.sizes["link"]),
        "residue_pairs": len(pairs),
        "within_a_protein": within,
        "between_proteins": len(pairs) - within,
    }
    table = xr.Dataset(
        {
            f"{name}_{k + 1}": ("pair", np.array([pair[k][index] for pair in pairs]), NONE)
            for k in (0, 1)
            for index, name in enumerate(("protein", "residue"))
        }
    )
    counted = _counts(data, pairs)
    return Reduced((), (), {"pairs": table.assign(intensity=("pair", counted, {"units": "count"}))}, facts)


def _counts(data: xr.Dataset, pairs: list[tuple[Residue, Residue]]) -> Floats:
    place = {pair: index for index, pair in enumerate(pairs)}
    total = np.zeros(len(pairs))
    rows = zip(*(data[f"{name}_{k}"].values for k in (1, 2) for name in ("protein", "residue")), strict=True)
    for first, one, second, two in rows:
        ends = sorted([(str(first), int(one)), (str(second), int(two))])
        total[place[ends[0], ends[1]]] += 1
    return total


def _chains(
    pairs: list[tuple[Residue, Residue]],
    model: Model,
    proteins: Mapping[str, str],
    parameters: CrosslinkParameters,
) -> tuple[dict[str, list[str]], tuple[Flag, ...]]:
    """Chains of each protein: as said, or those whose residues are its own by their numbers."""
    found: dict[str, list[str]] = {}
    for said in parameters.chains:
        protein, _, chain = said.partition("=")
        if not chain or chain not in model.sequences:
            raise SpectrumError(f"{said!r} names no chain of {model.name}", "Write it as P04050=A")
        found.setdefault(protein, []).append(chain)
    linked = sorted({end[0] for pair in pairs for end in pair})
    for protein in linked:
        whole = proteins.get(protein, "")
        if protein not in found and whole:
            found[protein] = [chain for chain in model.sequences if _is_of(model, chain, whole)]
    absent = [protein for protein in linked if not found.get(protein)]
    if len(absent) == len(linked):
        raise SpectrumError(
            f"no chain of {model.name} is known to be one of the linked proteins",
            "Give their sequences as a FASTA file, or chains as P04050=A",
        )
    if not absent:
        return found, ()
    told = f"no chain of {model.name} is {', '.join(absent)}; their links are not measured"
    return found, (Flag.info("proteins_not_in_model", told),)


def _is_of(model: Model, chain: str, whole: str) -> bool:
    """Whether the residues of a chain are, by their numbers, those of a sequence."""
    right, there = _agreeing(model, chain, whole)
    return there > 0 and right >= (1 - MOST_MISMATCH) * there


def _agreeing(model: Model, chain: str, whole: str) -> tuple[int, int]:
    of_chain = [(number, letter) for (name, number), (letter, _) in model.places.items() if name == chain]
    right = sum(0 < number <= len(whole) and whole[number - 1] == letter for number, letter in of_chain)
    return right, len(of_chain)


def _measured(
    pairs: list[tuple[Residue, Residue]],
    model: Model,
    chains: Mapping[str, list[str]],
    proteins: Mapping[str, str],
    parameters: CrosslinkParameters,
) -> Reduced:
    wrong = _mismatches(model, chains, proteins)
    distances, mapped = [], []
    for pair in pairs:
        ends = [
            [
                model.places[chain, number][1]
                for chain in chains.get(protein, ())
                if (chain, number) in model.places
            ]
            for protein, number in pair
        ]
        if ends[0] and ends[1]:
            # Copies of a chain cannot be told apart by mass, so the nearest ones count.
            distances.append(min(float(np.linalg.norm(a - b)) for a in ends[0] for b in ends[1]))
            mapped.append(pair)
    if not distances:
        raise SpectrumError(f"no linked residue has an alpha carbon in {model.name}")
    found = np.array(distances)
    allowed = found < parameters.longest_angstrom
    share = float(allowed.mean())
    error = float(np.sqrt((share * (1 - share) + 0.25 / len(found)) / len(found)))
    chance, middle = _by_chance(model, chains, parameters)
    told = (
        f"{int(allowed.sum())} of {len(found)} pairs of alpha carbons nearer than "
        f"{parameters.longest_angstrom:g} angstrom, median {np.median(found):.1f}",
        f"{len(pairs) - len(found)} of {len(pairs)} pairs are not in {model.name}",
        f"by chance {100 * chance:.1f} %, median {middle:.0f} angstrom",
    )
    finding = Finding("crosslink_satisfaction", 100 * share, 100 * error, "percent", model.name, told)
    table = xr.Dataset(
        {
            "distance": ("mapped", found, ANGSTROM),
            "allowed": ("mapped", allowed, NONE),
            **{
                f"mapped_{name}_{k + 1}": ("mapped", np.array([pair[k][index] for pair in mapped]), NONE)
                for k in (0, 1)
                for index, name in enumerate(("protein", "residue"))
            },
        }
    )
    facts = {
        "mapped_pairs": len(found),
        "median_distance_angstrom": float(np.median(found)),
        "longest_distance_angstrom": float(found.max()),
        "longest_allowed_angstrom": parameters.longest_angstrom,
        "by_chance_percent": 100 * chance,
        "by_chance_median_angstrom": middle,
    }
    flags = [Flag.caution("numbering_disagrees", each) for each in wrong]
    if share < 0.5:
        told_low = f"the model allows {100 * share:.0f} % of the cross-links only"
        flags.append(Flag.caution("crosslinks_violated", told_low))
    return Reduced((finding,), tuple(flags), {"distances": table}, facts)


def _mismatches(model: Model, chains: Mapping[str, list[str]], proteins: Mapping[str, str]) -> list[str]:
    """Chains whose residues are not, by their numbers, those of the protein's sequence."""
    told = []
    for protein, names in chains.items():
        whole = proteins.get(protein, "")
        for name in names if whole else ():
            right, there = _agreeing(model, name, whole)
            if there - right > MOST_MISMATCH * there:
                told.append(
                    f"{there - right} of {there} residues of chain {name} are not what {protein} has there"
                )
    return told


def _by_chance(
    model: Model, chains: Mapping[str, list[str]], parameters: CrosslinkParameters
) -> tuple[float, float]:
    """Share of random residue pairs of the same chains that are near enough, and their median distance."""
    used = {chain for names in chains.values() for chain in names}
    positions = np.stack([place for (chain, _), (_, place) in model.places.items() if chain in used])
    random = np.random.default_rng(0)
    first, second = random.integers(0, len(positions), (2, RANDOM_PAIRS))
    apart = first != second
    away = np.linalg.norm(positions[first[apart]] - positions[second[apart]], axis=1)
    return float((away < parameters.longest_angstrom).mean()), float(np.median(away))
