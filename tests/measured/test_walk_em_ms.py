"""Every measured file of electron microscopy and mass spectrometry is read as its row says, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.registry import open_run

pytestmark = pytest.mark.measured

# Path, sizes that must be found, and sums or extremes of variables.
READ = [
    ("em/betagal/betaGal.mrc", {"z": 100, "y": 100, "x": 100}, {"density": (-0.05297, 0.197)}),
    ("em/betagal/localResolution.mrc", {"z": 100}, {"density": (7.24, 13.96)}),
    ("em/betagal/relion_tutorial_star/run_it025_optimiser_2D.star", {"optimiser_general": 1}, {}),
    ("em/betagal/relion_tutorial_star/run_it025_optimiser_3D.star", {"optimiser_general": 1}, {}),
    ("em/betagal/relion_tutorial_star/run_it025_sampling_2D.star", {"sampling_general": 1}, {}),
    ("em/betagal/relion_tutorial_star/run_it025_sampling_3D.star", {"sampling_directions": 192}, {}),
    ("em/emdb/EMD-3001.map", {"z": 73, "y": 25, "x": 43}, {"voxel": (0.3925, 0.45875)}),
    ("em/emdb/EMD-3197.map", {"z": 20}, {"density": (-4.1337, 5.5767), "voxel": (11.4, 11.4)}),
    ("em/empiar_10076/empiar_10076_7.mrc", {"frame": 7, "y": 320}, {"voxel": (1.31, 1.31)}),
    ("em/empiar_10076/empiar_10076_7.star", {"table": 7}, {"table.rlnDefocusU": (15150.7, 15366.8)}),
    (
        "em/digitalmicrograph/EELS_SI.dm4",
        {"frame": 4, "energy": 2048},
        {"scan_step": (19.92, 19.921), "energy": (300, 2347)},
    ),
    (
        "em/digitalmicrograph/multi_signal.dm3",
        {"frame": 1, "y": 512, "x": 512, "plot_1_point": 512},
        {"voxel": (0.1775158, 0.1775158)},
    ),
    ("em/digitalmicrograph/test-EELS_spectrum.dm3", {"energy": 2048}, {"energy": (-100, 923.5)}),
    ("em/stem_4d/merlin/001_4x2_6bit.mib", {"frame": 8, "ky": 256, "kx": 256}, {}),
    ("em/stem_4d/merlin/002_4x2_6bit_roi128.mib", {"frame": 8, "ky": 128, "kx": 256}, {}),
    (
        "em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS_1.ser",
        {"frame": 5, "energy": 4000},
        {"energy": (0, 19995)},
    ),
    (
        "em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS_2.ser",
        {"frame": 5, "ky": 128, "kx": 128},
        {"scan_step": (36.89, 36.89), "pattern_step": (0.01744, 0.01744)},
    ),
    (
        "em/velox_emd/Test_SI_16x16_ReducedData_215_kx.emd",
        {"frame": 5, "y": 16, "x": 16, "detector": 4, "energy": 4096},
        {"voxel": (35.99, 35.99), "energy": (-250, 40700)},
    ),
    (
        "em/micrograph/fei-extended_crop2048.mrc.bz2",
        {"frame": 1, "y": 2048},
        {"image": (904, 45804), "voxel": (0.8537755, 0.8537755)},
    ),
    ("em/serialem_mdoc/tilt_series.mdoc", {"section": 41}, {"tilt_angle": (-59.9986, 60.0006)}),
    (
        "em/serialem_mdoc/frame_set_multiple.mdoc",
        {"section": 21},
        {"tilt_angle": (32.986, 33.0), "exposure_dose": (7.54812, 291.302)},
    ),
    ("em/serialem_mdoc/montage_section.mdoc", {"section": 63}, {"pixel_spacing": (656.139, 656.139)}),
    (
        "em/star/FinalRefinement-OriginalParticles-PfCRT.star",
        {"images": 5},
        {"images.rlnVoltage": (300, 300)},
    ),
    ("em/star/default_pipeline.star", {"pipeline_processes": 31, "pipeline_nodes": 74}, {}),
    ("em/star/postprocess.star", {"fsc": 49}, {"general.rlnFinalResolution": (16.363636, 16.363636)}),
    ("ms/bsa_lcms/BSA1.mzML.gz", {"scan": 1684}, {"scan_time": (1501.414, 2499.518)}),
    ("ms/bsa_lcms/BSA1_OMSSA.idXML", {"identification": 44}, {}),
    ("ms/cdms/BgalGroEL_mass.txt", {"mass": 87}, {}),
    ("ms/cdms/BgalGroEL_rawdata.npz", {"ion": 81227}, {"ion_mz": (5000.1, 19937.2), "ion_scan": (2, 4743)}),
    ("ms/hdx_secb/ecSecB_apo.csv", {"row": 567}, {"exposure": (0, 100.000008)}),
    ("ms/hdx_secb/ecSecB_dimer.csv", {"row": 427}, {"exposure": (0, 100.000008)}),
    ("ms/imzml/Example_Continuous.imzML", {"scan": 9}, {"mz": (100.083336, 799.9167)}),
    ("ms/imzml/Example_Processed.imzML", {"scan": 9}, {"mz": (100.083336, 799.9167)}),
    ("ms/intact/cytochrome_c_averaged.mzML", {"scan": 1, "point": 2102}, {"mz": (302.27, 1766.77)}),
    ("ms/ltq_ft_small/small.mzML", {"scan": 48}, {"ms_level": (1, 2)}),
    ("ms/native/BSA.txt", {"point": 41503}, {}),
    ("ms/native/GroEL_UniDec.txt", {"point": 4935}, {}),
    (
        "ms/timstof_tsf_imaging/example_tsf.d",
        {"scan": 400, "point": 226855},
        {"x": (1158, 1177), "y": (525, 544)},
    ),
    (
        "ms/xlms_ecoli_dsso/B190717_13_HF_LS_IN_130_ECLP_DSSO_01_SCX23_hSAX05_rep2.mzML",
        {"scan": 11},
        {"ms_level": (2, 2)},
    ),
    (
        "ms/xlms_ecoli_dsso/B190717_20_HF_LS_IN_130_ECLP_DSSO_01_SCX23_hSAX01_rep2.mzML",
        {"scan": 11},
        {"ms_level": (2, 2)},
    ),
    ("ms/xlms_ecoli_dsso/mzml_ecoli_dsso.mzid", {"link": 22}, {}),
    (
        "ms/xlms_polii/PolII_XiVersion1.6.742_PSM_xiFDR1.1.27.csv",
        {"link": 422},
        {"crosslinker_mass": (138.06807,) * 2},
    ),
    ("ms/xlms_polii/polII-uniprot.fasta", {"protein": 12}, {}),
    ("correlative/polii_em_xray_xlms/emd_1883.gmm50.mrc", {"z": 65}, {"density": (0, 3.7158e-5)}),
]
OTHER = {"correlative/polii_em_xray_xlms/emd_1883.gmm50.mrc"}
# Sums that other programs found, as the rows state them.
SUMS = [
    ("em/digitalmicrograph/test-EELS_spectrum.dm3", "spectrum", -7678.557),
    ("em/digitalmicrograph/multi_signal.dm3", "image", 949490255),
    ("em/stem_4d/merlin/001_4x2_6bit.mib", "patterns", 3623664),
    ("em/stem_4d/merlin/002_4x2_6bit_roi128.mib", "patterns", 3263829),
    ("em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS_1.ser", "spectrum", 11),
    ("em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS_2.ser", "patterns", -16488533),
]
REFUSED = [
    "em/stem_4d/merlin/001_4x2_6bit.hdr",
    "em/stem_4d/merlin/002_4x2_6bit_roi128.hdr",
    "em/stem_4d/tia/16x16-line_profile_horizontal_5x128x128_EDS.emi",
    "ms/hdx_secb/dataset.json",
    "ms/imzml/Example_Continuous.ibd",
    "ms/native/UniDec-LICENSE.txt",
]


@pytest.mark.parametrize(
    ("name", "sizes", "ends"), READ, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_file_is_read_as_its_row_says(measured, name, sizes, ends):
    pytest.importorskip("zstandard")
    data = open_run(measured / name).data

    assert {dim: data.sizes[dim] for dim in sizes} == sizes
    for variable, (low, high) in ends.items():
        values = data[variable].values
        assert float(np.nanmin(values)) == pytest.approx(low, rel=1e-3, abs=1e-9), variable
        assert float(np.nanmax(values)) == pytest.approx(high, rel=1e-3, abs=1e-9), variable


@pytest.mark.parametrize(("name", "variable", "total"), SUMS)
def test_sums_are_those_of_other_programs(measured, name, variable, total):
    assert float(open_run(measured / name).data[variable].sum()) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_run_is_refused_in_words(measured, name):
    with pytest.raises(AdapterError):
        open_run(measured / name)


def test_every_file_has_a_row(measured):
    known = {name for name, _, _ in READ} | set(REFUSED)
    files = [path for folder in ("em", "ms") for path in (measured / folder).rglob("*") if path.is_file()]
    names = {str(path.relative_to(measured)) for path in files}

    # A folder of a timsTOF is one run, and the second file of an imzML pair the same for both.
    assert {name for name in names - known if ".d/" not in name and not name.endswith(".ibd")} == set()
    assert known - names == {"ms/timstof_tsf_imaging/example_tsf.d", *OTHER}
