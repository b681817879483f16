"""Readers of magnetic resonance images and voxel spectra, on written files and on measured ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")

from adapters.errors import AdapterError, LayoutError
from adapters.formats.dicom import DICOM
from adapters.formats.fdf import FDF
from adapters.formats.nifti import NIFTI
from adapters.formats.paravision import PARAVISION
from adapters.formats.siemens_rda import RDA
from adapters.formats.signal_table import SIGNAL_TABLE
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.mri import (
    PERSON,
    write_dicom,
    write_fdf,
    write_nifti,
    write_paravision,
    write_rda,
    write_table,
)

VOLUMES = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
FID = np.exp((2j * np.pi * 0.1 - 0.02) * np.arange(64)) * 1000


class TestNifti(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return NIFTI

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_nifti(tmp_path / "bold.nii", VOLUMES, sidecar={"EchoTime": 0.03, "FlipAngle": 9})
        sums = {"signal": VOLUMES.sum(), "echo_time": 0.06, "flip_angle": 18.0}
        return Sample(path, {"volume": 2, "z": 3, "y": 4, "x": 5}, sums)


class TestFdf(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return FDF

    @pytest.fixture
    def sample(self, tmp_path):
        values = np.arange(20, dtype=np.float32).reshape(4, 5)
        path = write_fdf(tmp_path / "image.fdf", values)
        return Sample(path, {"y": 4, "x": 5}, {"signal": values.sum(), "echo_time": 0.004})


class TestRda(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return RDA

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_rda(tmp_path / "svs.rda", FID)
        sums = {"time": 833e-6 * np.arange(64).sum(), "frequency": 123.234655, "echo_time": 0.03}
        return Sample(path, {"row": 1, "time": 64}, sums, {"instrument": "Skyra"})


class TestSignalTable(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return SIGNAL_TABLE

    @pytest.fixture
    def sample(self, tmp_path):
        sums = {"signal": 21.0, "flip_angle": 19.0, "repetition_time": 0.03}
        return Sample(write_table(tmp_path / "t1.csv"), {"volume": 3, "voxel": 3}, sums)


class TestParaVision(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return PARAVISION

    @pytest.fixture
    def sample(self, tmp_path):
        frames = VOLUMES[0]
        path = write_paravision(tmp_path / "study" / "7", frames, (1.0, 2.0, 0.5))
        total = float((frames * np.array([1.0, 2.0, 0.5])[:, None, None]).sum())
        return Sample(path, {"volume": 1, "z": 3, "y": 4, "x": 5}, {"signal": total, "echo_time": 0.0165},
                      halve=path / "pdata" / "1" / "2dseq")  # fmt: skip


class TestDicom(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return DICOM

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_dicom(tmp_path / "study" / "series", VOLUMES.astype(np.uint16), (10.0, 20.0))
        total = float((2.0 * VOLUMES + 1).sum())
        sizes = {"volume": 2, "z": 3, "y": 4, "x": 5}
        return Sample(path, sizes, {"signal": total, "echo_time": 0.03}, {"instrument": "Model 3"},
                      halve=path / "x919")  # fmt: skip


def test_slices_and_echoes_are_put_in_their_places(tmp_path):
    run = DICOM.open(write_dicom(tmp_path / "series", VOLUMES.astype(np.uint16), (10.0, 20.0)))

    np.testing.assert_allclose(run.data["signal"], 2.0 * VOLUMES + 1)
    np.testing.assert_allclose(run.data["echo_time"], [0.01, 0.02])
    np.testing.assert_allclose(np.diag(run.data["affine"])[:3], [-2.0, -1.5, 4.0])


def test_a_missing_slice_is_told(tmp_path):
    folder = write_dicom(tmp_path / "series", VOLUMES.astype(np.uint16), (10.0, 20.0))
    (folder / "x838").unlink()

    with pytest.raises(LayoutError, match="missing or there twice"):
        DICOM.open(folder)


def test_gzipped_and_plain_volumes_are_the_same(tmp_path):
    runs = [NIFTI.open(write_nifti(tmp_path / name, VOLUMES)) for name in ("a.nii", "b.nii.gz")]

    np.testing.assert_array_equal(runs[0].data["signal"], runs[1].data["signal"])
    np.testing.assert_array_equal(runs[0].data["signal"], VOLUMES)


def test_weightings_that_do_not_fit_the_volumes_are_refused(tmp_path):
    path = write_nifti(tmp_path / "dwi.nii.gz", VOLUMES, weighting=((0, 1000, 1000), np.eye(3)))

    with pytest.raises(LayoutError, match="3 b-values"):
        NIFTI.open(path)


def everything(tmp_path):
    return [
        write_nifti(tmp_path / "a.nii.gz", VOLUMES, sidecar={"EchoTime": 0.01, "Manufacturer": "MAKER"}),
        write_fdf(tmp_path / "b.fdf", np.ones((4, 5), np.float32)),
        write_rda(tmp_path / "c.rda", FID),
        write_paravision(tmp_path / "d" / "1", VOLUMES[0], (1, 1, 1)),
        write_dicom(tmp_path / "e", VOLUMES.astype(np.uint16), (10.0, 20.0)),
    ]


def test_no_word_on_the_person_leaves_a_reader(tmp_path):
    for path in everything(tmp_path):
        run = open_run(path)
        said = repr(run.metadata) + repr(run.flags) + json.dumps(run.data.to_dict(data=False), default=str)
        words = " ".join(str(run.data[name].values) for name in run.data if run.data[name].dtype.kind in "UO")

        assert [word for word in PERSON.values() if word in said + words] == [], path.name


@pytest.mark.parametrize("which", range(4))
def test_a_file_cut_or_scrambled_anywhere_is_answered_in_our_own_words(tmp_path, which):
    path = everything(tmp_path)[which]
    victim = path / "pdata" / "1" / "visu_pars" if path.is_dir() else path
    whole = np.frombuffer(victim.read_bytes(), np.uint8)
    random = np.random.default_rng(which)
    for size in np.linspace(0, len(whole) - 1, 15, dtype=int):
        victim.write_bytes(whole[:size].tobytes())
        answered(path)
    for _ in range(25):
        changed = whole.copy()
        changed[random.integers(0, min(len(whole), 400), 5)] = random.integers(0, 256, 5)
        victim.write_bytes(changed.tobytes())
        answered(path)


def answered(path):
    for adapter in (NIFTI, FDF, RDA, PARAVISION):
        assert adapter.check(path).state in State
        try:
            adapter.open(path)
        except AdapterError as error:
            assert str(error)


@pytest.mark.measured
def test_measured_images_are_those_of_the_record(measured):
    mri = measured / "mri"
    banana = open_run(mri / "paravision_banana/1").data
    agilent = open_run(mri / "agilent_fdf/test.fdf").data
    philips = open_run(mri / "philips_parrec/phantom_EPI_asc_CLEAR_2_1.PAR").data
    weighted = open_run(mri / "dicom_siemens_dwi/siemens_dwi_1000.dcm.gz").data
    slices = open_run(measured / "correlative/mrs_voxel_in_mri")

    assert dict(banana["signal"].sizes) == {"volume": 1, "z": 5, "y": 64, "x": 80}
    assert float(banana["signal"].min()) == pytest.approx(99.243, abs=1e-3)
    assert float(banana["signal"].max()) == pytest.approx(361311.30, abs=0.01)
    assert float(banana["echo_time"][0]) == pytest.approx(0.0165)
    np.testing.assert_allclose(np.linalg.norm(banana["affine"].values[:3, :3], axis=0), [0.55, 0.6875, 2.0])
    assert float(agilent["signal"].max()) == pytest.approx(0.03395774)
    assert float(agilent["signal"].mean()) == pytest.approx(0.0033820, abs=1e-7)
    assert float(philips["signal"].mean()) == pytest.approx(194.958138, abs=1e-6)
    assert philips["signal"].shape == (3, 9, 64, 64)
    assert float(weighted["b_value"][0]) == pytest.approx(992.05, abs=0.01)
    assert weighted["signal"].shape == (1, 48, 128, 128)
    assert slices.data["signal"].shape == (1, 4, 1024, 960)
    # The files are called T1, but the header says that they are weighted by T2.
    assert float(slices.data["echo_time"][0]) == pytest.approx(0.1)
    assert slices.data["affine"].values[2, 3] == pytest.approx(-10.64, abs=0.01)


@pytest.mark.measured
def test_one_voxel_in_three_formats_is_one_voxel(measured):
    folder = measured / "mri/mrs_siemens"
    runs = [
        open_run(folder / name).data
        for name in ("SVS_30.rda", "SVS_30.IMA", "SVS_30_niftimrs_from_rda.nii.gz")
    ]

    for run in runs:
        np.testing.assert_allclose(run["affine"], runs[0]["affine"], atol=2e-3)
        np.testing.assert_allclose(run["fid"], runs[0]["fid"], rtol=1e-4, atol=1e-3)
        assert float(run["time"][1]) == pytest.approx(833e-6, rel=1e-3)


@pytest.mark.measured
def test_every_measured_file_is_read_or_refused_with_a_reason(measured):
    read, refused = [], []
    for path in sorted((measured / "mri").rglob("*")):
        if not path.is_file():
            continue
        try:
            run = open_run(path)
        except AdapterError as error:
            refused.append((path.name, str(error)))
        else:
            assert run.metadata.technique == "mri", path
            read.append(path.name)
    ours = {"AdjStatePerScan", "acqp", "method", "d3proc", "id", "meta", "procs", "reco"}

    assert {name for name, _ in refused} == {"small_101D.bval", "small_101D.bvec", *ours}
    assert all("belongs to the ParaVision scan" in why for name, why in refused if name in ours)
    assert len(read) == 12
    assert Path("2dseq").name in read
