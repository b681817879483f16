"""From the atoms of a file to the atoms of one particle in solution, with every choice said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Flag, Measurement
from tasks.common.kernels.composition import implicit_hydrogens
from tasks.structure.kernels import assembly as moves
from tasks.structure.kernels.scattering import GAUSSIANS
from tasks.structure.kernels.size import radius_of_gyration
from tasks.structure.parameters import ASYMMETRIC_UNIT, StructureParameters

Floats = NDArray[np.float64]


class StructureError(Exception):
    """An atomic model is not what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Particle:
    """Heavy atoms with the hydrogens they carry, and the sequence of every chain in the particle.

    `disulfides` counts those that each chain closes. `missing` are residues of the
    sequences without atoms.
    """

    positions: Floats
    elements: tuple[str, ...]
    hydrogens: tuple[int, ...]
    sequences: tuple[tuple[str, ...], ...]
    disulfides: tuple[int, ...]
    missing: int
    name: str
    flags: tuple[Flag, ...]


def particle_of(run: Measurement, parameters: StructureParameters) -> Particle:
    """The particle that `parameters.assembly` names, built by the file's own operators where needed."""
    atoms = _counted(run.data.load(), parameters)
    first = atoms.isel(atom=atoms["copy"].values == 0)
    if first.sizes["atom"] == 0:
        raise StructureError(
            f"{run.provenance.path} holds no polymer", "Set ligands to count other molecules"
        )
    name, operators, flags = _operators(run, parameters)
    copies = [atoms.isel(atom=atoms["copy"].values == each) for each in range(run.metadata.raw["copies"])]
    if len(copies) > 1:
        parts, more = _written_out(copies, operators, name)
    else:
        parts, more = _generated(first, operators), ()
    elements, hydrogens, told = _hydrogens(parts)
    chains = [chain for part in parts for chain in dict.fromkeys(part["chain"].values.tolist())]
    sequences, missing, lacking = _sequences(run.data, first, chains, parameters)
    heavy = np.array([each not in ("H", "D") for each in elements])
    positions = np.concatenate([_positions(part) for part in parts])[heavy]
    return Particle(
        positions=positions,
        elements=tuple(np.array(elements)[heavy].tolist()),
        hydrogens=tuple(np.array(hydrogens)[heavy].tolist()),
        sequences=sequences,
        disulfides=tuple(_disulfides(run, chain) for chain in chains),
        missing=missing,
        name=name,
        flags=(
            *flags,
            *more,
            *told,
            *lacking,
            *_left_out(run.data, parameters),
            *_unit(run.data, len(chains)),
        ),
    )


def _counted(data: xr.Dataset, parameters: StructureParameters) -> xr.Dataset:
    kinds = ("polymer", "ligand") if parameters.ligands else ("polymer",)
    return data.isel(atom=np.isin(data["kind"].values, kinds))


def _left_out(data: xr.Dataset, parameters: StructureParameters) -> tuple[Flag, ...]:
    ligand = data["residue"].values[data["kind"].values == "ligand"]
    if parameters.ligands or not len(ligand):
        return ()
    said = f"ligands and ions are left out: {', '.join(sorted(set(ligand.tolist())))}"
    return (Flag.info("ligands_left_out", said),)


def _unit(data: xr.Dataset, chains: int) -> tuple[Flag, ...]:
    """A file with more molecules than the particle has: using all of them gives a wrong size."""
    there = data.sizes["polymer"]
    if there <= chains or chains == 0:
        return ()
    said = (
        f"the asymmetric unit holds {there} chains, the assembly {chains}: "
        f"only the assembly is taken for the particle"
    )
    return (Flag.info("several_molecules_in_asymmetric_unit", said),)


def _operators(
    run: Measurement, parameters: StructureParameters
) -> tuple[str, list[tuple[Floats, Floats, str]], tuple[Flag, ...]]:
    data = run.data
    known = list(dict.fromkeys(data["operator_assembly"].values.tolist()))
    if parameters.assembly == ASYMMETRIC_UNIT:
        return ASYMMETRIC_UNIT, [], _several(data)
    if parameters.assembly is None and not known:
        said = "the file states no biological assembly; all its chains are taken for the particle"
        return ASYMMETRIC_UNIT, [], (Flag.caution("assembly_not_stated", said), *_several(data))
    name = parameters.assembly or known[0]
    if name not in known:
        raise StructureError(
            f"{run.provenance.path} has no assembly {name!r}", f"It has {', '.join(known) or 'none'}"
        )
    of_it = np.flatnonzero(data["operator_assembly"].values == name)
    moves_ = [
        (
            data["operator_rotation"].values[index],
            data["operator_translation"].values[index],
            str(data["operator_chains"].values[index]),
        )
        for index in of_it
    ]
    return name, moves_, ()


def _several(data: xr.Dataset) -> tuple[Flag, ...]:
    there = data.sizes["polymer"]
    if there < 2:
        return ()
    said = f"all {there} chains of the asymmetric unit are taken for one particle; they may be several"
    return (Flag.caution("several_molecules_in_asymmetric_unit", said),)


def _generated(atoms: xr.Dataset, operators: list[tuple[Floats, Floats, str]]) -> list[xr.Dataset]:
    if not operators:
        return [atoms]
    parts = []
    for rotation, translation, chains in operators:
        part = atoms.isel(atom=_of_chains(atoms, chains.split(",")))
        parts.append(_placed(part, moves.moved(_positions(part), rotation, translation)))
    return [part for part in parts if part.sizes["atom"]]


def _of_chains(atoms: xr.Dataset, names: list[str]) -> NDArray[np.bool_]:
    """Atoms of the chains, or of the subchains where a name ends in a colon."""
    subchains = [name[:-1] for name in names if name.endswith(":")]
    return np.isin(atoms["chain"].values, names) | np.isin(atoms["subchain"].values, subchains)


def _written_out(
    copies: list[xr.Dataset], operators: list[tuple[Floats, Floats, str]], name: str
) -> tuple[list[xr.Dataset], tuple[Flag, ...]]:
    """Copies that the file holds already: an assembly written out, or an ensemble of which one is taken."""
    centres = np.stack([_positions(each).mean(axis=0) for each in copies])
    size = radius_of_gyration(_positions(copies[0]), np.ones(copies[0].sizes["atom"]))
    if moves.superposed(centres, size):
        said = f"an ensemble of {len(copies)} models; the first is taken"
        return _generated(copies[0], operators), (Flag.info("ensemble_first_model_used", said),)
    if name == ASYMMETRIC_UNIT:
        said = f"{len(copies)} sets of coordinates apart in space are taken as one particle"
        return copies, (Flag.caution("copies_taken_as_one_particle", said),)
    built = [_positions(each).mean(axis=0) for each in _generated(copies[0], operators)]
    if moves.same_places(centres, np.stack(built)):
        said = f"the file writes out all {len(copies)} copies of assembly {name}; no operator is applied"
        return copies, (Flag.info("assembly_written_out", said),)
    raise StructureError(
        f"the {len(copies)} sets of coordinates are neither an ensemble nor the copies of assembly {name}",
        "Choose asymmetric_unit to take them as one particle",
    )


def _positions(atoms: xr.Dataset) -> Floats:
    return np.stack([atoms[axis].values for axis in ("x", "y", "z")], axis=1).astype(float)


def _placed(atoms: xr.Dataset, positions: Floats) -> xr.Dataset:
    columns = zip(("x", "y", "z"), positions.T, strict=True)
    return atoms.assign({axis: ("atom", column, atoms[axis].attrs) for axis, column in columns})


def _hydrogens(parts: list[xr.Dataset]) -> tuple[list[str], list[int], tuple[Flag, ...]]:
    """Elements, and for each heavy atom its hydrogens: the file's own, or those its residue implies."""
    elements = [str(each).upper() for part in parts for each in part["element"].values]
    strange = sorted(set(elements) - set(GAUSSIANS) - {"D"})
    if strange:
        raise StructureError(f"no form factor is tabulated for {', '.join(strange)}", "Leave ligands out")
    carried: list[int] = []
    for part in parts:
        if np.isin(part["element"].values, ["H", "D"]).any():
            carried += _own_hydrogens(part)
        else:
            carried += implicit_hydrogens(part["residue"].values.tolist(), part["atom_name"].values.tolist())
    if any(each in ("H", "D") for each in elements):
        return elements, carried, ()
    said = f"the file has no hydrogens; {sum(carried)} are added by residue type as near pH 7"
    return elements, carried, (Flag.info("hydrogens_implied", said),)


def _own_hydrogens(part: xr.Dataset) -> list[int]:
    """Each hydrogen counts for the heavy atom nearest to it."""
    from scipy.spatial import cKDTree

    light = np.isin(part["element"].values, ["H", "D"])
    positions = _positions(part)
    heavy = np.flatnonzero(~light)
    _, nearest = cKDTree(positions[heavy]).query(positions[light])
    counts = np.zeros(len(positions), int)
    np.add.at(counts, heavy[nearest], 1)
    return [int(each) for each in counts]


def _sequences(
    data: xr.Dataset, first: xr.Dataset, chains: list[str], parameters: StructureParameters
) -> tuple[tuple[tuple[str, ...], ...], int, tuple[Flag, ...]]:
    from tasks.common.kernels.composition import three_letters

    columns = (data["polymer_chain"].values, data["polymer_sequence"].values)
    stated = {str(chain): tuple(str(said).split()) for chain, said in zip(*columns, strict=True)}
    if parameters.sequence is not None:
        try:
            given = three_letters(parameters.sequence)
        except KeyError as error:
            raise StructureError(
                f"{error} is no amino acid", "Give the sequence in one-letter code"
            ) from error
        stated = dict.fromkeys(stated, given)
    modelled = {
        chain: len(np.unique(first["residue_number"].values[first["chain"].values == chain]))
        for chain in stated
    }
    sequences = tuple(stated[chain] for chain in chains if chain in stated)
    missing = sum(max(0, len(stated[chain]) - modelled[chain]) for chain in chains if chain in stated)
    flags: list[Flag] = []
    if missing:
        whole = sum(map(len, sequences))
        said = f"{missing} of {whole} residues have no atoms: sizes and the mass of the atoms lack them"
        flags.append(Flag.caution("residues_missing", said))
    source = data["polymer_source"].values.tolist()
    if "atoms" in source and parameters.sequence is None:
        said = "the file states no sequence; that of the residues with atoms is taken, which may be shorter"
        flags.append(Flag.caution("sequence_not_stated", said))
    return sequences, missing, tuple(flags)


def _disulfides(run: Measurement, chain: str) -> int:
    return sum(pair[0] == chain for pair in run.metadata.raw.get("disulfides", ()))
