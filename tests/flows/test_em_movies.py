"""Movies of cameras through the flow: gain in its orientation, fractions of EER, doses, the sum as MRC."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import fft

from adapters.errors import MissingMetadataError
from adapters.testing.em import write_mrc
from adapters.testing.movies import write_eer, write_epu_xml, write_tiff_movie
from flows.em_micrograph import MicrographFlowParameters, em_micrograph
from tasks.common.kernels.electron import electron_wavelength
from tasks.spa.errors import ImageError
from tasks.spa.kernels import ctf

pytest.importorskip("imagecodecs")
LENS = {"spherical_aberration_mm": 2.7, "amplitude_contrast": 0.07, "tile_px": 256}
SIZE, PIXEL, DEFOCUS = (384, 512), 1.5, 12000.0
# Shift (y, x) in pixels of each frame.
PATH = np.stack([[0.4 * number - 0.02 * number**2, -0.65 * number] for number in range(8)])
TURNED = {"quarter_turns": 1, "flip": "up_down", "use": "multiply"}


def scene(counts, seed=0):
    """Electrons expected in each frame of one drifting specimen, `counts` in each pixel on average."""
    random = np.random.default_rng(seed)
    ky, kx = fft.fftfreq(SIZE[0])[:, None], fft.rfftfreq(SIZE[1])[None]
    k = np.hypot(ky, kx) / PIXEL
    phase = ctf.phase_shift(k, np.array(DEFOCUS), electron_wavelength(300), 2.7, 0.07)
    seen = fft.rfft2(random.normal(size=SIZE)) * np.sin(phase) * np.exp(-30 * k**2)
    seen /= fft.irfft2(seen).std()
    moved = [fft.irfft2(seen * np.exp(-2j * np.pi * (ky * y + kx * x))) for y, x in PATH]
    return np.clip(counts * (1 + 0.3 * np.stack(moved)), 0, None)


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """Frames of EPU in counts, each pixel of its own sensitivity, and the reference turned otherwise."""
    folder = tmp_path_factory.mktemp("movie")
    random = np.random.default_rng(1)
    gain = random.uniform(0.7, 1.4, SIZE)
    frames = random.poisson(scene(12.0) / gain).astype("u1")
    gain[100:102, 200] = 0.0
    path = write_tiff_movie(folder / "a_fractions.tiff", frames)
    write_epu_xml(folder / "a.xml", pixel_m=PIXEL * 1e-10, dose=32e20, frames=8)
    # What is flipped and turned clockwise here comes right by the turn and the flip that are stated.
    stored = np.rot90(gain[::-1], -1)
    write_mrc(folder / "gain.mrc", np.ascontiguousarray(stored, "f4")[None], space_group=0)
    return path, folder / "gain.mrc"


def asked(gain=None, files=None, **more):
    said = {"micrograph": LENS | more | ({} if gain is None else {"gain": gain})}
    return MicrographFlowParameters.model_validate(
        said | ({} if files is None else {"files": {"gain": str(files)}})
    )


def motion(answer):
    with h5py.File(answer["product"]) as file:
        found = np.stack([file[f"entry/motion/shift_{axis}"][()] for axis in "yx"], axis=1)
    return found - found.mean(axis=0)


def test_a_movie_of_epu_is_corrected_aligned_weighted_and_summed(movie, tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    path, gain = movie
    answer = em_micrograph.fn([path], asked(TURNED, gain), results=tmp_path)
    found = {each["quantity"]: each for each in answer["findings"]}
    codes = {flag["code"] for flag in answer["flags"]}

    assert np.hypot(*(motion(answer) - (PATH - PATH.mean(axis=0))).T).max() < 0.1
    assert found["defocus"]["value"] == pytest.approx(DEFOCUS, rel=0.02)
    # The dose of a frame is from the file beside the movie.
    assert {"gain_applied", "motion_corrected"} <= codes and "dose_not_weighted" not in codes
    with mrcfile.open(Path(answer["product"]).with_name("aligned.mrc")) as written:
        assert written.data.shape == SIZE
        assert float(written.voxel_size.x) == pytest.approx(PIXEL)
        assert written.is_image_stack() or written.is_single_image()


def test_a_gain_in_the_wrong_orientation_shows_as_a_still_pattern(movie, tmp_path):
    """With the reference turned as stored frames do not move freely: its pattern stands still."""
    path, gain = movie
    right = em_micrograph.fn([path], asked(TURNED, gain), results=tmp_path / "right")
    wrong = em_micrograph.fn([path], asked(TURNED | {"flip": "none"}, gain), results=tmp_path / "wrong")

    off = [np.hypot(*(motion(each) - (PATH - PATH.mean(axis=0))).T).max() for each in (right, wrong)]
    assert off[0] < 0.1 < off[1]


@pytest.mark.parametrize("missing", ["quarter_turns", "flip", "use"])
def test_nothing_about_the_gain_is_guessed(movie, tmp_path, missing):
    path, gain = movie
    said = {name: value for name, value in TURNED.items() if name != missing}

    with pytest.raises(MissingMetadataError, match=r"micrograph\.gain"):
        em_micrograph.fn([path], asked(said, gain), results=tmp_path)


def test_a_gain_that_does_not_fit_is_refused(movie, tmp_path):
    path, gain = movie

    with pytest.raises(ImageError, match="as turned"):
        em_micrograph.fn([path], asked(TURNED | {"quarter_turns": 0}, gain), results=tmp_path)


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Electrons one by one: 8 fractions of 5 frames of the camera, and 3 frames more."""
    random = np.random.default_rng(2)
    expected = np.repeat(scene(0.12, seed=3), 5, axis=0)
    frames = random.random((43, *SIZE)) < np.concatenate([expected, expected[-3:]])
    said = {"sensorPixelSize.width": (f"{PIXEL}e-10", "m"), "totalDose": ("90", "e/pixel")}
    return write_eer(tmp_path_factory.mktemp("eer") / "a.eer", frames.astype("u1"), said=said)


def test_events_are_added_to_fractions_and_aligned(events, tmp_path):
    more = {"voltage_kv": 300, "frames_per_fraction": 5, "blur_px": 5.0}
    answer = em_micrograph.fn([events], asked(**more), results=tmp_path)

    assert np.hypot(*(motion(answer) - (PATH - PATH.mean(axis=0))).T).max() < 0.3
    assert {"frames_left_over", "gain_not_applied"} <= {flag["code"] for flag in answer["flags"]}


def test_how_many_frames_make_a_fraction_is_asked_for(events, tmp_path):
    with pytest.raises(MissingMetadataError, match="frames_per_fraction"):
        em_micrograph.fn([events], asked(voltage_kv=300), results=tmp_path)
