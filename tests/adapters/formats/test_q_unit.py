"""The unit of q is told by evidence, or supplied; never guessed."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import MissingMetadataError, UnitError, UnknownAssumptionError
from adapters.formats.bioxtas import BIOXTAS_RAW
from adapters.formats.q_unit import by_geometry, by_label, inverse_length, settled
from adapters.registry import open_run
from adapters.testing import samples

CURVE = samples.sphere_curve()
# One pixel of 172 um at 1.5 m and 1.245 angstrom, by the small angle formula 2 pi p / (lambda d).
PIXEL_STEP = 2 * np.pi * 172e-6 / (1.245 * 1.5)
GEOMETRY = {"wavelength_angstrom": 1.245, "distance_m": 1.5, "pixel_m": 172e-6}


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("# L q*nm  I_  stddev", "1/nm"),
        ("Q (1/A) | I(Q) (1/cm)", "1/angstrom"),
        ("q [nm^-1]   intensity", "1/nm"),
        ("  6 q (Angstrom^-1)", "1/angstrom"),
        ("#  q_nm^-1   I   sigma", "1/nm"),
        ("q(Å⁻¹)  I", "1/angstrom"),
    ],
)
def test_a_label_tells_the_unit(label, unit):
    assert by_label(label).unit == unit


@pytest.mark.parametrize("label", ["Q  I  Error", "I(q) (1/cm)", "q (m)", "seq (1/A)"])
def test_a_label_without_an_inverse_length_tells_nothing(label):
    assert by_label(label) is None


def test_an_inverse_length_is_known_by_its_spelling():
    assert inverse_length("1/A") == inverse_length("Angstrom-1") == "1/angstrom"
    assert inverse_length("nm") is None


@pytest.mark.parametrize(("step", "unit"), [(PIXEL_STEP, "1/angstrom"), (10 * PIXEL_STEP, "1/nm")])
def test_geometry_tells_the_unit_where_a_step_is_a_pixel(step, unit):
    q = 0.01 + step * np.arange(50)

    assert by_geometry(q, **GEOMETRY).unit == unit


def test_geometry_tells_nothing_where_no_step_is_a_pixel():
    assert by_geometry(0.01 + 3 * PIXEL_STEP * np.arange(50), **GEOMETRY) is None
    assert by_geometry(np.linspace(0, 1, 9), wavelength_angstrom=None, distance_m=1.0, pixel_m=1e-4) is None


def test_without_evidence_the_parameter_is_named(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q I Error")

    with pytest.raises(MissingMetadataError, match="give it as the parameter 'q_unit'"):
        open_run(path)


def test_what_is_supplied_is_used_and_flagged(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q I Error")

    run = open_run(path, assume={"q_unit": "1/nm"})

    assert run.data["q"].values == pytest.approx(CURVE.q / 10)
    assert "assumed_q_unit" in {flag.code for flag in run.flags}
    assert run.metadata.raw["q_unit"] == "1/nm"


def test_what_agrees_with_the_file_is_no_assumption(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q (1/nm) I Error")

    run = open_run(path, assume={"q_unit": "1/nm"})

    assert "assumed_q_unit" not in {flag.code for flag in run.flags}


def test_what_contradicts_the_file_is_an_error_that_names_both(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q (1/nm) I Error")

    with pytest.raises(UnitError, match=r"1/nm.*1/angstrom"):
        open_run(path, assume={"q_unit": "1/angstrom"})


def test_a_unit_that_is_none_of_q_is_an_error(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q I Error")

    with pytest.raises(UnitError):
        open_run(path, assume={"q_unit": "kg"})


def test_an_unknown_assumption_is_an_error_that_names_the_known(tmp_path):
    path = samples.write_ascii(tmp_path / "run.dat", CURVE)

    with pytest.raises(UnknownAssumptionError, match="it takes q_unit"):
        open_run(path, assume={"colour": "red"})


def test_a_reader_without_assumptions_says_so(tmp_path):
    path = samples.write_cansas_xml(tmp_path / "run.xml", CURVE)

    with pytest.raises(UnknownAssumptionError, match="it takes none"):
        open_run(path, assume={"q_unit": "1/nm"})


def test_contradicting_evidence_in_one_file_is_an_error(tmp_path):
    # The step is a pixel in 1/nm, but RAW integrated an image and so writes 1/angstrom.
    in_nm = samples.sphere_curve(first=0.1, step=10 * PIXEL_STEP)
    path = samples.write_bioxtas(tmp_path / "run.dat", in_nm)

    with pytest.raises(UnitError, match=r"1/nm, but .*1/angstrom"):
        BIOXTAS_RAW.open(path)


def test_a_curve_that_raw_only_loaded_needs_another_witness(tmp_path):
    path = samples.write_bioxtas(tmp_path / "run.dat", CURVE, load_path="/a/b.dat", filename="b.dat")

    with pytest.raises(MissingMetadataError):
        BIOXTAS_RAW.open(path)


def test_evidence_that_agrees_is_kept_as_the_reason(tmp_path):
    in_angstrom = samples.sphere_curve(step=PIXEL_STEP)
    path = samples.write_bioxtas(tmp_path / "run.dat", in_angstrom)

    because = BIOXTAS_RAW.open(path).metadata.raw["q_unit_because"]

    assert "pixel of the stated geometry" in because
    assert "computed from an image" in because


def test_lengths_go_with_their_q(tmp_path):
    nanometres = settled(tmp_path, (), "1/nm")

    assert nanometres.to_angstrom(np.array([4.79])) == pytest.approx([47.9])
    assert nanometres.to_inverse_angstrom(np.array([0.1662])) == pytest.approx([0.01662])
