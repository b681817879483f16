"""Magnetic resonance files as flows: maps and voxel spectra, on written and on measured data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")

from adapters.registry import open_run
from adapters.testing.mri import PERSON, write_dicom, write_nifti, write_rda
from flows.mri_maps import MapsParameters, mri_maps
from flows.mrs import VoxelParameters, mrs

ECHOES_MS = (10.0, 20.0, 30.0, 40.0, 60.0)
CARRIER = VoxelParameters.model_validate({"spectrum": {"carrier_ppm": 4.7}})


def chosen(**maps):
    return MapsParameters.model_validate({"maps": maps})


def person_in(folder):
    return [
        (path.name, word)
        for path in folder.rglob("*")
        if path.is_file()
        for word in PERSON.values()
        if word.encode() in path.read_bytes()
    ]


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    times = np.linspace(0.03, 0.09, 48).reshape(3, 4, 4)
    signal = np.round(2000 * np.exp(-np.array(ECHOES_MS)[:, None, None, None] / 1000 / times))
    return times, write_dicom(tmp_path_factory.mktemp("scan") / "series", signal.astype(np.uint16), ECHOES_MS)


def test_a_dicom_series_gives_a_map_of_t2(series, tmp_path):
    times, folder = series
    answer = mri_maps.fn([folder], chosen(method="t2"), results=tmp_path)
    product = Path(answer["manifest"]).parent
    again = open_run(answer["product"]).data

    np.testing.assert_allclose(again["t2"], times, rtol=0.01)
    assert len(answer["plots"]) == 2
    assert {path.name for path in product.glob("*.nii")} == {"t2.nii", "t2_errors.nii", "quality.nii"}
    np.testing.assert_allclose(open_run(product / "t2.nii").data["signal"][0], times, rtol=0.01)
    assert person_in(tmp_path) == []


def test_a_spectrum_gives_named_peaks_and_no_person(tmp_path):
    time = np.arange(1024) * 833e-6
    lines = {2.008: 10.0, 3.027: 8.0, 3.208: 6.0, 4.66: 400.0}
    fid = sum(
        height * np.exp(2j * np.pi * (shift - 4.7) * 123.234655 * time - 12 * time)
        for shift, height in lines.items()
    )
    random = np.random.default_rng(2)
    fid = fid + random.normal(0, 0.3, 1024) + 1j * random.normal(0, 0.3, 1024)
    raw = tmp_path / "raw"
    raw.mkdir()
    answer = mrs.fn([write_rda(raw / "svs.rda", fid)], CARRIER, results=tmp_path / "out")
    found = {each["method"]: each["value"] for each in answer["findings"]}

    assert found["1H of NAA"] == pytest.approx(2.008, abs=0.005)
    assert found["1H of creatine"] == pytest.approx(3.027, abs=0.005)
    assert found["1H of choline"] == pytest.approx(3.208, abs=0.005)
    assert person_in(tmp_path / "out") == []


def test_two_volumes_give_a_ratio_within_a_mask(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    random = np.random.default_rng(3)
    free = 1000 + random.normal(0, 5, (1, 3, 20, 20))
    mask = np.zeros((1, 3, 20, 20), np.uint8)
    mask[:, :, 5:15, 5:15] = 1
    paths = [
        write_nifti(raw / "off.nii.gz", free.astype(np.float32)),
        write_nifti(raw / "on.nii.gz", (0.7 * 1000 + random.normal(0, 5, free.shape)).astype(np.float32)),
    ]
    asked = chosen(
        method="magnetisation_transfer", saturated_volume=1, mask=write_nifti(raw / "mask.nii.gz", mask)
    )
    answer = mri_maps.fn(paths, asked, results=tmp_path / "out")

    assert answer["findings"][0]["value"] == pytest.approx(30.0, abs=0.3)
    assert answer["findings"][0]["unit"] == "percent"


@pytest.mark.measured
def test_measured_diffusion_is_that_of_dipy(measured, tmp_path):
    asked = chosen(method="diffusion_tensor", least_share=0.3)
    answer = mri_maps.fn([measured / "mri/dwi/small_101D.nii.gz"], asked, results=tmp_path)
    maps = open_run(answer["product"]).data
    good = maps["quality"].values == 1

    # Of 140 voxels five have signals of 0, which dipy lifts to a floor and this leaves out.
    # dipy 1.12.1, weighted least squares, on the same 135 voxels: 0.17439106 and 7.00507168e-4.
    assert int((maps["quality"] > 0).sum()) == 140
    assert maps["fa"].values[good].mean() == pytest.approx(0.17439106, abs=1e-6)
    assert maps["md"].values[good].mean() == pytest.approx(7.00507168e-4, rel=1e-6)


@pytest.mark.measured
def test_measured_transfer_ratio_is_that_of_the_record(measured, tmp_path):
    folder = measured / "correlative/spinal_cord_errsm30/mt"
    paths = [folder / "mt0_reg_slicereg_goldstandard.nii.gz", folder / "mt1.nii.gz"]
    asked = chosen(method="magnetisation_transfer", saturated_volume=1, mask=folder / "mt1_seg.nii.gz")
    answer = mri_maps.fn(paths, asked, results=tmp_path)

    assert answer["findings"][0]["value"] == pytest.approx(32.0, abs=0.5)


@pytest.mark.measured
def test_measured_flip_angles_give_the_published_rates(measured, tmp_path):
    table = measured / "mri/t1_mapping/t1_brain_data.csv"
    asked = chosen(method="t1_flip_angle", most_relative_error=2.0)
    answer = mri_maps.fn([table], asked, results=tmp_path)
    maps = open_run(answer["product"]).data
    published = maps["published_rate"].values
    medians = {each["method"].split(", ")[1]: each["value"] for each in answer["findings"]}

    assert (np.abs(1 / maps["t1"].values.ravel() - published) < 0.05 + 0.05 * published).all()
    assert medians == pytest.approx({"brain WM": 1.106, "brain GM": 2.028, "brain CSF": 6.324}, abs=1e-3)


@pytest.mark.measured
@pytest.mark.parametrize("name", ["SVS_30.rda", "SVS_30.IMA", "SVS_30_niftimrs_from_rda.nii.gz"])
def test_measured_voxel_shows_its_metabolites(measured, tmp_path, name):
    answer = mrs.fn([measured / "mri/mrs_siemens" / name], CARRIER, results=tmp_path)
    found = {each["method"]: each["value"] for each in answer["findings"]}

    for method, shift in (("NAA", 2.017), ("creatine", 3.026), ("choline", 3.206)):
        assert found[f"1H of {method}"] == pytest.approx(shift, abs=0.0098)
