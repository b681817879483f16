"""What residues are made of: masses of sequences, and the hydrogens that crystal structures leave out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

# Conventional atomic weights (IUPAC), Da.
WEIGHTS: Mapping[str, float] = {
    "H": 1.008, "D": 2.014, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "NA": 22.990, "MG": 24.305,
    "P": 30.974, "S": 32.06, "CL": 35.45, "K": 39.098, "CA": 40.078, "MN": 54.938, "FE": 55.845,
    "CO": 58.933, "NI": 58.693, "CU": 63.546, "ZN": 65.38, "SE": 78.971, "BR": 79.904, "CD": 112.41,
    "I": 126.90,
}  # fmt: skip
ELECTRONS: Mapping[str, int] = {
    "H": 1, "D": 1, "C": 6, "N": 7, "O": 8, "F": 9, "NA": 11, "MG": 12, "P": 15, "S": 16, "CL": 17, "K": 19,
    "CA": 20, "MN": 25, "FE": 26, "CO": 27, "NI": 28, "CU": 29, "ZN": 30, "SE": 34, "BR": 35, "CD": 48,
    "I": 53,
}  # fmt: skip

# Atoms C, H, N, O, S, Se of an amino acid residue, uncharged, within a chain.
RESIDUES: Mapping[str, tuple[int, int, int, int, int, int]] = {
    "GLY": (2, 3, 1, 1, 0, 0), "ALA": (3, 5, 1, 1, 0, 0), "SER": (3, 5, 1, 2, 0, 0),
    "PRO": (5, 7, 1, 1, 0, 0), "VAL": (5, 9, 1, 1, 0, 0), "THR": (4, 7, 1, 2, 0, 0),
    "CYS": (3, 5, 1, 1, 1, 0), "LEU": (6, 11, 1, 1, 0, 0), "ILE": (6, 11, 1, 1, 0, 0),
    "ASN": (4, 6, 2, 2, 0, 0), "ASP": (4, 5, 1, 3, 0, 0), "GLN": (5, 8, 2, 2, 0, 0),
    "LYS": (6, 12, 2, 1, 0, 0), "GLU": (5, 7, 1, 3, 0, 0), "MET": (5, 9, 1, 1, 1, 0),
    "HIS": (6, 7, 3, 1, 0, 0), "PHE": (9, 9, 1, 1, 0, 0), "ARG": (6, 12, 4, 1, 0, 0),
    "TYR": (9, 9, 1, 2, 0, 0), "TRP": (11, 10, 2, 1, 0, 0), "MSE": (5, 9, 1, 1, 0, 1),
}  # fmt: skip
ORDER = ("C", "H", "N", "O", "S", "SE")
WATER = 2 * WEIGHTS["H"] + WEIGHTS["O"]
LETTERS: Mapping[str, str] = {
    "GLY": "G", "ALA": "A", "SER": "S", "PRO": "P", "VAL": "V", "THR": "T", "CYS": "C", "LEU": "L",
    "ILE": "I", "ASN": "N", "ASP": "D", "GLN": "Q", "LYS": "K", "GLU": "E", "MET": "M", "HIS": "H",
    "PHE": "F", "ARG": "R", "TYR": "Y", "TRP": "W",
}  # fmt: skip
NAMES = {letter: name for name, letter in LETTERS.items()}

# Masses of the most common isotopes (Da), and of the proton.
MONOISOTOPIC: Mapping[str, float] = {
    "H": 1.00782503223, "C": 12.0, "N": 14.00307400443, "O": 15.99491461957, "S": 31.9720711744,
    "SE": 79.9165218,
}  # fmt: skip
PROTON = 1.007276466621
# Changes of a residue's monoisotopic mass by the names that search engines write in brackets.
MODIFICATIONS: Mapping[str, float] = {
    "Oxidation": 15.99491461957,
    "Carbamidomethyl": 57.02146372057,
    "Acetyl": 42.01056468,
    "Phospho": 79.96633,
    "Methyl": 14.01565006,
    "Deamidated": 0.98401558,
}
MODIFIED = re.compile(r"([A-Z])(?:\(([^)]*)\))?")

# Hydrogens that each heavy atom carries near pH 7, inside a chain.
BACKBONE = {"N": 1, "CA": 1}
SIDE_CHAINS: Mapping[str, Mapping[str, int]] = {
    "GLY": {"CA": 2},
    "ALA": {"CB": 3},
    "SER": {"CB": 2, "OG": 1},
    "PRO": {"N": 0, "CB": 2, "CG": 2, "CD": 2},
    "VAL": {"CB": 1, "CG1": 3, "CG2": 3},
    "THR": {"CB": 1, "OG1": 1, "CG2": 3},
    "CYS": {"CB": 2, "SG": 1},
    "LEU": {"CB": 2, "CG": 1, "CD1": 3, "CD2": 3},
    "ILE": {"CB": 1, "CG1": 2, "CG2": 3, "CD1": 3},
    "ASN": {"CB": 2, "ND2": 2},
    "ASP": {"CB": 2},
    "GLN": {"CB": 2, "CG": 2, "NE2": 2},
    "LYS": {"CB": 2, "CG": 2, "CD": 2, "CE": 2, "NZ": 3},
    "GLU": {"CB": 2, "CG": 2},
    "MET": {"CB": 2, "CG": 2, "CE": 3},
    "MSE": {"CB": 2, "CG": 2, "CE": 3},
    "HIS": {"CB": 2, "ND1": 1, "CD2": 1, "CE1": 1},
    "PHE": {"CB": 2, "CD1": 1, "CD2": 1, "CE1": 1, "CE2": 1, "CZ": 1},
    "ARG": {"CB": 2, "CG": 2, "CD": 2, "NE": 1, "NH1": 2, "NH2": 2},
    "TYR": {"CB": 2, "CD1": 1, "CD2": 1, "CE1": 1, "CE2": 1, "OH": 1},
    "TRP": {"CB": 2, "CD1": 1, "NE1": 1, "CE3": 1, "CZ2": 1, "CZ3": 1, "CH2": 1},
}


def residue_mass(name: str) -> float | None:
    """Average mass (Da) of an amino acid residue by its three letters; None for an unknown one."""
    made_of = RESIDUES.get(name)
    if made_of is None:
        return None
    return sum(count * WEIGHTS[element] for count, element in zip(made_of, ORDER, strict=True))


def chain_mass(residues: Iterable[str], disulfides: int = 0) -> float:
    """Average mass (Da) of one polypeptide chain, each of its disulfides two hydrogens lighter.

    Raises
    ------
    KeyError
        Naming the first residue without a known composition.
    """
    total = WATER - 2 * WEIGHTS["H"] * disulfides
    for name in residues:
        mass = residue_mass(name)
        if mass is None:
            raise KeyError(name)
        total += mass
    return total


def peptide_mz(peptide: str, charge: int) -> float:
    """Monoisotopic m/z of a peptide in one-letter code, changes in brackets as M(Oxidation).

    NaN where a residue or a change is not known.
    """
    total = 2 * MONOISOTOPIC["H"] + MONOISOTOPIC["O"]
    plain = peptide.lstrip(".")
    if charge < 1 or "".join(match.group(0) for match in MODIFIED.finditer(plain)) != plain:
        return float("nan")
    for match in MODIFIED.finditer(plain):
        letter, change = match.groups()
        made_of = RESIDUES.get(NAMES.get(letter, ""))
        if made_of is None or (change is not None and change not in MODIFICATIONS):
            return float("nan")
        total += sum(count * MONOISOTOPIC[element] for count, element in zip(made_of, ORDER, strict=True))
        total += MODIFICATIONS[change] if change is not None else 0.0
    return total / charge + PROTON


def three_letters(sequence: str) -> tuple[str, ...]:
    """A one-letter sequence as three-letter names; KeyError names an unknown letter."""
    return tuple(NAMES[letter] for letter in sequence.upper() if not letter.isspace())


def implicit_hydrogens(residues: Sequence[str], atoms: Sequence[str]) -> tuple[int, ...]:
    """Hydrogens that belong to each heavy atom of amino acid residues; 0 where the residue is unknown."""
    return tuple(_carried(residue, atom) for residue, atom in zip(residues, atoms, strict=True))


def _carried(residue: str, atom: str) -> int:
    side = SIDE_CHAINS.get(residue)
    if side is None:
        return 0
    return side.get(atom, BACKBONE.get(atom, 0))
