"""Measured tables of mass spectrometry against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.registry import open_run
from tasks.imaging_ms.parameters import ImagingParameters
from tasks.imaging_ms.reduction import images
from tasks.ms.chromatogram import chromatogram
from tasks.ms.crosslinks import crosslinks, model_of
from tasks.ms.detection import charge_detection
from tasks.ms.exchange import exchange
from tasks.ms.parameters import (
    ChromatogramParameters,
    CrosslinkParameters,
    DetectionParameters,
    ExchangeParameters,
)

pytestmark = pytest.mark.measured
TIC = [121.85, 182.32, 161.81, 200.96, 135.31, 108.40, 127.85, 168.27, 243.54]


@pytest.mark.parametrize("name", ["BgalGroEL_rawdata.npz", "BgalGroEL_mass.txt"])
def test_charge_detection_finds_both_assemblies_within_three_percent(measured, name):
    found = charge_detection(open_run(measured / "ms/cdms" / name), DetectionParameters())

    for physics in (465.5, 800.8):
        nearest = min(found.findings, key=lambda each: abs(each.value - physics))
        assert nearest.value == pytest.approx(physics, rel=0.03)
        assert abs(nearest.value - physics) < 3 * nearest.uncertainty


def test_uptakes_and_differences_are_those_computed_elsewhere(measured):
    folder = measured / "ms/hdx_secb"
    runs = [open_run(folder / name) for name in ("ecSecB_apo.csv", "ecSecB_dimer.csv")]
    found = exchange(runs, ExchangeParameters(exposure_min=10.0))
    values = {each.method: each.value for each in found.findings}
    wild = [values[f"SecB WT apo, {time} min"] for time in ("0.167", "0.5", "1", "5", "10", "100")]
    told = next(flag.message for flag in found.flags if flag.code == "uptake_differs")

    assert wild == pytest.approx([3.3203, 3.6581, 3.8993, 4.1854, 4.3028, 5.0520], abs=1e-3)
    assert values["SecB his dimer apo less SecB WT apo, 10 min"] == pytest.approx(0.37, abs=0.01)
    assert found.facts["shared_peptides"] == 44
    assert "99-107 +2.06 Da, 99-106 +1.79 Da, 101-107 +1.09 Da" in told


@pytest.mark.parametrize(
    ("fdr", "pairs", "mapped", "percent"), [(None, 141, 112, 93.8), (0.01, 116, 90, 94.4)]
)
def test_cross_links_of_polymerase_fit_its_crystal(measured, fdr, pairs, mapped, percent):
    pytest.importorskip("gemmi")
    folder = measured / "ms/xlms_polii"
    sequences = open_run(folder / "polII-uniprot.fasta").data
    both = (sequences["accession"].values.tolist(), sequences["protein_sequence"].values.tolist())
    found = crosslinks(
        open_run(next(folder.glob("*.csv"))),
        CrosslinkParameters(highest_fdr=fdr),
        model_of(open_run(measured / "structures/1wcm.pdb")),
        dict(zip(*both, strict=True)),
    )

    assert (found.facts["residue_pairs"], found.facts["mapped_pairs"]) == (pairs, mapped)
    assert found.findings[0].value == pytest.approx(percent, abs=0.1)
    assert found.facts["by_chance_percent"] == pytest.approx(8.7, abs=0.5)
    assert found.facts["by_chance_median_angstrom"] == pytest.approx(66, abs=1)


@pytest.mark.parametrize("mode", ["Continuous", "Processed"])
def test_both_modes_of_the_reference_image_have_the_stated_totals(measured, mode):
    found = images(open_run(measured / f"ms/imzml/Example_{mode}.imzML"), ImagingParameters())

    np.testing.assert_allclose(found.tables["total"]["total_ion_current"].values.ravel(), TIC, atol=0.006)
    assert found.flags == ()


def test_the_lipid_stands_out_in_the_tissue(measured):
    pytest.importorskip("zstandard")
    run = open_run(measured / "ms/timstof_tsf_imaging/example_tsf.d")
    found = images(run, ImagingParameters())
    data = run.data

    assert dict(data.sizes)["point"] == 226855
    assert float(data["intensity"].sum()) == 16633601.0
    assert min(abs(each - 885.55) for each in found.facts["mz"]) < 0.25
    assert "totals_disagree" not in {flag.code for flag in found.flags}


def test_every_identified_peptide_is_in_its_run(measured):
    folder = measured / "ms/bsa_lcms"
    identified = open_run(folder / "BSA1_OMSSA.idXML")
    found = chromatogram(open_run(folder / "BSA1.mzML.gz"), ChromatogramParameters(), identified)

    assert found.facts == {
        "survey_scans": 564,
        "fragment_scans": 1120,
        "identifications": 44,
        "in_run": 44,
    }
    assert np.nanmedian(np.abs(found.tables["identifications"]["difference"].values)) < 5
