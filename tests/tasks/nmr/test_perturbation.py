"""How far amides move between two states, on lists a test makes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from adapters.model import Measurement, Metadata, Provenance
from tasks.nmr.kernels import perturbation as kernel
from tasks.nmr.parameters_dynamics import PerturbationParameters
from tasks.nmr.perturbation import perturbation
from tasks.nmr.spectrum import ResonanceError

UNIT = {"units": "dimensionless"}
PPM = {"units": "ppm"}


def test_the_distance_is_that_of_a_plane_with_one_axis_shrunk():
    proton, nitrogen, weight = np.random.default_rng(0).uniform(-1, 1, (3, 50))

    found = kernel.distance(proton, nitrogen, weight)

    np.testing.assert_allclose(found, (proton**2 + (weight * nitrogen) ** 2) ** 0.5)


def test_uncertainties_are_those_that_a_sample_shows():
    random = np.random.default_rng(0)
    proton, nitrogen = 0.08 + 0.002 * random.normal(size=20000), 0.5 + 0.02 * random.normal(size=20000)
    seen = kernel.distance(proton, nitrogen, 0.14).std()

    told = kernel.distance_error(
        np.array([0.08]), np.array([0.5]), 0.14, (np.array([0.002]), np.array([0.02]))
    )
    assert float(told[0]) == pytest.approx(seen, rel=0.03)


def test_the_background_does_not_count_what_stands_out():
    quiet = np.abs(np.random.default_rng(1).normal(0, 0.01, 100))

    alone, with_site = (kernel.background(each) for each in (quiet, np.append(quiet, [0.3, 0.4, 0.5])))
    assert with_site == pytest.approx(alone, rel=0.05)
    assert kernel.background(np.zeros(5)) == 0.0


def shifts(table, kind="ALA", errors=None):
    """A table of shifts: residue number to proton and nitrogen shift."""
    rows = [(n, atom, value) for n, both in table.items() for atom, value in zip("HN", both, strict=True)]
    data = xr.Dataset(
        {
            "chemical_shift": ("atom", np.array([row[2] for row in rows]), PPM),
            "atom_name": ("atom", np.array([row[1] for row in rows]), UNIT),
            "residue_number": ("atom", np.array([row[0] for row in rows]), UNIT),
            "residue_name": (
                "atom",
                np.array([kind if np.isscalar(kind) else kind[row[0]] for row in rows]),
                UNIT,
            ),
        }
    )
    if errors:
        data["chemical_shift_errors"] = ("atom", np.array([errors[row[1]] for row in rows]), PPM)
    return Measurement(data, Metadata("nmr"), Provenance("shifts.str", "nmr_star", "1"))


def peaks(table):
    """A peak list: name to nitrogen and proton position."""
    data = xr.Dataset(
        {
            "height": (("row", "peak"), np.ones((1, len(table))), UNIT),
            "position": (("peak", "axis"), np.array(list(table.values())), PPM),
            "assignment": ("peak", np.array(list(table)), UNIT),
        }
    )
    return Measurement(data, Metadata("nmr"), Provenance("peaks.list", "sparky_list", "1"))


FREE = {number: (8.0 + 0.1 * number, 115.0 + number) for number in range(1, 11)}


def test_the_residues_of_a_site_are_found_with_their_distance():
    random = np.random.default_rng(2)
    bound = {n: (h + 0.004 * random.normal(), x + 0.02 * random.normal()) for n, (h, x) in FREE.items()}
    bound[4] = (FREE[4][0] + 0.3, FREE[4][1] - 2.0)

    found = perturbation(
        shifts(bound, errors={"H": 0.002, "N": 0.02}), shifts(FREE, errors={"H": 0.002, "N": 0.02}),
        PerturbationParameters(),
    )  # fmt: skip

    table = found.tables["perturbation"]
    assert table["assignment"].values[table["significant"].values].tolist() == ["ALA4"]
    claim = next(each for each in found.findings if each.method.endswith("ALA4"))
    assert claim.value == pytest.approx((0.3**2 + (0.14 * 2.0) ** 2) ** 0.5, rel=1e-6)
    assert 0.002 < claim.uncertainty < 0.005


def test_glycine_has_its_own_weight():
    moved = {n: (h, x + 1.0) for n, (h, x) in FREE.items()}
    kinds = {n: "GLY" if n == 2 else "ALA" for n in FREE}

    table = perturbation(shifts(moved, kinds), shifts(FREE, kinds), PerturbationParameters()).tables[
        "perturbation"
    ]

    assert table["perturbation"].values[1] == pytest.approx(0.2)
    assert table["perturbation"].values[0] == pytest.approx(0.14)


def test_a_given_threshold_is_the_one_that_counts():
    bound = {**FREE, 3: (FREE[3][0] + 0.05, FREE[3][1])}
    given, higher = (
        perturbation(shifts(bound), shifts(FREE), PerturbationParameters(threshold_ppm=level)).facts
        for level in (0.04, 0.06)
    )

    assert (given["moved"], higher["moved"]) == (1, 0)
    assert given["threshold_ppm"] == 0.04


def test_lists_of_named_peaks_are_compared_by_name():
    free = {"A1N-H": (120.0, 8.0), "G2N-H": (110.0, 8.5), "K3N-H": (121.0, 8.1)}
    bound = {"G2N-H": (111.0, 8.5), "A1N-H": (120.0, 8.03)}

    found = perturbation(peaks(bound), peaks(free), PerturbationParameters())

    table = found.tables["perturbation"]
    assert dict(zip(table["assignment"].values, table["perturbation"].values.round(6), strict=True)) == {
        "A1N-H": 0.03, "G2N-H": 0.2,
    }  # fmt: skip
    assert "amides_in_one_state" in {flag.code for flag in found.flags}
    assert all(each.uncertainty is None and each.assumptions for each in found.findings)


def test_a_common_move_looks_like_another_reference():
    moved = {n: (h + 0.05, x) for n, (h, x) in FREE.items()}
    found = perturbation(shifts(moved), shifts(FREE), PerturbationParameters())

    assert "states_offset" in {flag.code for flag in found.flags}


def test_two_sequences_are_not_compared():
    with pytest.raises(ResonanceError, match="different sequences: ALA1 and VAL1"):
        perturbation(shifts(FREE, "VAL"), shifts(FREE, "ALA"), PerturbationParameters())


def test_axes_that_are_no_amides_are_refused():
    with pytest.raises(ResonanceError, match="which is no 15N of amides"):
        perturbation(
            peaks({"A1CA-HA": (55.0, 4.2)}), peaks({"A1CA-HA": (55.0, 4.2)}), PerturbationParameters()
        )
