"""A small movie through the flow, from file to product."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from adapters.errors import MissingMetadataError
from adapters.testing.em import write_mrc
from flows.em_micrograph import MicrographFlowParameters, em_micrograph
from tasks.common.kernels.electron import electron_wavelength
from tasks.spa.kernels import ctf

OPTICS = {"voltage_kv": 300, "spherical_aberration_mm": 2.7, "amplitude_contrast": 0.07}


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """Six frames of one drifting specimen seen at an underfocus of 12000 angstrom, pixels of 1.5 angstrom."""
    random = np.random.default_rng(0)
    size = 512
    ky, kx = fft.fftfreq(size)[:, None], fft.rfftfreq(size)[None]
    k = np.hypot(ky, kx) / 1.5
    phase = ctf.phase_shift(k, np.array(12000.0), electron_wavelength(300), 2.7, 0.07)
    seen = fft.rfft2(random.normal(size=(size, size))) * np.sin(phase) * np.exp(-40 * k**2)
    seen /= fft.irfft2(seen).std()
    frames = [
        fft.irfft2(seen * np.exp(-2j * np.pi * kx * 0.7 * number)) + random.normal(0, 1.5, (size, size))
        for number in range(6)
    ]
    path = tmp_path_factory.mktemp("movie") / "movie.mrcs"
    return write_mrc(path, np.stack(frames).astype("f4"), space_group=0, grid=(size, size, 1))


def test_a_movie_gives_motion_defocus_and_plots(movie, tmp_path):
    asked = MicrographFlowParameters.model_validate({"micrograph": {**OPTICS, "tile_px": 256}})
    answer = em_micrograph.fn([movie], asked, results=tmp_path)
    found = {each["quantity"]: each for each in answer["findings"]}

    assert found["defocus"]["value"] == pytest.approx(12000, rel=0.02)
    assert found["defocus"]["uncertainty"] > 0
    assert {"motion_corrected", "dose_not_weighted"} <= {flag["code"] for flag in answer["flags"]}
    assert [name.split("-")[-1] for name in answer["plots"]] == ["motion.png", "rings.png", "power.png"]


def test_a_lens_that_no_file_names_is_asked_for(movie, tmp_path):
    with pytest.raises(MissingMetadataError, match="voltage_kv"):
        em_micrograph.fn([movie], MicrographFlowParameters(), results=tmp_path)
