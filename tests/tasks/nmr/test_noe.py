"""Heteronuclear NOEs and series selected by what they measure."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from adapters.model import Measurement, Metadata, Provenance
from tasks.nmr.noe import noe, ratio, saturated_pair
from tasks.nmr.parameters_dynamics import NoeParameters
from tasks.nmr.selection import kind_of, one_series, residue_of
from tasks.nmr.spectrum import ResonanceError

UNIT = {"units": "dimensionless"}
PPM = {"units": "ppm"}


def peaks(heights, names=("A1N-H", "G2N-H"), errors=None):
    heights = np.atleast_2d(np.array(heights, float))
    data = xr.Dataset(
        {
            "height": (("row", "peak"), heights, UNIT),
            "position": (("peak", "axis"), np.array([[120.0, 8.0]] * len(names)), PPM),
            "assignment": ("peak", np.array(names), UNIT),
        }
    )
    if errors is not None:
        data["height_errors"] = (("row", "peak"), np.full(heights.shape, errors), UNIT)
    return Measurement(data, Metadata("nmr"), Provenance("peaks.list", "sparky_list", "1"))


def test_uncertainties_are_those_that_a_sample_shows():
    random = np.random.default_rng(0)
    saturated, reference = 50 + 10 * random.normal(size=40000), 1000 + 10 * random.normal(size=40000)

    value, error = ratio(np.array([50.0]), np.array([1000.0]), (np.array([10.0]), np.array([10.0])))
    assert float(value[0]) == 0.05
    assert float(error[0]) == pytest.approx((saturated / reference).std(), rel=0.03)


def test_two_lists_give_the_ratio_of_their_heights():
    found = noe(
        saturated_pair(peaks([800, -300], errors=10.0), peaks([1000, 1000], errors=10.0)), NoeParameters()
    )

    assert [each.value for each in found.findings] == pytest.approx([0.8, -0.3])
    assert found.findings[0].uncertainty == pytest.approx(0.01 * np.hypot(1, 0.8))
    assert not found.flags


def test_lists_without_noise_claim_no_uncertainty():
    found = noe(saturated_pair(peaks([800, 300]), peaks([1000, 1000])), NoeParameters())

    assert all(each.uncertainty is None for each in found.findings)
    assert [flag.code for flag in found.flags] == ["noise_unknown"]


def test_weak_and_lone_peaks_are_refused():
    pair = saturated_pair(peaks([800, 5]), peaks([1000, 30, 70], names=("A1N-H", "G2N-H", "K3N-H")))
    found = noe(pair, NoeParameters(noise=10.0))

    assert found.tables["noe"]["refused"].values.tolist() == [
        "",
        "too weak without saturation",
        "not in both lists",
    ]
    assert [flag.code for flag in found.flags] == ["peaks_missing_in_lists", "peaks_refused"]


def test_a_single_list_does_not_say_what_was_saturated():
    with pytest.raises(ResonanceError, match="which spectrum was saturated"):
        noe(peaks([1.0, 2.0]), NoeParameters())


@pytest.mark.parametrize(
    ("said", "kind"),
    [("heteronuclear_R1_relaxation", "t1"), ("heteronuclear_R2_relaxation", "t2"),
     ("heteronuclear_NOEs", "noe"),
     ("heteronuclear_R1rho_relaxation", "t1rho"), ("titration", None)],
)  # fmt: skip
def test_what_a_series_measures_is_told_by_its_description(said, kind):
    assert kind_of(said) == kind


@pytest.mark.parametrize(
    ("name", "number"), [("K18N-H", 18), ("B.LYS18N-H", 18), ("ASN512ND2-HD22", 512), ("?-?", None)]
)
def test_residues_are_found_in_the_names_of_peaks(name, number):
    assert residue_of(name) == number


def test_one_of_several_series_is_named_or_chosen_by_what_it_measures():
    run = peaks([[3, 1], [2, 1], [5, 1], [4, 1]])
    data = run.data.assign(
        series=("row", np.array(["a", "a", "b", "b"]), UNIT),
        series_kind=(
            "row",
            np.array(["heteronuclear_R1_relaxation"] * 2 + ["heteronuclear_R2_relaxation"] * 2),
            UNIT,
        ),
        delay=("row", np.array([0.1, 0.2, 0.01, 0.02]), {"units": "s"}),
    )
    run = Measurement(data, run.metadata, run.provenance)

    assert one_series(run, "t2", "", "series").data["delay"].values.tolist() == [0.01, 0.02]
    assert one_series(run, None, "a", "series").metadata.raw["quantity"] == "t1"
    with pytest.raises(ResonanceError, match=r"2 series; it holds a \(t1\), b \(t2\)"):
        one_series(run, None, "", "series")
