"""SAXSLAB instruments: the XML's row comes before its column, and what it leaves empty stays unsaid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import CorruptFileError
from adapters.facilities.saxslab import SAXSLAB
from adapters.formats.images import ImageFile
from adapters.testing import AdapterConformance, Sample
from adapters.testing.images import write_saxslab

IMAGE = np.array([[0, 1, -1], [4, 5, -2]], dtype="i4")
SAID = {
    "detector_function": "saxs",
    "det_pixel_size": "172e-6 172e-6",
    "det_exposure_time": "1200.0",
    "livetime": "1200.00",
    "beamcenter_actual": "372.50    196.98",
    "wavelength": "1.3414",
    "detector_dist": "1129.8375",
    "sample_transfact": "",
    "sample_thickness": "0.10000",
    "Img.Site": "Somewhere",
    "Img.Operator": "A. Person",
    "Meas.Description": "lysozyme",
}


class TestSaxslab(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return SAXSLAB

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_saxslab(tmp_path / "frame.tiff", IMAGE, SAID, exposure_s=1200.0)
        return Sample(
            path,
            {"frame": 1, "y": 2, "x": 3},
            {"counts": IMAGE.sum(), "mask": 2},
            {
                "technique": "saxs",
                "distance_m": 1.1298375,
                "wavelength_angstrom": 1.3414,
                "beam_center_x_px": 196.98,
                "beam_center_y_px": 372.5,
                "exposure_s": 1200.0,
                "transmission": None,
                "thickness_m": None,
                "sample_name": "lysozyme",
            },
        )


def test_an_exposure_that_the_live_time_contradicts_is_flagged(tmp_path: Path) -> None:
    path = write_saxslab(tmp_path / "frame.tiff", IMAGE, {**SAID, "det_exposure_time": "1185.0"})

    run = SAXSLAB.open(path)

    assert run.metadata.exposure_s == 1185.0
    assert run.metadata.raw["livetime"] == "1200.00"
    assert [flag.code for flag in run.flags] == ["exposure_contradicted"]


def test_people_are_left_out(tmp_path: Path) -> None:
    metadata = SAXSLAB.open(write_saxslab(tmp_path / "frame.tiff", IMAGE, SAID)).metadata

    assert "A. Person" not in str(metadata)


def test_a_transmission_that_is_stated_is_taken(tmp_path: Path) -> None:
    path = write_saxslab(tmp_path / "frame.tiff", IMAGE, {**SAID, "sample_transfact": "0.41067"})

    assert SAXSLAB.open(path).metadata.transmission == 0.41067


@pytest.mark.parametrize("name", ["wavelength", "beamcenter_actual"])
def test_a_value_that_is_no_number_is_told(name: str, tmp_path: Path) -> None:
    path = write_saxslab(tmp_path / "frame.tiff", IMAGE, {**SAID, name: "unknown"})

    with pytest.raises(CorruptFileError, match=name):
        SAXSLAB.open(path)


def test_xml_that_does_not_parse_is_told(tmp_path: Path) -> None:
    path = write_saxslab(tmp_path / "frame.tiff", IMAGE, {**SAID, "Meas.Description": "a < b"})

    with pytest.raises(CorruptFileError, match="does not parse"):
        SAXSLAB.open(path)
