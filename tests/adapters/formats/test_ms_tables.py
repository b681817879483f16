"""Images, ion lists, exchange, cross-links, identifications and sequences on files a test writes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from adapters.errors import AdapterError, CorruptFileError, LayoutError
from adapters.formats.dynamx import DYNAMX
from adapters.formats.fasta import FASTA
from adapters.formats.hxms import HXMS
from adapters.formats.idxml import IDXML
from adapters.formats.imzml import IMZML
from adapters.formats.ion_list import IONS, MASSES
from adapters.formats.mzidentml import MZIDENTML
from adapters.formats.tsf import TSF
from adapters.formats.xifdr import XIFDR
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing import ms as writers

MZ = [100.0, 200.5, 300.25]
PIXELS = {(1, 1): (MZ, [1.0, 2.0, 3.0]), (2, 1): (MZ, [4.0, 0.0, 1.0]), (2, 2): (MZ, [0.5, 0.5, 0.5])}


class TestImzML(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return IMZML

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_imzml(tmp_path / "image.imzML", PIXELS)
        return Sample(
            path,
            {"scan": 3, "point": 9},
            {"mz": 3 * sum(MZ), "intensity": 12.5, "total_ion_current": 12.5},
            {"pixel_size_x_m": 50e-6},
            flags=("pixels_not_measured",),
            halve=path.with_suffix(".ibd"),
        )


class TestTsf(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        pytest.importorskip("zstandard")
        return TSF

    @pytest.fixture
    def sample(self, tmp_path):
        pytest.importorskip("zstandard")
        pixels = {
            (5, 7): ([0.0, 200000.0], [3.0, 4.0]),
            (6, 7): ([], []),
            (7, 7): ([100000.0], [5.0]),
        }
        folder = writers.write_tsf(tmp_path / "run.d", pixels)
        middle = ((300**0.5 + 1500**0.5) / 2) ** 2
        return Sample(
            folder,
            {"scan": 3, "point": 3},
            {"intensity": 12.0, "mz": 1800 + middle},
            {"instrument": "timsTOF test", "pixel_size_y_m": 20e-6},
            flags=("pixels_empty", "mz_calibration_partial"),
            halve=folder / "analysis.tsf_bin",
        )

    def test_provenance_names_reader_and_file(self, adapter, sample):
        # A folder is no file to hash; the two files in it are.
        names = {path.name for path in adapter.open(sample.path).provenance.all_files}

        assert names == {"analysis.tsf", "analysis.tsf_bin"}


class TestIons(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return IONS

    @pytest.fixture
    def sample(self, tmp_path):
        rows = np.arange(40.0).reshape(10, 4)
        np.savez(tmp_path / "ions.npz", data=rows)
        sums = {"ion_mz": rows[:, 0].sum(), "ion_signal": rows[:, 1].sum()}
        return Sample(tmp_path / "ions.npz", {"ion": 10}, sums, flags=("column_unexplained",))


class TestMasses(AdapterConformance):
    # Two columns of numbers say nowhere how many there are.
    tells_truncation = False

    @pytest.fixture
    def adapter(self):
        return MASSES

    @pytest.fixture
    def sample(self, tmp_path):
        path = tmp_path / "run_mass.txt"
        path.write_text("".join(f"{1e5 + 1e4 * k:.6e} {k % 7:.6e}\n" for k in range(40)))
        return Sample(path, {"mass": 40}, {"intensity": float(sum(k % 7 for k in range(40)))})


class TestDynamX(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return DYNAMX

    @pytest.fixture
    def sample(self, tmp_path):
        rows = [(1, 5, "PEPTI", "wild", time, time * 2, 0.1) for time in (0.0, 1.0, 10.0)]
        path = writers.write_dynamx(tmp_path / "states.csv", rows)
        return Sample(path, {"row": 3}, {"uptake": 22.0, "exposure": 11.0})


class TestHxms(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return HXMS

    @pytest.fixture
    def sample(self, tmp_path):
        rows = [(1, 5, 1, 0.0, 0.0), (1, 5, 1, 60.0, 2.0), (1, 5, 2, 60.0, 2.5), (6, 12, 1, 600.0, 1.25)]
        path = writers.write_hxms(tmp_path / "apo.hxms", rows)
        return Sample(path, {"row": 4}, {"uptake": 5.75, "exposure": 12.0, "exchangeable": 4 * 3 + 4})


def test_hxms_tells_forms_of_a_peptide_and_the_control_apart(tmp_path):
    rows = [(1, 5, 1, 60.0, 2.0), (1, 5, 1, 60.0, 0.5), (1, 5, 1, 60.0, 1.0), (1, 5, 1, np.inf, 3.5)]
    forms = [("A", "0000"), ("B", "0000"), ("A", "0001"), ("A", "0000")]
    run = HXMS.open(writers.write_hxms(tmp_path / "apo.hxms", rows, forms=forms))

    named = ["MTFQI", "MTFQI (population B)", "MTFQI [Phospho]", "MTFQI"]
    assert run.data["sequence"].values.tolist() == named
    assert run.data["state"].values.tolist() == ["apo", "apo", "apo", "fully deuterated"]
    assert (run.metadata.temperature_k, run.metadata.raw["d2o_fraction"]) == (293.0, 0.9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("v1.0", "v2.0", "v1."),
        ("METADATA     PROTEIN_STATE         apo\n", "", "no PROTEIN_STATE"),
        ("TITLE_TP    INDEX", "TITLE_TP    NUMBER", "TITLE_TP"),
        ("2.00", "lots", "UPTAKE"),
        ("MTFQIQRIYPEPTIDEK", "MTF", "sequence of 3 residues"),
        ("PTM         0000    nan\nPTM         0001    Phospho\n", "", "modifications"),
    ],
)
def test_hxms_that_does_not_say_what_it_must_is_refused(tmp_path, old, new, said):
    path = writers.write_hxms(tmp_path / "apo.hxms", [(1, 5, 1, 60.0, 2.0)])
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(AdapterError, match=re.escape(said)):
        HXMS.open(path)


class TestXiFdr(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return XIFDR

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_xifdr(tmp_path / "psm.csv", [("A", 1, "B", 2, False), ("A", 3, "B", 4, True)])
        sums = {"residue_1": 4.0, "residue_2": 6.0, "decoy": 1.0, "mass": 2 * 3795.06}
        return Sample(path, {"link": 2}, sums)


class TestMzIdentML(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MZIDENTML

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_mzidentml(tmp_path / "links.mzid")
        sums = {"residue_1": 7.0, "residue_2": 21.0, "score": 12.5, "scan_number": 42.0}
        return Sample(path, {"link": 1}, sums)


class TestIdXML(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return IDXML

    @pytest.fixture
    def sample(self, tmp_path):
        rows = [("PEPTIDE", 2, 400.7, 10.0), ("M(Oxidation)K", 1, 294.1, 20.0)]
        path = writers.write_idxml(tmp_path / "found.idXML", rows)
        return Sample(path, {"identification": 2}, {"precursor_mz": 694.8, "scan_time": 30.0})


class TestFasta(AdapterConformance):
    # A sequence may end anywhere.
    tells_truncation = False

    @pytest.fixture
    def adapter(self):
        return FASTA

    @pytest.fixture
    def sample(self, tmp_path):
        path = tmp_path / "two.fasta"
        path.write_text(">sp|P12345|NAME words\nMKV\nLLA\n>other words\nGGGG\n")
        return Sample(path, {"protein": 2}, {})


def test_accessions_are_taken_out_of_their_bars(tmp_path):
    path = tmp_path / "two.fasta"
    path.write_text(">sp|P12345|NAME words\nMKV\nLLA\n>other words\nGGGG\n")
    found = open_run(path).data

    assert found["accession"].values.tolist() == ["P12345", "other"]
    assert found["protein_sequence"].values.tolist() == ["MKVLLA", "GGGG"]


def test_both_modes_of_an_image_hold_the_same(tmp_path):
    both = [
        open_run(writers.write_imzml(tmp_path / f"{mode}.imzML", PIXELS, continuous=mode)).data
        for mode in (False, True)
    ]

    np.testing.assert_array_equal(both[0]["mz"].values, both[1]["mz"].values)
    np.testing.assert_array_equal(both[0]["intensity"].values, both[1]["intensity"].values)


def test_spectra_of_another_image_are_refused(tmp_path):
    path = writers.write_imzml(tmp_path / "image.imzML", PIXELS)
    binary = path.with_suffix(".ibd")
    binary.write_bytes(b"\xff" * 16 + binary.read_bytes()[16:])

    judged = IMZML.check(path)

    assert judged.state is State.BROKEN
    assert "not the one" in judged.reason


def test_a_changed_byte_of_the_spectra_is_noticed(tmp_path):
    path = writers.write_imzml(tmp_path / "image.imzML", PIXELS)
    binary = path.with_suffix(".ibd")
    data = bytearray(binary.read_bytes())
    data[-1] ^= 1
    binary.write_bytes(bytes(data))

    assert "checksum" in IMZML.check(path).reason


def test_spectra_that_are_not_there_yet_are_waited_for(tmp_path):
    path = writers.write_imzml(tmp_path / "image.imzML", PIXELS)
    path.with_suffix(".ibd").unlink()

    assert IMZML.check(path).state is State.WAIT


def test_a_run_that_the_instrument_has_open_is_waited_for(tmp_path):
    pytest.importorskip("zstandard")
    folder = writers.write_tsf(tmp_path / "run.d", {(1, 1): ([5.0], [1.0])}, closed=False)

    assert TSF.check(folder).state is State.WAIT


def test_a_calibration_that_misses_its_range_is_refused(tmp_path):
    pytest.importorskip("zstandard")
    import sqlite3
    from contextlib import closing

    folder = writers.write_tsf(tmp_path / "run.d", {(1, 1): ([5.0], [1.0])})
    with closing(sqlite3.connect(folder / "analysis.tsf")) as base:
        base.execute("update MzCalibration set C1 = C1 * 2")
        base.commit()

    with pytest.raises(LayoutError, match="constants give"):
        TSF.open(folder)


def test_words_where_numbers_are_due_are_refused_by_their_row(tmp_path):
    path = writers.write_xifdr(tmp_path / "psm.csv", [("A", 1, "B", 2, False)])
    path.write_text(path.read_text().replace("949.77", "many"))

    with pytest.raises(CorruptFileError, match="row 2 has 'many'"):
        XIFDR.open(path)
