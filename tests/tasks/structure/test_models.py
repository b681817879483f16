"""Deposited structures against what is known of them, and against measured curves."""

from __future__ import annotations

import pytest

from adapters.registry import open_run
from tasks.structure.parameters import ASYMMETRIC_UNIT, CurveParameters, StructureParameters
from tasks.structure.particle import StructureError, particle_of
from tasks.structure.reduction import reduce

pytestmark = pytest.mark.measured
pytest.importorskip("gemmi")


@pytest.fixture
def model(measured):
    def read(name, **parameters):
        return open_run(measured / name), StructureParameters(**parameters)

    return read


@pytest.fixture
def curve(measured):
    def read(name):
        data = open_run(measured / name).data
        return data[["intensity", "intensity_errors"]].isel(frame=0, drop=True).compute()

    return read


def claims(found):
    return {(each.quantity, each.method): each.value for each in found.findings}


def test_lysozyme_weighs_and_measures_what_is_known(model, curve):
    found = reduce(
        *model("structures/6lyz.pdb"), CurveParameters(), curve("biosaxs/lysozyme-sasda96/SASDA96.dat")
    )
    said = claims(found)

    assert said["molecular_mass", "sequence"] == pytest.approx(14.305, abs=0.001)
    assert said["radius_of_gyration", "bare atoms"] == pytest.approx(13.98, abs=0.03)
    # The published GNOM radius is 15.1.
    assert said["radius_of_gyration", "hydrated model, fitted"] == pytest.approx(15.1, abs=0.2)
    assert 0.8 < found.facts["chi2"] < 1.2


def test_two_molecules_in_the_asymmetric_unit_are_told_and_one_is_taken(model):
    found = reduce(*model("biosaxs/lysozyme-bioxolver/1lys.pdb"), CurveParameters())

    assert "several_molecules_in_asymmetric_unit" in {flag.code for flag in found.flags}
    assert claims(found)["radius_of_gyration", "bare atoms"] == pytest.approx(14.0, abs=0.05)


def test_both_molecules_give_the_wrong_radius_that_is_warned_of(model):
    run, parameters = model("biosaxs/lysozyme-bioxolver/1lys.pdb", assembly=ASYMMETRIC_UNIT)
    found = reduce(run, parameters, CurveParameters())

    assert claims(found)["radius_of_gyration", "bare atoms"] == pytest.approx(21.6, abs=0.1)
    assert {flag.severity.word for flag in found.flags if flag.code.startswith("several_molecules")} == {
        "caution"
    }


def test_the_tetramer_of_glucose_isomerase_fits_its_curve(model, curve):
    measured = curve("biosaxs/glucose-isomerase-chess/subtracted/glucose_isomerase.dat")
    found = reduce(*model("biosaxs/glucose-isomerase-chess/model/1XIB_4mer.pdb"), CurveParameters(), measured)
    said = claims(found)

    assert found.facts["chi2"] < 1.3
    assert said["oligomeric_state", "assembly"] == 4
    assert said["molecular_mass", "sequence"] == pytest.approx(172.8, abs=0.1)
    assert said["maximum_dimension", "bare atoms"] == pytest.approx(101, abs=1)
    assert "assembly_written_out" in {flag.code for flag in found.flags}


def test_its_single_chain_does_not(model, curve):
    run, parameters = model("biosaxs/glucose-isomerase-chess/model/1XIB_4mer.pdb", assembly=ASYMMETRIC_UNIT)
    one = run.data.isel(atom=run.data["copy"].values == 0)
    alone = type(run)(
        one, type(run.metadata)("structure", raw={**run.metadata.raw, "copies": 1}), run.provenance
    )
    measured = curve("biosaxs/glucose-isomerase-chess/subtracted/glucose_isomerase.dat")

    found = reduce(alone, parameters, CurveParameters(), measured)

    assert found.facts["chi2"] > 20
    assert "structure_does_not_fit" in {flag.code for flag in found.flags}


def test_operators_of_the_file_build_the_whole_of_apoferritin(model):
    particle = particle_of(*model("sans/2w0o.pdb"))
    spread = particle.positions - particle.positions.mean(axis=0)

    assert len(particle.sequences) == 24
    assert (spread**2).sum(axis=1).mean() ** 0.5 == pytest.approx(53, abs=0.5)


def test_the_file_of_groel_is_half_of_its_assembly(model):
    run, whole = model("structures/1oel.pdb")

    half = particle_of(run, StructureParameters(assembly=ASYMMETRIC_UNIT))
    full = particle_of(run, whole)

    assert (len(half.sequences), len(full.sequences)) == (7, 14)
    assert half.missing == 7 * 23


def test_of_an_ensemble_the_first_model_is_taken(model):
    particle = particle_of(*model("structures/1d3z.pdb"))

    assert len(particle.sequences) == 1
    assert "ensemble_first_model_used" in {flag.code for flag in particle.flags}


def test_an_assembly_that_is_not_there_is_an_error_that_names_those_that_are(model):
    with pytest.raises(StructureError, match="has no assembly '9'"):
        particle_of(*model("structures/6lyz.pdb", assembly="9"))
