"""MAX IV scans: frames by sequence number, losses counted, the beamline known by its place only."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.errors import DanglingLinkError, UnitError
from adapters.facilities.maxiv import MAXIV_SCAN, MaxIvScan
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.hdf5_images import write_cosaxs
from adapters.testing.images import Fault, held_open

FRAMES = np.arange(80, dtype="u4").reshape(4, 4, 5)


class TestScan(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> MaxIvScan:
        return MAXIV_SCAN

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_cosaxs(tmp_path, FRAMES)
        return Sample(
            path,
            {"frame": 4, "y": 4, "x": 5},
            {"counts": FRAMES.sum(), "frame": 6},
            {
                "technique": "saxs",
                "facility": "maxiv",
                "instrument": "cosaxs",
                "exposure_s": 0.5,
                "distance_m": None,
                "wavelength_angstrom": None,
            },
            flags=("unit_assumed",),
            halve=path.with_name("scan-0001_eiger.h5"),
        )


def test_a_detector_file_is_read_by_itself(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES).with_name("scan-0001_eiger.h5")

    run = open_run(path)

    assert (run.provenance.adapter, run.metadata.technique) == ("maxiv_scan", "saxs")
    np.testing.assert_array_equal(run.data["counts"].values, FRAMES)


def test_lost_frames_are_counted_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES, sequence=np.array([0, 1, 4, 5], "u4"))

    run = MAXIV_SCAN.open(path)

    assert MAXIV_SCAN.check(path).state is State.READY
    assert run.data["frame"].values.tolist() == [0, 1, 4, 5]
    assert [flag.message for flag in run.flags if flag.code == "frames_lost"] == [
        "2 frames are missing from the detector's sequence"
    ]


def test_numbers_given_twice_are_not_used(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES, sequence=np.array([0, 1, 1, 2], "u4"), asked=4)

    run = MAXIV_SCAN.open(path)

    assert "frame" not in run.data.coords
    assert "sequence_unusable" in {flag.code for flag in run.flags}


def test_a_scan_elsewhere_is_of_no_known_technique(tmp_path: Path) -> None:
    home = write_cosaxs(tmp_path, FRAMES).parent
    shutil.copytree(home, tmp_path / "copied")

    metadata = MAXIV_SCAN.open(tmp_path / "copied/scan-0001.h5").metadata

    assert (metadata.technique, metadata.instrument) == ("image", None)


def test_a_young_scan_with_frames_to_come_is_waited_for(tmp_path: Path) -> None:
    judged = MAXIV_SCAN.check(write_cosaxs(tmp_path, FRAMES, asked=6))

    assert judged.state is State.WAIT
    assert "4 of 6 frames" in judged.reason


def test_an_old_scan_with_frames_missing_is_broken(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES, asked=6)
    then = time.time() - 3600
    for each in path.parent.iterdir():
        os.utime(each, (then, then))

    assert MAXIV_SCAN.check(path).state is State.BROKEN


def test_a_detector_file_that_is_late_is_waited_for_and_never_read_as_empty(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES, fault=Fault.DROP_FILE)

    assert MAXIV_SCAN.check(path).state is State.WAIT
    with pytest.raises(DanglingLinkError, match=r"scan-0001_eiger\.h5"):
        MAXIV_SCAN.open(path)


def test_a_link_to_nothing_is_broken(tmp_path: Path) -> None:
    assert MAXIV_SCAN.check(write_cosaxs(tmp_path, FRAMES, fault=Fault.DANGLING)).state is State.BROKEN


def test_an_exposure_in_kilogram_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match="kg"):
        MAXIV_SCAN.open(write_cosaxs(tmp_path, FRAMES, fault=Fault.WRONG_UNIT))


def test_a_detector_file_that_is_written_is_waited_for(tmp_path: Path) -> None:
    path = write_cosaxs(tmp_path, FRAMES)

    with held_open(path.with_name("scan-0001_eiger.h5")):
        judged = MAXIV_SCAN.check(path)

    assert judged.state is State.WAIT


def test_of_two_detectors_the_one_for_small_angles_is_read_and_told(tmp_path: Path) -> None:
    wide = write_cosaxs(tmp_path, FRAMES + 100, detector="pilatus")
    wide.unlink()
    path = write_cosaxs(tmp_path, FRAMES)
    with h5py.File(path, "a") as file:
        link = h5py.ExternalLink("scan-0001_pilatus.h5", "/entry/instrument/pilatus")
        file["entry/instrument/pilatus"] = link

    run = MAXIV_SCAN.open(path)

    np.testing.assert_array_equal(run.data["counts"].values, FRAMES)
    assert "one_of_several_detectors" in {flag.code for flag in run.flags}


def test_channels_are_kept_raw_for_they_state_no_unit(tmp_path: Path) -> None:
    raw = MAXIV_SCAN.open(write_cosaxs(tmp_path, FRAMES)).metadata.raw

    assert raw["title"] == "ascan samx 0 1 2 0.5"
    assert raw["albaem-01_ch1"] == pytest.approx(np.linspace(1.0, 1.1, 4))


@pytest.mark.parametrize(("rotate", "told"), [(None, False), (0, False), (1, True), (3, True)])
def test_frames_that_were_turned_are_told(tmp_path: Path, rotate: int | None, told: bool) -> None:
    run = MAXIV_SCAN.open(write_cosaxs(tmp_path, FRAMES, rotate=rotate))

    assert ("frames_rotated" in {flag.code for flag in run.flags}) is told
