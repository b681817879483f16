"""Kernels of maps against closed forms, another program, and the laws of blocks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import curve_fit

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata, Provenance
from tasks.mri.errors import VolumeError
from tasks.mri.kernels import flip_angle
from tasks.mri.kernels.ratio import image_noise, transfer_ratio
from tasks.mri.kernels.tensor import design, tensors
from tasks.mri.kernels.water import without_carrier
from tasks.mri.maps import findings, joined, labelled, plan
from tasks.mri.parameters import MapParameters

RANDOM = np.random.default_rng(4)
ECHOES = np.arange(1, 9) * 0.012


def directions(count):
    found = RANDOM.normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_a_known_tensor_is_found_with_its_invariants():
    gradients = np.vstack([np.zeros((1, 3)), directions(30)])
    b_values = np.array([0.0] + [1000.0] * 30)
    turned = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
    tensor = turned @ np.diag([1.7e-3, 4e-4, 3e-4]) @ turned.T
    clean = 100 * np.exp(-b_values * np.einsum("ni,ij,nj->n", gradients, tensor, gradients))
    found = tensors(clean[None], b_values, gradients)
    spread = np.array([1.7e-3, 4e-4, 3e-4])
    truth = np.sqrt(1.5 * ((spread - spread.mean()) ** 2).sum() / (spread**2).sum())

    assert found.diffusivity[0] == pytest.approx(8e-4)
    assert found.anisotropy[0] == pytest.approx(truth)


def test_uncertainties_of_tensors_hold():
    gradients = np.vstack([np.zeros((3, 3)), directions(40)])
    b_values = np.array([0.0] * 3 + [1000.0] * 40)
    tensor = np.diag([1.5e-3, 5e-4, 4e-4])
    clean = 1000 * np.exp(-b_values * np.einsum("ni,ij,nj->n", gradients, tensor, gradients))
    found = tensors(clean + RANDOM.normal(0, 10, (3000, 43)), b_values, gradients)
    truth = tensors(clean[None], b_values, gradients)

    pulls = (found.diffusivity - truth.diffusivity) / found.diffusivity_error
    assert np.std(pulls) == pytest.approx(1.0, abs=0.08)
    pulls = (found.anisotropy - truth.anisotropy) / found.anisotropy_error
    assert np.std(pulls) == pytest.approx(1.0, abs=0.1)


def test_directions_in_a_plane_determine_no_tensor():
    flat = directions(20) * np.array([1.0, 1.0, 0.0])

    with pytest.raises(ValueError, match="do not determine"):
        tensors(np.ones((1, 20)), np.full(20, 1000.0), flat)
    assert design(np.zeros(2), np.zeros((2, 3))).shape == (2, 7)


def test_flip_angles_give_what_curve_fit_gives():
    angle, repetition = np.deg2rad([2.0, 5.0, 12.0, 20.0]), 0.0054
    time = RANDOM.uniform(0.5, 3.0, 12)
    clean = flip_angle.spoiled(np.full(12, 5000.0), np.exp(-repetition / time), angle)
    signal = clean + RANDOM.normal(0, 1, clean.shape)
    found, error, good = flip_angle.fit(signal, angle, repetition)

    def model(a, amplitude, t1):
        e = np.exp(-repetition / t1)
        return amplitude * np.sin(a) * (1 - e) / (1 - e * np.cos(a))

    assert good.all()
    for row in range(12):
        values, covariance = curve_fit(model, angle, signal[row], p0=(5000, 1.0), xtol=1e-12)
        assert found[row] == pytest.approx(values[1], rel=1e-4)
        assert error[row] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-2)


def test_a_transfer_ratio_and_its_error_are_the_closed_form():
    value, error = transfer_ratio(np.array([100.0]), np.array([68.0]), 1.0)

    assert value[0] == pytest.approx(32.0)
    assert error[0] == pytest.approx(np.sqrt(1 + 0.68**2))


def test_the_noise_of_a_smooth_image_is_found():
    y, x = np.mgrid[0:80, 0:80]
    smooth = 100 * np.exp(-((x - 40) ** 2 + (y - 40) ** 2) / 800)

    assert image_noise((smooth + RANDOM.normal(0, 2, smooth.shape))[None]) == pytest.approx(2.0, rel=0.1)


def test_water_is_taken_out_and_the_rest_stays():
    time = np.arange(1024) * 8e-4
    rest = 10 * np.exp(2j * np.pi * -300 * time - 20 * time)
    water = 1000 * np.exp(2j * np.pi * 5 * time - 15 * time + 0.3j)
    noise = RANDOM.normal(0, 0.05, 1024) + 1j * RANDOM.normal(0, 0.05, 1024)
    found = without_carrier(rest + water + noise, 8e-4, 50.0)

    np.testing.assert_allclose(found, rest, atol=0.5)


def echoes(shape=(3, 6, 5), noise=1.0):
    time = RANDOM.uniform(0.03, 0.12, shape)
    clean = 200 * np.exp(-ECHOES[:, None, None, None] / time)
    signal = clean + RANDOM.normal(0, noise, clean.shape)
    data = xr.Dataset({"signal": (("volume", "z", "y", "x"), signal, {"units": "arbitrary"})})
    data["affine"] = (("to_axis", "axis"), np.eye(4), {"units": "mm"})
    data["echo_time"] = ("volume", ECHOES, {"units": "s"})
    return time, Measurement(data, Metadata(technique="mri"), Provenance("made here", "none", "1"))


def mapped(run, mask=None, **chosen):
    planned = plan(run, MapParameters(**chosen), mask)
    return planned, labelled(planned, planned.lazy.compute(scheduler="sync"))


def test_a_map_holds_value_uncertainty_and_quality():
    time, run = echoes()
    planned, maps = mapped(run, method="t2")
    found, _ = findings(planned, maps, "t2")

    assert (maps["quality"] == 1).all()
    pulls = (maps["t2"].values - time) / maps["t2_errors"].values
    assert 0.7 < np.std(pulls) < 1.6
    assert found[0].quantity == "relaxation_time_t2"
    assert maps["t2"].attrs["units"] == "s"


@pytest.mark.parametrize("chunks", [(8, 3, 6, 5), (1, 1, 2, 3), (4, 2, 6, 1)])
def test_any_chunking_gives_the_whole_answer(chunks):
    _, run = echoes()
    _, whole = mapped(run, method="t2")
    data = run.data.assign(
        signal=(
            run.data["signal"].dims,
            da.from_array(run.data["signal"].values, chunks),
            run.data["signal"].attrs,
        )
    )
    _, parts = mapped(Measurement(data, run.metadata, run.provenance), method="t2")

    np.testing.assert_array_equal(parts["t2"], whole["t2"])


def test_voxels_outside_the_mask_have_no_value():
    _, run = echoes()
    mask = np.zeros((3, 6, 5), bool)
    mask[1, 2, 3] = True
    _, maps = mapped(run, mask, method="t2")

    assert int((maps["quality"] == 1).sum()) == 1
    assert int(np.isfinite(maps["t2"]).sum()) == 1


def test_a_voxel_without_decay_is_measured_but_not_determined():
    _, run = echoes()
    run.data["signal"].values[:, 0, 0, 0] = 150.0
    planned, maps = mapped(run, method="t2")
    _, flags = findings(planned, maps, "t2")

    assert int(maps["quality"][0, 0, 0]) == 2
    assert "voxels_undetermined" in {flag.code for flag in flags}


def test_a_time_that_no_file_says_is_asked_for():
    _, run = echoes()
    bare = Measurement(run.data.drop_vars("echo_time"), run.metadata, run.provenance)

    with pytest.raises(MissingMetadataError, match=r"maps\.echo_times_s"):
        mapped(bare, method="t2")
    with pytest.raises(MissingMetadataError, match=r"maps\.method"):
        mapped(run)


def test_volumes_of_another_grid_are_refused():
    _, one = echoes()
    _, two = echoes((3, 6, 4))

    with pytest.raises(VolumeError, match="another grid"):
        joined([one, two])
