"""Peak lists and shifts to rates, NOE, correlation time and perturbation, as flows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.registry import open_run
from adapters.testing.nmr_files import write_sparky_list
from adapters.testing.nmr_tables import write_nef, write_nmr_star
from flows.nmr_noe import NoeFlowParameters, nmr_noe
from flows.nmr_perturbation import PerturbationFlowParameters, nmr_perturbation
from flows.nmr_relaxation import SeriesParameters, nmr_relaxation
from flows.nmr_tumbling import TumblingFlowParameters, nmr_tumbling
from tasks.nmr.kernels.tumbling import rates
from tasks.nmr.spectrum import ResonanceError

# Published by the authors of the program the lists come with, in 1/s.
RELAX_R2 = {
    "GLY4": 8.0815,
    "SER5": 8.6479,
    "MET6": 9.5711,
    "ASP7": 10.7166,
    "SER8": 11.1438,
    "GLY12": 12.8288,
}
RELAX_TIMES = {"1": 0.0176, "1b": 0.0176, "2": 0.0352, "4": 0.0704, "4b": 0.0704, "6": 0.1056, "9": 0.1584,
               "9b": 0.1584, "11": 0.1936, "11b": 0.1936}  # fmt: skip
GB1 = "nmr/nef/GB1_T1_Relaxation_series_fitted_short.nef"


def by_method(answer, name):
    return {each["method"].split()[-1]: each for each in answer["findings"] if each["quantity"] == name}


@pytest.fixture
def raw(tmp_path):
    """A folder of its own for inputs: products never lie among them."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def series(raw):
    """R1, R2 and NOE of four residues of a molecule that tumbles in 7 ns, at 600 MHz."""
    pytest.importorskip("pynmrstar")
    truth = rates(np.array(7e-9), 600.0)
    random = np.random.default_rng(5)

    def decays(rate, times_ms):
        return [
            (t, {n: 1e6 * np.exp(-float(rate) * t / 1000) + 2e3 * random.normal() for n in (1, 2, 3, 4)})
            for t in times_ms
        ]

    saturated = [(1.0, dict.fromkeys((1, 2, 3, 4), 8e5)), (0.0, dict.fromkeys((1, 2, 3, 4), 1e6))]
    return write_nef(
        raw / "series.nef",
        {
            "slow": ("heteronuclear_R1_relaxation", decays(truth.r1, (10, 10, 200, 400, 800, 1200))),
            "fast": ("heteronuclear_R2_relaxation", decays(truth.r2, (10, 10, 30, 60, 90, 120))),
            "steady": ("heteronuclear_NOEs", saturated),
        },
    )


def test_a_file_with_both_rates_gives_the_correlation_time(series, tmp_path):
    answer = nmr_tumbling.fn([series], TumblingFlowParameters(), results=tmp_path / "out")
    (found,) = answer["findings"]

    assert found["value"] == pytest.approx(7.0, abs=4 * found["uncertainty"])
    assert found["uncertainty"] < 0.2
    assert len(answer["plots"]) == 2


def test_products_of_both_rates_give_the_same_time(series, tmp_path):
    made = []
    for quantity in ("t1", "t2"):
        asked = SeriesParameters.model_validate({"relaxation": {"quantity": quantity}})
        made.append(Path(nmr_relaxation.fn([series], asked, results=tmp_path / "out")["product"]))
    whole = nmr_tumbling.fn([series], TumblingFlowParameters(), results=tmp_path / "out")

    answer = nmr_tumbling.fn(made, TumblingFlowParameters(), results=tmp_path / "out")

    assert answer["findings"][0]["value"] == pytest.approx(whole["findings"][0]["value"], rel=1e-6)
    assert "flexibility_unknown" in {flag["code"] for flag in answer["flags"]}


def test_rates_lie_beside_the_product_as_archives_take_them(series, tmp_path):
    pynmrstar = pytest.importorskip("pynmrstar")
    asked = SeriesParameters.model_validate({"relaxation": {"quantity": "t1"}})
    answer = nmr_relaxation.fn([series], asked, results=tmp_path / "out")
    found = by_method(answer, "relaxation_rate_r1")

    entry = pynmrstar.Entry.from_file(str(Path(answer["product"]).with_name("rates.str")))
    (frame,) = entry.get_saveframes_by_category("heteronucl_T1_relaxation")
    rows = frame["_T1"].get_tag(["Comp_index_ID", "Comp_ID", "Atom_ID", "Val", "Val_err"])
    assert frame.get_tag("Spectrometer_frequency_1H") == ["600"]
    assert [row[:3] for row in rows] == [[str(number), "GLY", "N"] for number in range(1, 5)]
    for row in rows:
        claim = found[f"GLY{row[0]}N-H"]
        assert (float(row[3]), float(row[4])) == pytest.approx(
            (claim["value"], claim["uncertainty"]), rel=1e-5
        )


def test_a_file_with_several_series_is_asked_which(series, tmp_path):
    with pytest.raises(ResonanceError, match=r"relaxation\.series"):
        nmr_relaxation.fn([series], SeriesParameters(), results=tmp_path / "out")


def test_rates_in_the_rotating_frame_are_told_as_such(raw, tmp_path):
    delays = (0.01, 0.02, 0.05, 0.08)
    lists = [
        write_sparky_list(raw / f"{number}.list", [("A1N-H", 120.0, 8.0, 1e6 * np.exp(-12 * delay))])
        for number, delay in enumerate(delays)
    ]
    asked = SeriesParameters.model_validate(
        {"relaxation": {"quantity": "t1rho", "delays_s": delays, "noise": 1e3}}
    )
    answer = nmr_relaxation.fn(lists, asked, results=tmp_path / "out")
    (found,) = answer["findings"]

    assert found["quantity"] == "relaxation_time_t1rho"
    assert found["value"] == pytest.approx(1 / 12, rel=1e-4)


def test_two_lists_give_noes_and_a_product_that_opens(raw, tmp_path):
    names = [f"A{number}N-H" for number in range(1, 4)]
    reference, saturated = (
        write_sparky_list(raw / f"{factor}.list", [(name, 120.0, 8.0, factor * 1e6) for name in names])
        for factor in (1.0, 0.75)
    )
    asked = NoeFlowParameters.model_validate({"reference": reference, "noe": {"noise": 1e4}})
    answer = nmr_noe.fn([saturated], asked, results=tmp_path / "out")

    assert [each["value"] for each in answer["findings"]] == pytest.approx([0.75] * 3)
    assert open_run(answer["product"]).data["noe"].values == pytest.approx([0.75] * 3)


def test_shifts_of_two_states_give_the_site(raw, tmp_path):
    pytest.importorskip("pynmrstar")
    random = np.random.default_rng(7)

    def entry(name, moved):
        rows = []
        for residue in range(1, 31):
            proton, nitrogen = 8 + 0.05 * residue, 110 + residue
            if moved:
                proton += 0.003 * random.normal() + (0.2 if 11 <= residue <= 13 else 0.0)
            rows += [(residue, "ALA", "H", round(proton, 4), 0.002), (residue, "ALA", "N", nitrogen, 0.02)]
        return write_nmr_star(raw / name, rows)

    free, bound = entry("free.str", moved=False), entry("bound.str", moved=True)
    asked = PerturbationFlowParameters(reference=free)
    answer = nmr_perturbation.fn([bound], asked, results=tmp_path / "out")
    table = open_run(answer["product"]).data

    assert table["assignment"].values[table["significant"].values].tolist() == ["ALA11", "ALA12", "ALA13"]
    assert len(answer["plots"]) == 2


def test_the_other_state_is_asked_for(raw, tmp_path):
    pytest.importorskip("pynmrstar")
    entry = write_nmr_star(raw / "one.str", [(1, "ALA", "H", 8.0, None), (1, "ALA", "N", 120.0, None)])

    with pytest.raises(MissingMetadataError, match="'reference'"):
        nmr_perturbation.fn([entry], PerturbationFlowParameters(), results=tmp_path / "out")


@pytest.mark.measured
def test_published_rates_are_found_from_peak_lists(measured, tmp_path):
    lists = [measured / f"nmr/t2_sparky_lists/T2_ncyc{name}_ave.list" for name in RELAX_TIMES]
    asked = SeriesParameters.model_validate(
        {"relaxation": {"quantity": "t2", "delays_s": tuple(RELAX_TIMES.values())}}
    )
    answer = nmr_relaxation.fn(lists, asked, results=tmp_path)
    found = by_method(answer, "relaxation_rate_r2")

    for residue, published in RELAX_R2.items():
        assert found[f"{residue}N-HN"]["value"] == pytest.approx(published, rel=0.01)
    assert not {"SS332N-HN", "SS361N-HN", "ASN512ND2-HD22"} & set(found)


@pytest.mark.measured
def test_gb1_gives_its_rates_noe_and_correlation_time(measured, tmp_path):
    pytest.importorskip("pynmrstar")
    computed = {"t1": (2.136, 2.178, 2.170, 2.155), "t2": (6.087, 5.881, 5.726, 5.989)}
    for quantity, name in (("t1", "relaxation_rate_r1"), ("t2", "relaxation_rate_r2")):
        asked = SeriesParameters.model_validate({"relaxation": {"quantity": quantity}})
        found = by_method(nmr_relaxation.fn([measured / GB1], asked, results=tmp_path), name)
        assert [each["value"] for each in found.values()] == pytest.approx(computed[quantity], rel=1e-3)
    ratios = by_method(nmr_noe.fn([measured / GB1], results=tmp_path), "heteronuclear_noe")
    time = nmr_tumbling.fn([measured / GB1], results=tmp_path)["findings"][0]

    assert ratios["LYS18N-H"]["value"] == pytest.approx(2124928.25 / 2793680, rel=1e-6)
    # The closed form without anisotropy gives 4.2 ns for R2/R1 of 2.74.
    assert time["value"] == pytest.approx(4.1, abs=0.15)


@pytest.mark.measured
def test_a_homologue_is_not_compared(measured, tmp_path):
    pytest.importorskip("pynmrstar")
    asked = PerturbationFlowParameters(reference=measured / "nmr/nmrstar/bmr18531.str")

    with pytest.raises(ResonanceError, match="different sequences: THR18 and LYS18"):
        nmr_perturbation.fn([measured / GB1], asked, results=tmp_path)


@pytest.mark.measured
def test_without_protons_there_are_no_amides_to_compare(measured, tmp_path):
    pytest.importorskip("pynmrstar")
    asked = PerturbationFlowParameters(reference=measured / "nmr/nmrstar/bmr18531.str")

    with pytest.raises(ResonanceError, match="no amide in common"):
        nmr_perturbation.fn([measured / "nmr/nmrstar/bmr15283.str"], asked, results=tmp_path)
