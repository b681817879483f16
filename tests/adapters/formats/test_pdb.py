"""The reader of atomic models on files a test writes, and on deposited ones."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import AdapterError, CorruptFileError
from adapters.formats.pdb import COORDINATES
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample

pytest.importorskip("gemmi")

HEAD = """HEADER    TEST                                    01-JAN-00   1ABC
REMARK 350 BIOMOLECULE: 1
REMARK 350 AUTHOR DETERMINED BIOLOGICAL UNIT: DIMERIC
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000
REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000
REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000       30.00000
REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000        0.00000
REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        0.00000
SEQRES   1 A    3  GLY ALA SER
CRYST1   50.000   50.000   50.000  90.00  90.00  90.00 P 1           1
"""
ATOMS = (
    ("N", "GLY", 1),
    ("CA", "GLY", 1),
    ("C", "GLY", 1),
    ("N", "ALA", 2),
    ("CA", "ALA", 2),
    ("CB", "ALA", 2),
)


def records(shift=0.0):
    return "".join(
        f"ATOM  {serial:5d}  {name:<3s} {residue} A{number:4d}    "
        f"{1.5 * serial + shift:8.3f}{2.0:8.3f}{-serial:8.3f}  1.00 10.00          {name[0]:>2s}\n"
        for serial, (name, residue, number) in enumerate(ATOMS, start=1)
    )


def write_pdb(path, *shifts):
    path.write_text(HEAD + "".join(records(shift) + "TER\nEND\n" for shift in shifts or (0.0,)))
    return path


class TestCoordinates(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return COORDINATES

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_pdb(tmp_path / "model.pdb")
        return Sample(path, {"atom": 6, "operator": 2}, {"x": 1.5 * 21, "y": 12.0, "z": -21.0})


def test_sequence_and_operators_are_those_of_the_header(tmp_path):
    data = COORDINATES.open(write_pdb(tmp_path / "model.pdb")).data

    assert data["polymer_sequence"].values.tolist() == ["GLY ALA SER"]
    assert data["operator_translation"].values.tolist() == [[0, 0, 0], [30, 0, 0]]
    assert data["kind"].values.tolist() == ["polymer"] * 6


def test_parts_after_an_end_record_are_copies_not_lost(tmp_path):
    run = COORDINATES.open(write_pdb(tmp_path / "written_out.pdb", 0.0, 40.0))

    assert np.bincount(run.data["copy"].values).tolist() == [6, 6]
    assert "several_coordinate_sets" in {flag.code for flag in run.flags}


def test_numbers_that_are_none_are_said_in_our_words(tmp_path):
    path = tmp_path / "odd.pdb"
    path.write_text(HEAD + records().replace("   2.000", "   x.y00") + "END\n")

    with pytest.raises(CorruptFileError):
        COORDINATES.open(path)


def test_a_powder_cif_is_not_claimed(tmp_path):
    path = tmp_path / "powder.cif"
    path.write_text("data_lbco\n_cell_length_a 3.88\nloop_\n_atom_site_label\nLa\n")

    assert COORDINATES.probe(Probe(path)) is Confidence.NO


@pytest.mark.measured
@pytest.mark.parametrize(
    ("name", "atoms", "chains", "disulfides"),
    [
        ("mx/lysozyme-pdb/6lyz.cif", 1102, 1, 4),
        ("structures/6lyz.pdb", 1102, 1, 4),
        ("biosaxs/lysozyme-bioxolver/1lys.pdb", 2217, 2, 8),
        ("structures/5a1a.cif", 33696, 4, 0),
    ],
)
def test_deposited_models_are_read_whole(measured, name, atoms, chains, disulfides):
    run = open_run(measured / name)

    assert run.data.sizes["atom"] == atoms
    assert run.data.sizes["polymer"] == chains
    assert len(run.metadata.raw["disulfides"]) == disulfides


@pytest.mark.measured
def test_halves_of_deposited_models_are_broken(measured, tmp_path):
    for name in ("mx/lysozyme-pdb/6lyz.cif", "structures/6lyz.pdb"):
        data = (measured / name).read_bytes()
        path = tmp_path / name.rpartition("/")[2]
        path.write_bytes(data[: len(data) // 2])

        assert COORDINATES.check(path).state is State.BROKEN
        assert issubclass(CorruptFileError, AdapterError)
