"""Readers of mass spectra on files a test writes, and on measured ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats.mass_spectrum import SPECTRUM_TEXT
from adapters.formats.mzml import MZML
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing import ms as writers
from adapters.testing.ms import Scan

MZ_AXIS = 1000.0 * 1.0001 ** np.arange(400)
COUNTS = np.round(100 * np.exp(-0.5 * ((MZ_AXIS - 1020) / 3) ** 2), 3)


def write_text(path, *, header=True):
    head = "SPECTRUM - MS\nFTMS + p NSI\nData points: 400\nMass\tIntensity\n" if header else ""
    path.write_text(head + "".join(f"{a:.6f}\t{b:.6f}\n" for a, b in zip(MZ_AXIS, COUNTS, strict=True)))
    return path


def write_mzml(path, *, squeeze=True, points=(400, 0, 400)):
    scans = [
        Scan(60.0 * minute, MZ_AXIS[:count], COUNTS[:count]) for minute, count in enumerate(points, start=1)
    ]
    return writers.write_mzml(path, scans, squeeze=squeeze)


class TestSpectrumText(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return SPECTRUM_TEXT

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_text(tmp_path / "native.txt")
        return Sample(path, {"point": 400, "scan": 1}, {"mz": MZ_AXIS.sum(), "intensity": COUNTS.sum()})


class TestMzML(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MZML

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_mzml(tmp_path / "run.mzML")
        sums = {"mz": 2 * MZ_AXIS.sum(), "intensity": 2 * COUNTS.sum(), "scan_time": 360.0}
        return Sample(path, {"point": 800, "scan": 3}, sums)


def test_without_labels_the_axis_tells_and_a_flag_says_so(tmp_path):
    path = write_text(tmp_path / "bare.txt", header=False)

    assert SPECTRUM_TEXT.probe(Probe(path)) is Confidence.SIGNATURE
    assert open_run(path).metadata.technique == "ms"
    assert "columns_unlabelled" in {flag.code for flag in SPECTRUM_TEXT.open(path).flags}


@pytest.mark.parametrize("first", [0.01, 8000.0])
def test_a_table_of_equal_steps_is_no_spectrum(tmp_path, first):
    path = tmp_path / "curve.txt"
    path.write_text("".join(f"{first + 0.5 * step:.4f} {100.0 - step:.3f}\n" for step in range(90)))

    assert SPECTRUM_TEXT.probe(Probe(path)) is Confidence.NO


def test_fewer_points_than_promised_is_broken(tmp_path):
    path = write_text(tmp_path / "short.txt")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-5]))

    assert SPECTRUM_TEXT.check(path).state is State.BROKEN


def test_plain_zipped_and_gzipped_arrays_hold_the_same(tmp_path):
    plain, zipped = write_mzml(tmp_path / "a.mzML", squeeze=False), write_mzml(tmp_path / "b.mzML")
    packed_file = tmp_path / "c.mzML.gz"
    packed_file.write_bytes(gzip.compress(zipped.read_bytes(), mtime=0))

    sums = {float(open_run(path).data["intensity"].sum()) for path in (plain, zipped, packed_file)}

    assert len(sums) == 1


def test_an_array_shorter_than_promised_is_damage(tmp_path):
    path = write_mzml(tmp_path / "run.mzML")
    path.write_text(path.read_text().replace('defaultArrayLength="400"', 'defaultArrayLength="401"'))

    with pytest.raises(CorruptFileError, match="promises 401"):
        MZML.open(path).data["mz"].compute()


def test_a_packing_that_is_not_read_is_said(tmp_path):
    path = write_mzml(tmp_path / "run.mzML")
    path.write_text(path.read_text().replace("MS:1000574", "MS:1002312"))

    with pytest.raises(LayoutError, match="Numpress"):
        MZML.open(path).data["mz"].compute()


@pytest.mark.measured
def test_measured_runs_are_those_of_the_record(measured):
    peptides = open_run(measured / "ms/bsa_lcms/BSA1.mzML.gz").data
    protein = open_run(measured / "ms/intact/cytochrome_c_averaged.mzML").data.load()

    assert peptides.sizes["scan"] == 1684
    assert int((peptides["ms_level"] == 1).sum()) == 564
    assert float(peptides["scan_time"].max()) == pytest.approx(2499.518, abs=1e-3)
    assert float(protein["mz"][int(protein["intensity"].values.argmax())]) == pytest.approx(
        824.8989, abs=1e-4
    )
