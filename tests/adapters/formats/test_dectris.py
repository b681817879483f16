"""Dectris masters: every link is followed, every promised frame is counted, nothing is filled in."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.errors import (
    DanglingLinkError,
    MissingSourceError,
    StillWritingError,
    TruncatedFileError,
    UnitError,
)
from adapters.formats.dectris import DECTRIS, DECTRIS_DATA, DectrisData, DectrisMaster
from adapters.model import State
from adapters.protocol import Probe
from adapters.registry import registry
from adapters.testing import AdapterConformance, Sample
from adapters.testing.hdf5_images import write_data_file, write_dectris, write_filewriter2
from adapters.testing.images import Fault, held_open

FRAMES = np.arange(100, dtype="u4").reshape(5, 4, 5)
OLD = 3600.0


def aged(folder: Path, seconds: float = OLD) -> None:
    """Make everything in `folder` look `seconds` old."""
    then = time.time() - seconds
    for path in folder.iterdir():
        os.utime(path, (then, then))


class TestMaster(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> DectrisMaster:
        return DECTRIS

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_dectris(tmp_path, FRAMES)
        return Sample(
            path,
            {"frame": 5, "y": 4, "x": 5},
            {"counts": FRAMES.sum()},
            {
                "distance_m": 2.5,
                "wavelength_angstrom": 1.0,
                "beam_center_x_px": 3.5,
                "pixel_size_y_m": 75e-6,
                "exposure_s": 0.1,
                "transmission": None,
                "start_time": datetime(2026, 1, 1, 11, tzinfo=UTC),
            },
            halve=tmp_path / "series_1_data_000003.h5",
        )


class TestFilewriter2(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> DectrisMaster:
        return DECTRIS

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_filewriter2(tmp_path, FRAMES)
        return Sample(path, {"frame": 5, "y": 4, "x": 5}, {"counts": FRAMES.sum()}, {"distance_m": 2.5})


class TestDataFile(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> DectrisData:
        return DECTRIS_DATA

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_data_file(tmp_path / "x_data_000002.h5", FRAMES, first=101)
        return Sample(
            path,
            {"frame": 5, "y": 4, "x": 5},
            {"counts": FRAMES.sum(), "frame": sum(range(101, 106))},
            {"distance_m": None},
            flags=("master_absent",),
        )


def test_frames_carry_the_detectors_own_numbers(tmp_path: Path) -> None:
    run = DECTRIS.open(write_dectris(tmp_path, FRAMES))

    np.testing.assert_array_equal(run.data["frame"], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(run.data["counts"].values, FRAMES)


def test_bad_pixels_are_those_of_the_low_mask_bits(tmp_path: Path) -> None:
    mask = np.zeros((4, 5), "u4")
    mask[0, 0], mask[1, 2], mask[3, 4] = 1, 8, 2**31

    found = DECTRIS.open(write_dectris(tmp_path, FRAMES, mask=mask)).data["mask"].values

    assert np.argwhere(found).tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize(("dtype", "first"), [("u4", 2**32 - 2), ("u2", 2**16 - 2), ("u1", 254)])
def test_the_highest_values_of_the_type_are_no_counts(dtype: str, first: int, tmp_path: Path) -> None:
    counts = DECTRIS.open(write_dectris(tmp_path, FRAMES.astype(dtype))).data["counts"]

    assert counts.attrs["invalid_from"] == first


def test_a_last_file_missing_from_a_young_run_is_waited_for(tmp_path: Path) -> None:
    judged = DECTRIS.check(write_dectris(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=2))

    assert judged.state is State.WAIT
    assert "series_1_data_000003.h5" in judged.reason


def test_a_last_file_missing_from_an_old_run_is_lost(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=2)
    aged(tmp_path)

    judged = DECTRIS.check(path)

    assert judged.state is State.BROKEN
    assert "series_1_data_000003.h5" in judged.reason


def test_a_file_missing_in_the_middle_is_lost_however_young(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=1)

    assert DECTRIS.check(path).state is State.BROKEN
    with pytest.raises(DanglingLinkError, match=r"series_1_data_000002\.h5"):
        DECTRIS.open(path)


def test_a_young_run_with_fewer_frames_than_promised_is_waited_for(tmp_path: Path) -> None:
    judged = DECTRIS.check(write_dectris(tmp_path, FRAMES, promised=7))

    assert judged.state is State.WAIT
    assert "7 frames, 5 are there" in judged.reason


def test_an_old_run_with_fewer_frames_than_promised_is_broken_and_flagged(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, promised=7)
    aged(tmp_path)

    assert DECTRIS.check(path).state is State.BROKEN
    assert "frames_missing" in {flag.code for flag in DECTRIS.open(path).flags}


def test_a_link_to_nothing_inside_a_file_is_broken(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.DANGLING)

    judged = DECTRIS.check(path)

    assert judged.state is State.BROKEN
    assert "/entry/nowhere" in judged.reason


def test_a_truncated_data_file_is_broken(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.TRUNCATE)

    assert DECTRIS.check(path).state is State.BROKEN
    with pytest.raises(TruncatedFileError):
        DECTRIS.open(path)


def test_a_distance_in_seconds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match="'s' cannot be expressed in 'm'"):
        DECTRIS.open(write_dectris(tmp_path, FRAMES, fault=Fault.WRONG_UNIT))


def test_a_master_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES)

    with held_open(path):
        judged = DECTRIS.check(path)
        with pytest.raises(StillWritingError):
            DECTRIS.open(path)

    assert judged.state is State.WAIT
    assert DECTRIS.check(path).state is State.READY


def test_a_data_file_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES)

    with held_open(tmp_path / "series_1_data_000003.h5"):
        judged = DECTRIS.check(path)

    assert judged.state is State.WAIT


def test_a_run_without_frames_is_not_ready(tmp_path: Path) -> None:
    path = write_data_file(tmp_path / "x_data_000001.h5", FRAMES[:0])

    assert DECTRIS_DATA.check(path).state is State.BROKEN


def test_a_run_of_one_frame_is_a_stack_of_one(tmp_path: Path) -> None:
    run = DECTRIS.open(write_dectris(tmp_path, FRAMES[:1]))

    assert dict(run.data.sizes) == {"frame": 1, "y": 4, "x": 5}


def test_a_file_of_the_same_name_elsewhere_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_data_file(elsewhere / "series_1_data_000002.h5", FRAMES[:2])
    monkeypatch.chdir(elsewhere)

    assert DECTRIS.check(path).state is State.BROKEN


def test_an_unset_centre_and_distance_are_not_believed(tmp_path: Path) -> None:
    run = DECTRIS.open(write_dectris(tmp_path, FRAMES, beam_px=(0.0, 0.0), distance_m=0.0))

    assert run.metadata.distance_m is run.metadata.beam_center_x_px is run.metadata.geometry is None
    assert "header_looks_like_default" in {flag.code for flag in run.flags}


def test_a_virtual_master_without_its_data_file_is_never_zeros(tmp_path: Path) -> None:
    path = write_filewriter2(tmp_path, FRAMES)
    (tmp_path / "series_2_data_000001.h5").unlink()

    assert DECTRIS.check(path).state is State.BROKEN
    with pytest.raises(MissingSourceError, match=r"series_2_data_000001\.h5"):
        DECTRIS.open(path)


def test_a_foreign_hdf5_file_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["somebody/else"] = np.arange(3)

    assert registry().ranked(path) == []
    assert DECTRIS.probe(Probe(path)) == 0


@pytest.mark.measured
def test_the_arina_run_is_read_whole(measured: Path) -> None:
    path = measured / "formats/dectris-arina/test_00_master.h5"
    run = DECTRIS.open(path)

    assert DECTRIS.check(path).state is State.READY
    assert dict(run.data.sizes) == {"frame": 16, "y": 192, "x": 192}
    assert run.metadata.instrument == "Dectris ARINA CZT"
    assert run.metadata.pixel_size_x_m == pytest.approx(1e-4)
    assert run.metadata.exposure_s == pytest.approx(9.95e-5)
    # Its photon_energy of 300 keV is that of electrons, and no wavelength follows from it.
    assert run.metadata.wavelength_angstrom is None
    assert run.data["frame"].values.tolist() == list(range(1, 17))
