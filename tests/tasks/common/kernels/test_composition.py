"""Masses of sequences against published ones, hydrogens against the composition of residues."""

from __future__ import annotations

import pytest

from tasks.common.kernels.composition import (
    LETTERS,
    ORDER,
    RESIDUES,
    SIDE_CHAINS,
    chain_mass,
    implicit_hydrogens,
    residue_mass,
    three_letters,
)

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


def test_ubiquitin_has_its_known_mass():
    assert chain_mass(three_letters(UBIQUITIN)) == pytest.approx(8564.8, abs=0.15)


def test_a_disulfide_takes_two_hydrogens():
    assert chain_mass(["CYS", "CYS"]) - chain_mass(["CYS", "CYS"], 1) == pytest.approx(2.016)


def test_an_unknown_residue_is_named():
    assert residue_mass("XYZ") is None
    with pytest.raises(KeyError, match="XYZ"):
        chain_mass(["ALA", "XYZ"])


@pytest.mark.parametrize("residue", sorted(LETTERS))
def test_implied_hydrogens_are_those_of_the_composition_charged_as_at_ph_7(residue):
    backbone = ["N", "CA"]
    atoms = [*backbone, *(atom for atom in SIDE_CHAINS[residue] if atom not in backbone)]
    charge = {"ARG": 1, "LYS": 1, "ASP": -1, "GLU": -1}.get(residue, 0)

    carried = implicit_hydrogens([residue] * len(atoms), atoms)

    assert sum(carried) == RESIDUES[residue][ORDER.index("H")] + charge
