"""Charge detection, exchange, cross-links and chromatograms on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from adapters.model import Measurement, Metadata, Provenance
from adapters.registry import open_run
from adapters.testing import ms as writers
from tasks.common.kernels.composition import peptide_mz
from tasks.common.kernels.extraction import current_near, raster, totals
from tasks.ms.crosslinks import Model, crosslinks
from tasks.ms.detection import charge_detection
from tasks.ms.errors import SpectrumError
from tasks.ms.exchange import averaged, exchange
from tasks.ms.figures import link_plane
from tasks.ms.kernels.charges import PROTON
from tasks.ms.kernels.ions import histogram, modes
from tasks.ms.parameters import CrosslinkParameters, DetectionParameters, ExchangeParameters


def ions(seed=0, per_charge=1.1e5):
    """Single ions of 465.5 and 801 kDa, each charge with noise in its signal."""
    random = np.random.default_rng(seed)
    mz, signal = [], []
    for mass, middle, count in ((465500.0, 43, 12000), (801000.0, 66, 9000)):
        charge = np.clip(np.rint(random.normal(middle, 1.8, count)), middle - 5, middle + 5)
        mz.append((mass + random.normal(300, 250, count)) / charge + PROTON)
        signal.append(per_charge * (charge + random.normal(0, 2.5, count)))
    data = xr.Dataset(
        {
            "ion_mz": ("ion", np.concatenate(mz), {"units": "Da/elementary_charge"}),
            "ion_signal": ("ion", np.concatenate(signal), {"units": "arbitrary"}),
        }
    )
    return Measurement(data, Metadata("ms"), Provenance("ions", "test", "1"))


def test_masses_and_response_are_found_from_the_ions_alone():
    found = charge_detection(ions(), DetectionParameters())
    detected = [each for each in found.findings if each.method.startswith("charge detection")]

    assert found.facts["signal_per_charge"] == pytest.approx(1.1e5, rel=0.01)
    assert sorted(each.value for each in detected) == pytest.approx([465.8, 801.3], rel=0.01)
    assert all(0 < each.uncertainty < 10 for each in detected)
    assert "charge_calibrated_on_ladder" in {flag.code for flag in found.flags}


def test_a_given_response_that_the_ladders_contradict_is_said():
    found = charge_detection(ions(), DetectionParameters(signal_per_charge=2.2e5))

    assert "charge_calibration_contradicted" in {flag.code for flag in found.flags}
    assert found.findings[0].value == pytest.approx(465.8 / 2, rel=0.02)


def test_ions_without_a_ladder_need_a_calibration():
    run = ions()
    flat = run.data.copy()
    flat["ion_mz"] = (
        "ion",
        np.random.default_rng(1).uniform(5000, 20000, flat.sizes["ion"]),
        run.data["ion_mz"].attrs,
    )

    with pytest.raises(SpectrumError, match="signal_per_charge"):
        charge_detection(
            Measurement(flat, run.metadata, run.provenance), DetectionParameters(least_height=0.5)
        )


def test_a_mode_is_the_mean_of_a_gaussian():
    masses = np.random.default_rng(0).normal(500e3, 20e3, 20000)
    found = modes(*histogram(masses, 5000.0, 1e6), 0.05)

    assert found[0].mass == pytest.approx(500e3, abs=5 * found[0].error)
    assert found[0].error < 1000


STATES = ("wild", "mutant", "Full deuteration control")
PEPTIDES = ((1, 9, "AAAAAAAAA"), (10, 15, "GGGGGG"))


@pytest.fixture
def table(tmp_path):
    rows = []
    for start, end, sequence in PEPTIDES:
        for state, gain in zip(STATES, (1.0, 1.5, 3.0), strict=True):
            for time in (0.0, 1.0, 10.0):
                rows.append((start, end, sequence, state, time, gain * (time > 0) * (1 + (time > 1)), 0.05))
    return open_run(writers.write_dynamx(tmp_path / "states.csv", rows))


def test_uptake_back_exchange_and_difference_are_those_written(table):
    found = exchange([table], ExchangeParameters(exposure_min=10.0))
    values = {each.method: (each.value, each.uncertainty) for each in found.findings}

    assert values["wild, 10 min"] == pytest.approx((2.0, 0.05 / 2**0.5))
    assert values["mutant less wild, 10 min"] == pytest.approx((1.0, 0.05))
    assert found.facts["back_exchange"] == pytest.approx(
        {"median": 1 - 6 * (1 / 8 + 1 / 5) / 2, "lowest": 1 - 6 / 5, "highest": 1 - 6 / 8}
    )
    fraction = found.tables["uptake"]["fraction"].values
    assert np.nanmax(fraction) == pytest.approx(0.5)
    assert {"control_by_name", "uptake_differs"} <= {flag.code for flag in found.flags}


def test_a_state_that_is_not_there_is_refused_with_those_that_are(table):
    with pytest.raises(SpectrumError, match="There are wild, mutant"):
        exchange([table], ExchangeParameters(reference="wildtype"))


def test_without_a_control_back_exchange_stays_unknown(tmp_path):
    rows = [(1, 5, "PEPTI", "wild", time, time, 0.1) for time in (0.0, 1.0)]
    found = exchange([open_run(writers.write_dynamx(tmp_path / "s.csv", rows))], ExchangeParameters())

    assert "back_exchange_unknown" in {flag.code for flag in found.flags}
    assert np.isnan(found.tables["uptake"]["fraction"].values).all()


def exchanged(tmp_path, name, gain, replicates=(0.9, 1.1), full=4.0):
    rows = [(1, 9, 0, 0.0, 0.0), (10, 15, 0, 0.0, 0.0)]
    for start, end in ((1, 9), (10, 15)):
        rows += [(start, end, k, 60.0, gain * each) for k, each in enumerate(replicates)]
        rows.append((start, end, 0, np.inf, full))
    path = writers.write_hxms(tmp_path / f"{name}.hxms", rows, sequence="AAAAAAAAAGGGGGG", state=name)
    return open_run(path)


def test_replicates_are_averaged_and_an_endless_exposure_is_the_control(tmp_path):
    runs = [exchanged(tmp_path, "wild", 1.0), exchanged(tmp_path, "mutant", 2.0)]
    found = exchange(runs, ExchangeParameters())
    values = {each.method: (each.value, each.uncertainty) for each in found.findings}

    # Two replicates of 0.9 and 1.1 deviate by 0.1 times the root of two; the mean is of two peptides.
    assert values["wild, 1 min"] == pytest.approx((1.0, 0.1))
    assert values["mutant, 1 min"] == pytest.approx((2.0, 0.2))
    assert values["mutant less wild, 1 min"] == pytest.approx((1.0, 0.05**0.5))
    assert found.facts["back_exchange"]["highest"] == pytest.approx(1 - 4 / 8)
    assert np.nanmax(found.tables["uptake"]["fraction"].values) == pytest.approx(0.5)
    assert "control_by_name" not in {flag.code for flag in found.flags}


def test_controls_of_several_files_are_averaged(tmp_path):
    runs = [exchanged(tmp_path, "wild", 1.0, full=3.0), exchanged(tmp_path, "mutant", 2.0, full=5.0)]
    found = exchange(runs, ExchangeParameters())

    assert found.facts["back_exchange"]["highest"] == pytest.approx(1 - 4 / 8)


def test_what_was_never_repeated_has_no_error_and_says_so(tmp_path):
    runs = [
        exchanged(tmp_path, name, gain, replicates=(1.0,)) for name, gain in (("wild", 1.0), ("mutant", 2.0))
    ]
    found = exchange(runs, ExchangeParameters())

    assert [each.uncertainty for each in found.findings] == [None] * 3
    assert all(
        "not every peptide was repeated, so errors are not known" in each.assumptions
        for each in found.findings
    )
    (differs,) = (flag.message for flag in found.flags if flag.code == "uptake_differs")
    assert differs.startswith("an unknown number of peptides differ")


def test_what_was_repeated_lends_its_deviation_to_what_was_not(tmp_path):
    rows = [(1, 9, 0, 60.0, 0.9), (1, 9, 1, 60.0, 1.1), (10, 15, 0, 60.0, 2.0)]
    path = writers.write_hxms(tmp_path / "wild.hxms", rows, sequence="AAAAAAAAAGGGGGG")
    table = averaged(open_run(path).data)

    assert table["uptake"].values == pytest.approx([1.0, 2.0])
    assert table["uptake_errors"].values == pytest.approx([0.02**0.5] * 2)


@pytest.fixture
def links(tmp_path):
    rows = [
        ("P1", 1, "P1", 5, False),
        ("P1", 5, "P1", 1, False),
        ("P1", 1, "P2", 9, False),
        ("P1", 2, "P1", 3, True),
    ]
    return open_run(writers.write_xifdr(tmp_path / "psm.csv", rows))


@pytest.mark.parametrize(
    ("names", "said"), [(("P1",), "residue of P1"), (("P1", "P2"), "residues of the proteins, end to end")]
)
def test_the_plot_of_pairs_says_what_its_axes_are(names, said):
    columns = {"protein_1": [names[0]], "residue_1": [3], "protein_2": [names[-1]], "residue_2": [9]}
    pairs = xr.Dataset({name: ("pair", np.array(values)) for name, values in columns.items()})
    (axes,) = link_plane(pairs, "links").axes

    assert (axes.get_xlabel(), axes.get_ylabel()) == (said, said)


LINE = Model(
    {("A", number): ("AK"[number % 2], np.array([10.0 * number, 0.0, 0.0])) for number in range(1, 10)},
    {"A": "KAKAKAKAK"},
    "line.pdb",
)


def test_pairs_are_counted_once_and_measured_where_the_model_has_them(links):
    found = crosslinks(links, CrosslinkParameters(), LINE, {"P1": "KAKAKAKAK"})

    assert found.facts["residue_pairs"] == 2
    assert found.facts["longest_distance_angstrom"] == pytest.approx(40.0)
    assert found.findings[0].value == 0.0
    assert {"crosslinks_violated", "proteins_not_in_model"} <= {flag.code for flag in found.flags}


def test_chains_that_are_of_no_linked_protein_are_refused(links):
    with pytest.raises(SpectrumError, match="FASTA"):
        crosslinks(links, CrosslinkParameters(), LINE, {"P1": "GGGGGGGGG"})


def test_a_chain_that_is_named_but_numbered_otherwise_is_said(links):
    found = crosslinks(links, CrosslinkParameters(chains=("P1=A",)), LINE, {"P1": "AKAKAKAKA"})

    assert "numbering_disagrees" in {flag.code for flag in found.flags}


def test_masses_of_peptides_are_the_published_ones():
    assert peptide_mz("HLVDEPQNLIK", 2) == pytest.approx(653.3617, abs=2e-4)
    assert peptide_mz("C(Carbamidomethyl)K", 1) == pytest.approx(307.1435, abs=2e-4)
    assert np.isnan(peptide_mz("XX", 1))
    assert np.isnan(peptide_mz("M(Unheard)", 1))


def test_currents_are_those_of_a_slow_loop():
    random = np.random.default_rng(0)
    points = np.array([5, 0, 7])
    first = np.concatenate([[0], np.cumsum(points)[:-1]])
    mz, intensity = random.uniform(100, 110, 12), random.uniform(0, 1, 12)
    slow = [sum(intensity[a : a + n]) for a, n in zip(first, points, strict=True)]
    near = [
        sum(i for m, i in zip(mz[a : a + n], intensity[a : a + n], strict=True) if abs(m - 105) <= 2)
        for a, n in zip(first, points, strict=True)
    ]

    np.testing.assert_allclose(totals(intensity, first, points), slow)
    np.testing.assert_allclose(current_near(mz, intensity, first, points, 105.0, 2.0), near)


def test_pixels_that_were_not_measured_stay_unknown():
    image, rows, columns = raster(np.array([3, 5]), np.array([1, 2]), np.array([7.0, 0.0]))

    assert (rows.tolist(), columns.tolist()) == ([1, 2], [3, 4, 5])
    assert image[0, 0] == 7.0
    assert image[1, 2] == 0.0
    assert np.isnan(image).sum() == 4
