"""Measured scans of electron beams: what can be reduced, and what is refused because there is no beam."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy import ndimage

from adapters.registry import open_run
from flows.stem4d import Stem4dParameters, stem4d
from tasks.stem.errors import PatternError

pytestmark = pytest.mark.measured
MERLIN = "em/stem_4d/merlin/001_4x2_6bit.mib"
BEAM = {"scan_columns": 4, "center_y_px": 142, "center_x_px": 26, "disc_radius_px": 25}
RINGS = {"dark_inner_px": 60, "dark_outer_px": 110}


def test_a_saturated_scan_gives_its_sums_and_says_so(measured, tmp_path):
    asked = Stem4dParameters.model_validate({"patterns": BEAM | RINGS | {"descan": "none"}})
    answer = stem4d.fn([measured / MERLIN], asked, results=tmp_path)
    patterns = open_run(measured / MERLIN).data.patterns.values
    with h5py.File(answer["product"]) as file:
        centre = [file[f"entry/deflection/com_{axis}"][()].ravel() for axis in "yx"]
        total = file["entry/detectors/total"][()]

    assert total.sum() == 3623664
    expected = np.array([ndimage.center_of_mass(each) for each in patterns])
    assert np.transpose(centre) == pytest.approx(expected)
    # Its counters have six bits and the beam stands at the border of the camera.
    assert {"pixels_saturated", "detector_cut_off"} <= {flag["code"] for flag in answer["flags"]}


def test_patterns_without_a_beam_are_refused(measured, tmp_path):
    path = measured / "em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS_2.ser"

    with pytest.raises(PatternError, match="no disc"):
        stem4d.fn([path], Stem4dParameters(), results=tmp_path)
