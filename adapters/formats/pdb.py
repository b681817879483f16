"""Atomic coordinates in PDB and mmCIF files, with the operators that build the biological assembly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    MissingExtraError,
    TruncatedFileError,
)
from adapters.formats import text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
RECORD = re.compile(r"^(ATOM  |HETATM)[ \d]{5} ", re.MULTILINE)
HEADER = re.compile(r"^HEADER    .{40}.*[0-9][A-Z0-9]{3}", re.MULTILINE)
MMCIF = re.compile(r"^(_entry\.id|_atom_site\.|_audit_conform\.dict_name\s+mmcif)", re.MULTILINE)
END = re.compile(r"^END\s*$", re.MULTILINE)
# Files of the archive state their cell; they always close with END.
ARCHIVED = re.compile(r"^(HEADER|CRYST1|MASTER)", re.MULTILINE)
UNITS = {"x": "angstrom", "y": "angstrom", "z": "angstrom", "b_factor": "angstrom**2"}
WATER, POLYMER, LIGAND = "water", "polymer", "ligand"


@dataclass(frozen=True)
class Coordinates:
    """A reader of atomic models: every model or part of the file is a `copy`, nothing is left out."""

    name: str = "coordinates"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the records of the format."""
        if probe.text.lstrip().startswith("data_") or MMCIF.search(probe.text):
            return Confidence.CONTENT if MMCIF.search(probe.text) else Confidence.NO
        found = HEADER.search(probe.text) or RECORD.search(probe.text)
        return Confidence.CONTENT if found else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the file ends as its format ends, and can be read."""
        try:
            _whole(path, text.text(path))
            self.open(path)
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """All atoms of all parts, the sequences, and the operators of every assembly."""
        content = text.text(path)
        parts, flags = _parts(path, content)
        first = parts[0]
        data = _atoms(parts).assign(_sequences(first)).assign(_operators(first))
        if data.sizes["atom"] == 0:
            raise LayoutError(path, "it holds no atoms")
        metadata = Metadata(technique="structure", raw=_said(first, data))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


def _whole(path: Path, content: str) -> None:
    if MMCIF.search(content):
        # Writers of mmCIF close every category with a hash; a cut file ends within one.
        if content.rstrip()[-1:] != "#" and not content.endswith("\n"):
            raise TruncatedFileError(path, "its last line has no end")
        return
    if ARCHIVED.search(content) and not content.rstrip().endswith("END"):
        raise TruncatedFileError(path, "there is no END record")


def _parts(path: Path, content: str) -> tuple[list[Any], tuple[Flag, ...]]:
    """One structure for each part of the file: text between END records, and models."""
    gemmi = _gemmi()
    if MMCIF.search(content):
        return _opened(path, lambda: gemmi.make_structure_from_block(_block(gemmi, content)))
    _numbers(path, content)
    sections = [part for part in END.split(content) if RECORD.search(part)]
    if not sections:
        raise LayoutError(path, "it holds no atoms")
    head = content[: RECORD.search(content).start()]  # type: ignore[union-attr]
    first, flags = _opened(path, lambda: gemmi.read_pdb_string(sections[0] + "END\n"))
    for section in sections[1:]:
        atoms = section[RECORD.search(section).start() :]  # type: ignore[union-attr]
        more, _ = _opened(path, lambda atoms=atoms: gemmi.read_pdb_string(head + atoms + "END\n"))
        first += more
    if len(sections) > 1:
        said = f"{len(sections)} sets of coordinates follow each other in the file; all are kept as copies"
        flags = (*flags, Flag.info("several_coordinate_sets", said))
    return first, flags


def _numbers(path: Path, content: str) -> None:
    """Raise unless every atom has three numbers for its place: gemmi takes what is none for zero."""
    for number, line in enumerate(content.splitlines(), start=1):
        if RECORD.match(line):
            try:
                [float(line[start : start + 8]) for start in (30, 38, 46)]
            except ValueError as error:
                said = f"line {number} has no coordinates: {line[30:54]!r}"
                raise CorruptFileError(path, said) from error


def _opened(path: Path, read: Any) -> tuple[list[Any], tuple[Flag, ...]]:
    # gemmi tells faults of a file by these; anything else is ours.
    try:
        structure = read()
    except (ValueError, RuntimeError, IndexError) as error:
        raise CorruptFileError(path, str(error).splitlines()[0]) from error
    structure.setup_entities()
    flags: list[Flag] = []
    before = sum(model.count_atom_sites() for model in structure)
    structure.remove_alternative_conformations()
    dropped = before - sum(model.count_atom_sites() for model in structure)
    if dropped:
        said = f"{dropped} atoms of alternative conformations are left out; the first of each is kept"
        flags.append(Flag.info("alternative_conformations", said))
    return [_single(structure, index) for index in range(len(structure))], tuple(flags)


def _single(structure: Any, index: int) -> Any:
    """The structure with its model of that number alone."""
    copy = structure.clone()
    for other in reversed(range(len(copy))):
        if other != index:
            del copy[other]
    return copy


def _block(gemmi: Any, content: str) -> Any:
    return gemmi.cif.read_string(content).sole_block()


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise MissingExtraError("gemmi", "structure") from error
    return gemmi


def _atoms(parts: list[Any]) -> xr.Dataset:
    import xarray as xr

    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for copy, part in enumerate(parts):
        for chain in part[0]:
            for residue in chain:
                kind = _kind(residue)
                for atom in residue:
                    row = (
                        *atom.pos.tolist(),
                        atom.element.name,
                        atom.name,
                        residue.name,
                        residue.seqid.num,
                        chain.name,
                        residue.subchain,
                        kind,
                        copy,
                        atom.occ,
                        atom.b_iso,
                    )
                    for name, value in zip(COLUMNS, row, strict=True):
                        columns[name].append(value)
    return xr.Dataset(
        {
            name: ("atom", np.array(values, dtype=kind), {"units": UNITS.get(name, "dimensionless")})
            for (name, kind), values in zip(COLUMNS.items(), columns.values(), strict=True)
        }
    )


COLUMNS: dict[str, Any] = {
    "x": float,
    "y": float,
    "z": float,
    "element": str,
    "atom_name": str,
    "residue": str,
    "residue_number": int,
    "chain": str,
    "subchain": str,
    "kind": str,
    "copy": int,
    "occupancy": float,
    "b_factor": float,
}


def _kind(residue: Any) -> str:
    gemmi = _gemmi()
    if residue.entity_type == gemmi.EntityType.Water:
        return WATER
    return POLYMER if residue.entity_type == gemmi.EntityType.Polymer else LIGAND


def _sequences(structure: Any) -> dict[str, Any]:
    """Full sequence of each polymer chain: as the file states it, else as its residues stand."""
    gemmi = _gemmi()
    rows: list[tuple[str, str, str, str, str]] = []
    for chain in structure[0]:
        polymer = chain.get_polymer()
        if not len(polymer):
            continue
        entity = structure.get_entity_of(polymer)
        stated = [gemmi.Entity.first_mon(each) for each in entity.full_sequence] if entity else []
        kind = (entity.polymer_type if entity else polymer.check_polymer_type()).name
        sequence = " ".join(stated or [residue.name for residue in polymer])
        source = "stated" if stated else "atoms"
        rows.append((chain.name, polymer.subchain_id(), sequence, kind, source))
    names = ("polymer_chain", "polymer_subchain", "polymer_sequence", "polymer_type", "polymer_source")
    columns: list[tuple[str, ...]] = list(zip(*rows, strict=True)) or [() for _ in names]
    unit = {"units": "dimensionless"}
    return {
        name: (("polymer",), np.array(column, dtype=str), unit)
        for name, column in zip(names, columns, strict=True)
    }


def _operators(structure: Any) -> dict[str, Any]:
    """Rotation and translation of every operator of every assembly, and the chains it moves."""
    rows: list[tuple[Any, Any, str, str]] = []
    for assembly in structure.assemblies:
        for generator in assembly.generators:
            chains = ",".join([*generator.chains, *(f"{each}:" for each in generator.subchains)])
            for operator in generator.operators:
                moved = operator.transform
                rows.append((moved.mat.tolist(), moved.vec.tolist(), assembly.name, chains))
    unit = {"units": "dimensionless"}
    rotation = np.array([row[0] for row in rows], float).reshape(-1, 3, 3)
    shift = np.array([row[1] for row in rows], float).reshape(-1, 3)
    return {
        "operator_rotation": (("operator", "to_axis", "axis"), rotation, unit),
        "operator_translation": (("operator", "axis"), shift, {"units": "angstrom"}),
        "operator_assembly": (("operator",), np.array([row[2] for row in rows], dtype=str), unit),
        "operator_chains": (("operator",), np.array([row[3] for row in rows], dtype=str), unit),
    }


def _said(structure: Any, data: xr.Dataset) -> dict[str, Any]:
    gemmi = _gemmi()
    info = {str(key): str(structure.info[key]) for key in structure.info}
    disulfides = [each for each in structure.connections if each.type == gemmi.ConnectionType.Disulf]
    said = {
        "entry": structure.name or None,
        "title": info.get("_struct.title"),
        "method": info.get("_exptl.method"),
        "resolution_angstrom": structure.resolution or None,
        "assemblies": {each.name: each.oligomeric_details for each in structure.assemblies},
        "disulfides": [[each.partner1.chain_name, each.partner2.chain_name] for each in disulfides],
        "copies": int(data["copy"].max()) + 1 if data.sizes["atom"] else 0,
    }
    return {key: value for key, value in said.items() if value is not None}


COORDINATES = Coordinates()
