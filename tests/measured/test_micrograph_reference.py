"""The measured micrograph: its defocus by its rings, against the places of its dark rings one by one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from flows.em_micrograph import MicrographFlowParameters, em_micrograph

pytestmark = pytest.mark.measured
PATH = "em/micrograph/fei-extended_crop2048.mrc.bz2"
LENS = {"spherical_aberration_mm": 2.7, "amplitude_contrast": 0.1}
WAVELENGTH, SPHERICAL, AMPLITUDE = 0.019687, 2.7e7, 0.1


def reduced(measured, folder, **chosen):
    asked = MicrographFlowParameters.model_validate({"micrograph": LENS | chosen})
    return em_micrograph.fn([measured / PATH], asked, results=folder)


def test_the_defocus_is_that_of_its_dark_rings(measured, tmp_path):
    answer = reduced(measured, tmp_path)
    (found,) = answer["findings"]
    with h5py.File(answer["product"]) as file:
        k, power = (file[f"entry/rings/{name}"][()] for name in ("frequency", "intensity"))
    dark, _ = find_peaks(-gaussian_filter1d(power, 1.0), prominence=0.02)
    places = k[dark[:4]]
    # The n-th dark ring lies where the phase is n half turns; each gives a defocus of its own.
    turns = np.arange(1, 5) - np.arcsin(AMPLITUDE) / np.pi
    each = (turns + 0.5 * SPHERICAL * WAVELENGTH**3 * places**4) / (WAVELENGTH * places**2)

    assert found["value"] == pytest.approx(float(np.mean(each[1:])), rel=0.03)
    assert found["value"] == pytest.approx(10527, abs=2 * found["uncertainty"])
    assert 30 < found["uncertainty"] < 150
    # The microscope recorded what it was set to, not what it reached.
    assert "defocus_differs_from_header" in {flag["code"] for flag in answer["flags"]}


def test_coarse_spacings_alone_leave_it_open(measured, tmp_path):
    answer = reduced(measured, tmp_path, finest_angstrom=8.0)

    assert answer["findings"] == []
    assert "defocus_ambiguous" in {flag["code"] for flag in answer["flags"]}
