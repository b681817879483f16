"""APS: 12-ID-B by its PVs, BioCAT by its log."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.facilities.aps import BIOCAT, TWELVE_ID_B, BioCat
from adapters.formats.nexus import NexusLayout
from adapters.testing import AdapterConformance, Sample
from adapters.testing.hdf5_images import write_data_file

IMAGE = np.array([[1, 2, 3], [4, 5, 2**32 - 1]], dtype="u4")
PVS = {
    "Wavelength": 0.932212,
    "SDD": 1994.09,
    "Beam_x_pixel": 1436.97,
    "Beam_y_pixel": 208.648,
    "pixel_size": 0.075,
    "ExposureTime": 1.0,
    "IC1_phd": 39747.0,
}
FRAMES = np.arange(40, dtype="u4").reshape(2, 4, 5)
LOG = (
    "#Instrument:\tBioCAT (Sector 18, APS)\n#Exposure time/frame [s]:\t0.5\n#Temperature [C]:\t22\n"
    "#Concentration [mg/ml]:\t\n#Sample:\t\n#Filename\tstart_time\texposure_time\tI0\tI1\n"
    "run_000002\t1.0\t0.5\t200.0\t9.0\nrun_000001\t0.0\t0.5\t0.0\t9.0\n"
)


def write_12idb(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = IMAGE
        file["entry/data/data"].attrs["NDArrayNumDims"] = 2
        file["entry/instrument/source/facility_beamline"] = np.array([b"12-ID-B"])
        file["entry/Metadata/Sample_Name"] = np.array([np.nan], "f4")
        file["entry/Metadata/UserName"] = np.array([b"A. Person"])
        for name, value in PVS.items():
            file[f"entry/Metadata/{name}"] = np.array([value])
    return path


def write_biocat(folder: Path, log: str = LOG) -> Path:
    (folder / "run.log").write_text(log)
    return write_data_file(folder / "run_data_000001.h5", FRAMES)


class TestTwelveIdB(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> NexusLayout:
        return TWELVE_ID_B

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        return Sample(
            write_12idb(tmp_path / "run_00001.h5"),
            {"frame": 1, "y": 2, "x": 3},
            {"counts": IMAGE.sum(dtype="u8"), "mask": 1},
            {
                "technique": "saxs",
                "distance_m": 1.99409,
                "wavelength_angstrom": 0.932212,
                "beam_center_x_px": 1436.97,
                "pixel_size_x_m": 75e-6,
                "monitor_counts": 39747.0,
                "sample_name": None,
            },
            flags=("unit_assumed",),
        )


class TestBioCat(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> BioCat:
        return BIOCAT

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        return Sample(
            write_biocat(tmp_path),
            {"frame": 2, "y": 4, "x": 5},
            {"counts": FRAMES.sum(), "monitor": 200.0},
            {
                "technique": "saxs",
                "exposure_s": 0.5,
                "temperature_k": 295.15,
                "concentration_mg_ml": None,
                "sample_name": None,
            },
        )


def test_user_names_are_left_out(tmp_path: Path) -> None:
    assert "A. Person" not in str(TWELVE_ID_B.open(write_12idb(tmp_path / "run.h5")).metadata)


def test_intensities_are_joined_by_image_number_and_zero_is_one(tmp_path: Path) -> None:
    run = BIOCAT.open(write_biocat(tmp_path))

    assert run.data["monitor"].values.tolist() == [0.0, 200.0]
    assert "monitor_missing" not in {flag.code for flag in run.flags}


def test_a_frame_without_a_line_in_the_log_is_missing_not_zero(tmp_path: Path) -> None:
    run = BIOCAT.open(write_biocat(tmp_path, LOG.replace("run_000002", "run_000007")))

    np.testing.assert_array_equal(run.data["monitor"].values, [0.0, np.nan])
    assert "monitor_missing" in {flag.code for flag in run.flags}
