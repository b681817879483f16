"""STAR files of RELION, also as the package starfile reads them."""

from __future__ import annotations

import pytest

from adapters.errors import CorruptFileError, TruncatedFileError
from adapters.formats.star import STAR
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.em import write_star

OLD = """
data_

loop_
_rlnImageName #1
_rlnVoltage #2
_rlnMagnification #3
_rlnDetectorPixelSize #4
1@a.mrcs 300 50000 5.0
2@a.mrcs 300 50000 5.0

"""


class TestParticles(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return STAR

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_star(tmp_path / "p.star", "p.mrcs", [9000.0, 9500.0, 9100.0])
        return Sample(path, {"particles": 3, "optics": 1}, {"particles.rlnDefocusU": 27900.0, "rows": 4})


def test_optics_of_both_generations_are_found(tmp_path):
    new = open_run(write_star(tmp_path / "new.star", "p.mrcs", [9000.0])).metadata.raw
    old = tmp_path / "old.star"
    old.write_text(OLD)
    before = open_run(old).metadata.raw

    assert (new["pixel_angstrom"], new["voltage_kv"], new["amplitude_contrast"]) == (1.25, 300.0, 0.1)
    assert before["pixel_angstrom"] == pytest.approx(1.0)


def test_words_and_numbers_are_those_that_starfile_reads(tmp_path):
    starfile = pytest.importorskip("starfile")
    path = write_star(tmp_path / "p.star", "p.mrcs", [9000.0, 9500.0])
    ours, theirs = open_run(path).data, starfile.read(path, always_dict=True)["particles"]

    assert list(ours["particles.rlnDefocusV"].values) == list(theirs["rlnDefocusV"])
    assert list(ours["particles.rlnImageName"].values) == list(theirs["rlnImageName"])
    assert list(ours["particles.rlnMicrographName"].values) == ["mic 1.mrc", "mic 0.mrc"]


def test_a_row_that_is_not_whole_is_refused_by_its_number(tmp_path):
    path = tmp_path / "old.star"
    path.write_text(OLD.replace("2@a.mrcs 300 50000 5.0", "2@a.mrcs 300"))

    with pytest.raises(CorruptFileError, match="line 10 has 2 words"):
        STAR.open(path)


def test_a_table_without_rows_is_refused(tmp_path):
    path = tmp_path / "old.star"
    path.write_text(OLD.partition("1@a")[0])

    with pytest.raises(TruncatedFileError, match="no rows"):
        STAR.open(path)
    assert STAR.check(path).state is State.BROKEN
