"""A made concentration series with a known interaction."""

import numpy as np
import pytest

from tasks.saxs.curve import CurveError, labelled
from tasks.saxs.parameters import SeriesParameters
from tasks.saxs.series import extrapolate

CONCENTRATIONS = (1.0, 2.0, 4.0, 8.0)


@pytest.fixture
def made():
    def series(virial=0.0, radius=20.0):
        q = np.linspace(0.008, 0.3, 250)
        rng = np.random.default_rng(0)
        curves = []
        for c in CONCENTRATIONS:
            exact = c * np.exp(-((q * radius) ** 2) / 3) / (1 + virial * c)
            errors = np.full(q.size, 0.01)
            curves.append(labelled(q, exact + errors * rng.normal(size=q.size), errors, "arbitrary"))
        return curves

    return series


def finding(result, quantity):
    return next(each for each in result.findings if each.quantity == quantity)


@pytest.mark.parametrize(
    ("virial", "code"), [(0.03, "repulsion"), (-0.03, "attraction"), (0.0, "no_interaction_seen")]
)
def test_the_sign_of_the_interaction_is_told(made, virial, code):
    found = extrapolate(made(virial), CONCENTRATIONS, SeriesParameters())

    assert code in {each.code for each in found.flags}


def test_values_at_zero_concentration_are_those_of_the_single_particle(made):
    found = extrapolate(made(0.03), CONCENTRATIONS, SeriesParameters(mass_kda=14.3))

    for quantity, truth in (("radius_of_gyration", 20.0), ("forward_intensity", 1.0)):
        each = finding(found, quantity)
        assert each.value == pytest.approx(truth, abs=3.5 * each.uncertainty + 0.02 * truth)
    virial = finding(found, "second_virial_coefficient")
    assert virial.value == pytest.approx(0.03 / 2 / 14.3, abs=4 * virial.uncertainty)
    assert found.curve["intensity"].values[:20] == pytest.approx(
        np.exp(-((found.curve["q"].values[:20] * 20) ** 2) / 3), abs=0.05
    )


def test_the_order_of_the_curves_does_not_matter(made):
    one = extrapolate(made(), CONCENTRATIONS, SeriesParameters())
    other = extrapolate(made()[::-1], CONCENTRATIONS[::-1], SeriesParameters())

    assert [each.value for each in other.findings] == pytest.approx([each.value for each in one.findings])


def test_a_curve_without_a_guinier_range_is_left_out_and_named(made):
    curves = made()
    curves[0] = curves[0].assign(intensity=curves[0]["intensity"] * 0 + 1.0)
    found = extrapolate(curves, CONCENTRATIONS, SeriesParameters())

    assert "1 mg/ml" in next(each.message for each in found.flags if each.code == "no_guinier_range")
    assert found.series.sizes["concentration"] == 3


@pytest.mark.parametrize("concentrations", [(1, 2, 4), (1, 1, 1, 1), (0, 1, 2, 4)])
def test_concentrations_that_do_not_fit_are_refused(made, concentrations):
    with pytest.raises(CurveError, match="concentration"):
        extrapolate(made(), concentrations, SeriesParameters())
