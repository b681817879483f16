"""Scans, spectra, patterns and reflections in text: what was written comes back, what is broken is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AdapterError, LayoutError, MissingMetadataError, TruncatedFileError
from adapters.formats.fio import FIO, FioFile
from adapters.formats.mca import MCA_COLUMN, MCA_SPE, McaColumn, SpectrumBlocks
from adapters.formats.powder_text import POWDER_TEXT, PowderText
from adapters.formats.reflections import REFLECTIONS, ReflectionFile
from adapters.formats.spec import SPEC, SpecFile, scans
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.scans import write_fio, write_mca, write_powder, write_spe, write_spec, write_xds

ANGLES = np.linspace(10, 60, 200)
HEIGHTS = 100 + 50 * np.sin(ANGLES)
COUNTS = np.random.default_rng(1).poisson(20, 128).astype(float)
COLUMNS = {"Two Theta": np.linspace(0, 1, 8), "Detector": np.arange(8.0)}
FIO_COLUMNS = {
    "exp_dmy01": ("DOUBLE", [0.0, 0.5, 1.0]),
    "eh_c01 raw counts": ("DOUBLE", [10, 20, 30]),
    "shutter": ("BOOLEAN", ["True", "False", "True"]),
    "file": ("STRING", ["a", "b", "c"]),
}


def settled(path: Path) -> Path:
    """The file as if written an hour ago."""
    then = time.time() - 3600
    os.utime(path, (then, then))
    return path


class TestPowderText(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> PowderText:
        return POWDER_TEXT

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_powder(tmp_path / "pattern.xye", ANGLES, HEIGHTS, np.sqrt(HEIGHTS))
        return Sample(
            path,
            {"frame": 1, "two_theta": 200},
            {"intensity": HEIGHTS.sum(), "two_theta": ANGLES.sum()},
            {"technique": "powder", "wavelength_angstrom": None},
        )


class TestSpec(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> SpecFile:
        return SPEC

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_spec(tmp_path / "session.dat", [COLUMNS])
        return Sample(path, {"point": 8}, {"Detector": 28.0, "Two Theta": 4.0}, {"technique": "scan"})


class TestFio(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> FioFile:
        return FIO

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_fio(tmp_path / "scan_00012.fio", FIO_COLUMNS, parameters={"energy": 8000})
        return Sample(path, {"point": 3}, {"eh_c01 raw counts": 60.0, "shutter": 2}, {"facility": "petra3"})


class TestMcaColumn(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> McaColumn:
        return MCA_COLUMN

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_mca(tmp_path / "spectrum.mca", COUNTS)
        return Sample(path, {"frame": 1, "channel": 128}, {"spectra": COUNTS.sum()}, {"technique": "xrf"})


class TestSpe(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> SpectrumBlocks:
        return MCA_SPE

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_spe(tmp_path / "spectrum.spe", COUNTS, calibration=(0.5, 0.01))
        return Sample(path, {"channel": 128}, {"spectra": COUNTS.sum()}, {"exposure_s": 100.0})


class TestReflections(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ReflectionFile:
        pytest.importorskip("gemmi")
        return REFLECTIONS

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        indices = np.array([(h, k, 2) for h in range(1, 5) for k in range(1, 5)])
        path = write_xds(tmp_path / "XDS_ASCII.HKL", indices, np.arange(16.0))
        return Sample(
            path,
            {"reflection": 16},
            {"h": 40, "l": 32, "IOBS": 120.0},
            {"wavelength_angstrom": 0.97938, "distance_m": 0.3},
        )


def test_a_packed_pattern_reads_like_a_plain_one(tmp_path: Path) -> None:
    plain = POWDER_TEXT.open(write_powder(tmp_path / "a.xye", ANGLES, HEIGHTS))
    packed = POWDER_TEXT.open(write_powder(tmp_path / "b.xye.bz2", ANGLES, HEIGHTS))

    np.testing.assert_array_equal(plain.data["intensity"], packed.data["intensity"])


def test_half_an_archive_is_truncated(tmp_path: Path) -> None:
    path = write_powder(tmp_path / "b.xye.bz2", ANGLES, HEIGHTS)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(TruncatedFileError):
        POWDER_TEXT.open(path)


def test_a_pattern_without_label_is_taken_by_its_name_and_that_is_told(tmp_path: Path) -> None:
    run = open_run(write_powder(tmp_path / "a.xye", ANGLES, HEIGHTS, labelled=False))

    assert "recognised_by_name_only" in {flag.code for flag in run.flags}


def test_of_several_scans_one_must_be_named(tmp_path: Path) -> None:
    path = write_spec(tmp_path / "session.dat", [COLUMNS, {"x": np.arange(5.0)}])

    with pytest.raises(MissingMetadataError, match=r"2 scans with points \(1, 2\)"):
        open_run(path)
    assert open_run(path, assume={"scan": "2"}).data.sizes["point"] == 5


def test_a_scan_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = write_spec(tmp_path / "session.dat", [COLUMNS, {"x": np.arange(5.0)}])

    with pytest.raises(AdapterError, match="scans with points are 1, 2"):
        open_run(path, assume={"scan": "9"})


def test_an_aborted_scan_is_read_and_told(tmp_path: Path) -> None:
    path = write_spec(tmp_path / "session.dat", [COLUMNS], aborted=0)

    assert "scan_aborted" in {flag.code for flag in SPEC.open(path).flags}


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "session.dat"
    path.write_text("#F session.dat\n#E 1\n#S 1 scan\n#N 3\n#L a  b  a\n1 2 3\n4 5 6\n\n")

    assert list(scans(path, path.read_text())[0].columns) == ["a", "b", "a (2)"]


def test_a_fio_file_loses_nothing_to_one_bad_parameter(tmp_path: Path) -> None:
    said = {"first": 1, "abs": 2, "energy": 8000}
    run = FIO.open(
        write_fio(tmp_path / "s_1.fio", FIO_COLUMNS, parameters=said, odd_line="no equals sign here")
    )

    assert (run.metadata.raw["abs"], run.metadata.raw["energy"]) == (2, 8000)
    assert "parameters_unreadable" in {flag.code for flag in run.flags}


def test_a_fio_file_of_an_aborted_scan_keeps_its_whole_rows(tmp_path: Path) -> None:
    path = settled(write_fio(tmp_path / "s_1.fio", FIO_COLUMNS, ended=False, torn=True))
    run = FIO.open(path)

    assert FIO.check(path).state is State.READY
    assert run.data.sizes["point"] == 2
    assert {"scan_aborted", "rows_incomplete"} <= {flag.code for flag in run.flags}


def test_a_fio_file_that_may_grow_is_waited_for(tmp_path: Path) -> None:
    assert FIO.check(write_fio(tmp_path / "s_1.fio", FIO_COLUMNS, ended=False)).state is State.WAIT


def test_a_label_with_blanks_stays_whole(tmp_path: Path) -> None:
    assert "eh_c01 raw counts" in FIO.open(write_fio(tmp_path / "s_1.fio", FIO_COLUMNS)).data


def test_a_scan_of_one_point_keeps_its_axis(tmp_path: Path) -> None:
    one = {"x": ("DOUBLE", [1.5])}

    assert FIO.open(write_fio(tmp_path / "s_1.fio", one)).data["x"].shape == (1,)


def test_who_measured_is_not_kept(tmp_path: Path) -> None:
    said = {"user": "somebody", "energy": 1}
    raw = FIO.open(write_fio(tmp_path / "s_1.fio", FIO_COLUMNS, parameters=said)).metadata.raw

    assert "somebody" not in str(raw)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30))
def test_any_column_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = write_fio(tmp_path_factory.mktemp("fio") / "s_1.fio", {"x": ("DOUBLE", values)})

    np.testing.assert_array_equal(FIO.open(path).data["x"].values, values)


def test_an_energy_is_known_only_where_it_is_stated(tmp_path: Path) -> None:
    known = MCA_SPE.open(write_spe(tmp_path / "a.spe", COUNTS, first=10, calibration=(0.5, 0.01))).data
    unknown = MCA_SPE.open(write_spe(tmp_path / "b.spe", COUNTS)).data

    assert known["energy"].values[0] == pytest.approx(0.6)
    assert "energy" not in unknown.coords


def test_a_calibration_in_no_unit_is_not_used(tmp_path: Path) -> None:
    run = MCA_SPE.open(write_spe(tmp_path / "a.spe", COUNTS, calibration=(0.5, 0.01), unit=""))

    assert "energy" not in run.data.coords
    assert "unit_missing" in {flag.code for flag in run.flags}


def test_a_reflection_file_without_items_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    path = tmp_path / "XDS_ASCII.HKL"
    path.write_text(
        "!FORMAT=XDS_ASCII\n!UNIT_CELL_CONSTANTS= 1 1 1 90 90 90\n!END_OF_HEADER\n1 2 3\n!END_OF_DATA\n"
    )

    with pytest.raises(LayoutError, match="items"):
        REFLECTIONS.open(path)
