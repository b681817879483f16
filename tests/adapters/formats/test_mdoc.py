"""Metadata files of SerialEM."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import CorruptFileError
from adapters.formats.mdoc import MDOC
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample

HEAD = (
    "PixelSpacing = 5.4\nVoltage = 300\nImageFile = TS_01.mrc\n\n[T = SerialEM: Digitized on a Krios]\n\n"
    "[T =     Tilt axis angle = 85.3, binning = 4]\n\n"
)


def section(number, tilt, dose):
    return (
        f"[ZValue = {number}]\nTiltAngle = {tilt}\nExposureDose = {dose}\nPixelSpacing = 5.4\n"
        f"SubFramePath = D:\\DATA\\TS_{number}.mrc\nNumSubFrames = 8\n\n"
    )


def write(path, doses=(1.5, 2.5, 0)):
    path.write_text(HEAD + "".join(section(k, 3 * k, dose) for k, dose in enumerate(doses)))
    return path


class TestMdoc(AdapterConformance):
    # A series may end after any section.
    tells_truncation = False

    @pytest.fixture
    def adapter(self):
        return MDOC

    @pytest.fixture
    def sample(self, tmp_path):
        path = write(tmp_path / "series.mdoc")
        sums = {"tilt_angle": 9.0, "exposure_dose": 4.0, "sub_frames": 24.0}
        return Sample(path, {"section": 3}, sums, flags=("dose_not_recorded",))


def test_a_dose_of_zero_stands_as_missing_and_paths_lose_their_folders(tmp_path):
    found = open_run(write(tmp_path / "series.mdoc"))

    assert np.isnan(found.data["exposure_dose"].values).tolist() == [False, False, True]
    assert found.data["frames_file"].values.tolist() == ["TS_0.mrc", "TS_1.mrc", "TS_2.mrc"]
    assert found.metadata.raw["tilt_axis_degree"] == 85.3


def test_a_line_of_another_kind_is_refused_by_its_number(tmp_path):
    path = write(tmp_path / "series.mdoc")
    path.write_text(path.read_text() + "what is this\n")

    with pytest.raises(CorruptFileError, match="neither a section"):
        MDOC.open(path)
