"""From a curve to findings, with every doubt said and no number made up."""

import numpy as np
import pytest
from pydantic import ValidationError

from adapters.model import Metadata, Severity
from tasks.saxs.curve import CurveError, labelled
from tasks.saxs.parameters import ShapeParameters
from tasks.saxs.shape import characterise

SAXS = Metadata(technique="saxs")
DEFAULT = ShapeParameters()
TRUE_RADIUS = np.sqrt(0.6) * 40


def values(result, quantity):
    return {each.method: each for each in result.findings if each.quantity == quantity}


def codes(result):
    return {each.code for each in result.flags}


def test_a_sphere_is_characterised_in_full(sphere):
    found = characterise(labelled(*sphere(), "arbitrary"), SAXS, DEFAULT)

    for each in values(found, "radius_of_gyration").values():
        assert each.value == pytest.approx(TRUE_RADIUS, abs=3 * each.uncertainty + 0.02 * TRUE_RADIUS)
    assert values(found, "maximum_dimension")["P(r)"].value == pytest.approx(80, abs=8)
    assert values(found, "porod_volume").popitem()[1].value == pytest.approx(4 / 3 * np.pi * 40**3, rel=0.3)
    assert "compact" in codes(found)
    assert not {"aggregation_suspected", "not_monodisperse", "no_guinier_range"} & codes(found)


def test_every_dataset_carries_units(sphere):
    found = characterise(labelled(*sphere(), "1/cm"), SAXS, DEFAULT)

    assert found.guinier["fit"].attrs["units"] == "1/cm"
    assert found.distances["p_of_r"].attrs["units"] == "1/cm / angstrom"
    assert found.distances["r"].attrs["units"] == "angstrom"
    assert found.fit["intensity"].sizes["q"] > 100
    assert found.kratky["kratky"].attrs["units"] == "dimensionless"


def test_an_aggregate_beside_the_particle_is_suspected(sphere):
    q, intensity, errors = sphere(noise=0.004)
    large = 0.3 * np.exp(-((q * 250) ** 2) / 3)
    found = characterise(labelled(q, intensity + large, errors, "arbitrary"), SAXS, DEFAULT)

    assert "aggregation_suspected" in codes(found)


def test_a_pair_of_distant_spheres_is_not_taken_for_one(sphere):
    q, intensity, errors = sphere(30.0, noise=0.004, noisy=False, q_min=0.006)
    pair = 0.5 * intensity * (1 + np.sinc(q * 110 / np.pi))
    noisy = pair + errors * np.random.default_rng(0).normal(size=q.size)
    found = characterise(labelled(q, noisy, errors, "arbitrary"), SAXS, DEFAULT)

    assert "aggregation_suspected" in codes(found)


def test_repulsion_between_particles_is_suspected(sphere):
    q, intensity, errors = sphere(noise=0.003)
    structure = 1 - 0.5 * np.exp(-((q / 0.013) ** 2))
    found = characterise(labelled(q, intensity * structure, errors, "arbitrary"), SAXS, DEFAULT)

    assert {"interparticle_repulsion_suspected", "negative_distances", "no_guinier_range"} & codes(found)


def test_without_a_guinier_range_nothing_is_made_up():
    q = np.linspace(0.2, 0.8, 200)
    flat = 1 + 0.1 * np.random.default_rng(0).normal(size=200)
    found = characterise(labelled(q, flat, np.full(200, 0.1), "arbitrary"), SAXS, DEFAULT)

    assert found.findings == ()
    assert {each.severity for each in found.flags if each.code == "no_guinier_range"} == {Severity.INVALID}
    assert not found.guinier.data_vars
    assert not found.kratky.data_vars


def test_mass_from_intensity_needs_scale_and_concentration_and_says_so(sphere):
    curve = sphere()
    relative = characterise(labelled(*curve, "arbitrary"), SAXS, DEFAULT)
    unknown = characterise(labelled(*curve, "1/cm"), SAXS, DEFAULT)
    known = characterise(
        labelled(*curve, "1/cm"), Metadata(technique="saxs", concentration_mg_ml=5.0), DEFAULT
    )

    assert "absolute I(0)" not in values(relative, "molecular_mass") | values(unknown, "molecular_mass")
    assert "concentration_mg_ml" in next(
        f.message for f in unknown.flags if f.code == "no_mass_from_intensity"
    )
    assert values(known, "molecular_mass")["absolute I(0)"].value == pytest.approx(277, rel=0.02)


def test_a_standard_gives_the_mass_on_any_scale(sphere):
    parameters = ShapeParameters(
        concentration_mg_ml=2.0,
        standard_forward=0.5,
        standard_concentration_mg_ml=4.0,
        standard_mass_kda=66.4,
    )
    found = values(characterise(labelled(*sphere(), "arbitrary"), SAXS, parameters), "molecular_mass")

    assert found["I(0) relative to a standard"].value == pytest.approx(66.4 * 4, rel=0.02)


@pytest.mark.parametrize(
    ("metadata", "parameters"),
    [(SAXS, ShapeParameters(particle="other")), (Metadata(technique="sans"), DEFAULT)],
)
def test_masses_calibrated_on_proteins_and_x_rays_are_not_used_elsewhere(sphere, metadata, parameters):
    found = characterise(labelled(*sphere(), "1/cm"), metadata, parameters)

    assert values(found, "molecular_mass") == {}
    assert "no_mass" in codes(found)


def test_a_dimension_that_was_given_is_not_claimed(sphere):
    found = characterise(labelled(*sphere(), "arbitrary"), SAXS, ShapeParameters(dmax_angstrom=82.0))

    assert values(found, "maximum_dimension") == {}
    assert found.distances.attrs["maximum_dimension_angstrom"] == 82.0


def test_missing_points_change_nothing_but_precision(sphere):
    q, intensity, errors = sphere()
    gaps = intensity.copy()
    gaps[::7] = np.nan
    whole, part = (
        values(characterise(labelled(q, each, errors, "arbitrary"), SAXS, DEFAULT), "radius_of_gyration")[
            "P(r)"
        ]
        for each in (intensity, gaps)
    )

    assert part.value == pytest.approx(whole.value, abs=3 * whole.uncertainty)


def test_a_curve_without_errors_is_refused(sphere):
    with pytest.raises(CurveError, match="intensity_errors"):
        characterise(labelled(*sphere(), "1/cm").drop_vars("intensity_errors"), SAXS, DEFAULT)


def test_half_a_standard_is_refused():
    with pytest.raises(ValidationError, match="a standard needs"):
        ShapeParameters(standard_forward=1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", ["zero", "noise", "negative", "rising", "steep", "constant"])
@pytest.mark.parametrize("points", [10, 80])
def test_no_curve_however_odd_ends_in_a_foreign_error(shape, points):
    q = np.linspace(0.01, 0.3, points)
    noise = np.random.default_rng(1).normal(size=points)
    intensity = {
        "zero": 0 * q,
        "noise": noise,
        "negative": -1 - q,
        "rising": q,
        "steep": q**-4.0,
        "constant": 1 + 0 * q,
    }[shape]
    found = characterise(
        labelled(q, intensity, np.full(points, 0.1), "1/cm"),
        Metadata(technique="saxs", concentration_mg_ml=0.0),
        DEFAULT,
    )

    assert all(np.isfinite(each.value) for each in found.findings)
    assert found.flags
