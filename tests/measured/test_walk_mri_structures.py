"""Every measured file of imaging, structures and correlative sets: read as its row says, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.registry import open_run

pytestmark = pytest.mark.measured
FOLDERS = ("mri", "correlative", "structures")
CORD = "correlative/spinal_cord_errsm30"

# Path, sizes, and ends (lowest, highest) or the number of voxels that are not zero.
READ = [
    ("mri/agilent_fdf/test.fdf", {"y": 256, "x": 256}, {"signal": (4.5e-6, 0.03395774)}),
    ("mri/dicom_siemens_dwi/siemens_dwi_0.dcm.gz", {"z": 48, "y": 128, "x": 128}, {"b_value": (0, 0)}),
    (
        "mri/dicom_siemens_dwi/siemens_dwi_1000.dcm.gz",
        {"z": 48, "y": 128, "x": 128},
        {"b_value": (992.05,) * 2},
    ),
    ("mri/dwi/small_101D.nii.gz", {"volume": 102, "z": 10, "y": 10, "x": 6}, {"b_value": (15, 4065)}),
    ("mri/mrs_siemens/SVS_30.IMA", {"time": 1024}, {"frequency": (123.234655,) * 2}),
    ("mri/mrs_siemens/SVS_30.rda", {"time": 1024}, {"frequency": (123.234655,) * 2}),
    ("mri/mrs_siemens/SVS_30_niftimrs_from_rda.nii.gz", {"time": 1024}, {"frequency": (123.234655,) * 2}),
    ("mri/paravision_banana/1", {"z": 5, "y": 64, "x": 80}, {"signal": (99.243, 361311.30)}),
    ("mri/philips_parrec/phantom_EPI_asc_CLEAR_2_1.PAR", {"volume": 3, "z": 9, "y": 64, "x": 64}, {}),
    ("mri/philips_parrec/phantom_EPI_asc_CLEAR_2_1.REC", {"volume": 3, "z": 9, "y": 64, "x": 64}, {}),
    ("mri/t1_mapping/t1_brain_data.csv", {"volume": 3, "voxel": 76}, {}),
    *((f"correlative/mrs_voxel_in_mri/T1.001{k}.IMA", {"y": 1024, "x": 960}, {}) for k in (1, 2, 3, 4)),
    ("correlative/polii_em_xray_xlms/1WCM.fasta", {"protein": 12}, {}),
    ("correlative/polii_em_xray_xlms/1WCM_fitted.pdb", {"polymer": 12, "atom": 30945}, {}),
    ("correlative/polii_em_xray_xlms/emd_1883.gmm50.mrc", {"z": 65, "y": 65, "x": 65}, {"voxel": (4, 4)}),
    (f"{CORD}/dmri/dmri.nii.gz", {"volume": 7, "z": 5, "y": 42, "x": 40}, {"b_value": (0, 750)}),
    (f"{CORD}/mt/mt0.nii.gz", {"z": 5, "y": 40, "x": 40}, {}),
    (f"{CORD}/mt/mt1.nii.gz", {"z": 5, "y": 40, "x": 40}, {}),
    (f"{CORD}/mt/mt0_reg_slicereg_goldstandard.nii.gz", {"z": 5, "y": 40, "x": 40}, {}),
    (f"{CORD}/mt/mt0_seg.nii.gz", {"z": 5}, {"signal": 502}),
    (f"{CORD}/mt/mt1_seg.nii.gz", {"z": 5}, {"signal": 520}),
    (f"{CORD}/t1/t1w.nii.gz", {"z": 77, "y": 76, "x": 42}, {}),
    (f"{CORD}/t1/t1w_seg-manual.nii.gz", {"z": 77}, {"signal": 5437}),
    (f"{CORD}/t2/t2.nii.gz", {"z": 52, "y": 55, "x": 60}, {}),
    (f"{CORD}/t2/t2_seg-manual.nii.gz", {"z": 52}, {"signal": 4275}),
    (f"{CORD}/t2/t2_centerline-manual.nii.gz", {"z": 52}, {"signal": (0, 1)}),
    (f"{CORD}/t2/labels.nii.gz", {"z": 52}, {"signal": 2}),
    ("structures/1d3z.pdb", {"polymer": 1}, {}),
    ("structures/1oel.pdb", {"polymer": 7}, {}),
    ("structures/1qyn.cif", {"polymer": 4}, {}),
    ("structures/1ubq.pdb", {"polymer": 1}, {}),
    ("structures/1wcm.pdb", {"polymer": 12}, {}),
    ("structures/2oed.pdb", {"polymer": 1, "atom": 862}, {}),
    ("structures/5a1a.cif", {"polymer": 4}, {}),
    ("structures/6lyz.pdb", {"polymer": 1}, {}),
]
# What is no run, and what must be said about it.
REFUSED = {
    r"correlative/.*\.png": "a picture for the eye",
    r".*/(bvals|bvecs)\.txt|.*\.bva?e?[lc]": "gradients of a diffusion series",
    r".*/mt[01]\.json": "what a scanner was set to",
    r".*/emd_1883\.gmm50\.txt": "sum of Gaussians",
    r".*/step1TxTy_poly_groundtruth\.csv": "not a curve",
    # The file names no unit of q; it is read below with one.
    r".*/lyzexp\.dat": "q",
}
# Files of a ParaVision folder, which is read as one.
PARTS = "mri/paravision_banana/1/"
# Radius of gyration (angstrom) of the polymer in the first model, by gemmi.
GYRATION = {
    "5a1a.cif": 51.90,
    "1wcm.pdb": 51.03,
    "1oel.pdb": 53.41,
    "1qyn.cif": 24.17,
    "1ubq.pdb": 11.79,
    "1d3z.pdb": 11.96,
    "2oed.pdb": 10.72,
    "6lyz.pdb": 13.98,
}


@pytest.mark.parametrize(("name", "sizes", "ends"), READ, ids=[each[0] for each in READ])
def test_a_file_is_read_as_its_row_says(measured, name, sizes, ends):
    for library in ("nibabel", "pydicom", "gemmi"):
        pytest.importorskip(library)
    data = open_run(measured / name).data

    assert {dim: data.sizes[dim] for dim in sizes} == sizes
    for variable, expected in ends.items():
        values = data[variable].values
        if isinstance(expected, int):
            assert int((values != 0).sum()) == expected
        else:
            found = (float(np.nanmin(values)), float(np.nanmax(values)))
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-9), variable


def test_a_phantom_has_the_mean_of_its_row(measured):
    pytest.importorskip("nibabel")
    found = open_run(measured / "mri/philips_parrec/phantom_EPI_asc_CLEAR_2_1.PAR").data.signal

    assert float(found.mean()) == pytest.approx(194.958138, rel=1e-6)


def test_a_curve_that_ends_as_dos_ends_texts_is_whole(measured):
    """Its last row is followed by the mark 0x1A, which is no part of a number."""
    found = open_run(measured / "correlative/lysozyme_saxs/lyzexp.dat", assume={"q_unit": "1/angstrom"}).data

    assert found.sizes["q"] == 197
    assert (found.q.values[0], found.q.values[-1]) == pytest.approx((0.04138455, 0.4983631))


@pytest.mark.parametrize("name", sorted(GYRATION))
def test_structures_are_as_wide_as_their_rows_say(measured, name):
    gemmi = pytest.importorskip("gemmi")
    path = measured / "structures" / name
    data = open_run(path).data
    # Other models of an ensemble are copies, and water is no part of the molecule.
    polymer = (data["kind"].values == "polymer") & _first_model(path, data.sizes["atom"])
    weights = np.array([gemmi.Element(str(each)).weight for each in data["element"].values])[polymer]
    places = np.stack([data[axis].values[polymer] for axis in "xyz"], axis=1)
    middle = np.average(places, axis=0, weights=weights)
    found = np.sqrt(np.average(((places - middle) ** 2).sum(axis=1), weights=weights))

    assert found == pytest.approx(GYRATION[name], abs=0.02)


def _first_model(path, atoms):
    """Atoms come model by model, all of one size."""
    models = max(1, path.read_text(errors="replace").count("\nMODEL "))
    return np.arange(atoms) < atoms // models


def test_every_file_has_a_row_and_what_is_refused_says_why(measured):
    known = {name for name, _, _ in READ}
    wrong = []
    for path in sorted(each for folder in FOLDERS for each in (measured / folder).rglob("*")):
        name = str(path.relative_to(measured))
        if not path.is_file() or name in known or name.startswith(PARTS):
            continue
        reason = next((said for pattern, said in REFUSED.items() if re.fullmatch(pattern, name)), None)
        wrong += [f"{name}: {said}" for said in _refusal(path, reason)]

    assert wrong == []


def _refusal(path: Path, reason: str | None) -> list[str]:
    """What is wrong with how a file is refused."""
    if reason is None:
        return ["no row is about it"]
    try:
        open_run(path)
    except AdapterError as error:
        return [] if reason in str(error) else [f"refused as {error}"]
    except Exception as error:
        return [f"a foreign error: {type(error).__name__}: {error}"]
    return ["read, though it is no run"]
