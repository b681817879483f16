"""Masses against published evaluations of the same numbers."""

import numpy as np
import pytest

from tasks.saxs.kernels.mass import (
    Mass,
    by_absolute_scale,
    by_corrected_volume,
    by_correlation,
    by_standard,
    combined,
    corrected_volume,
    widened,
)


def test_absolute_mass_is_the_published_one_of_glucose_isomerase():
    found = by_absolute_scale(0.06122464612335101, 0.0, 0.47)

    assert found.kda == pytest.approx(180.387, rel=1e-4)


def test_correlation_mass_is_the_published_one_of_glucose_isomerase():
    assert by_correlation(782.4465, 0, 33.607769, 0).kda == pytest.approx(147.983, rel=1e-5)


def test_corrected_volume_is_the_published_one_of_glucose_isomerase():
    assert corrected_volume(327960.106, 0.23799429) == pytest.approx(203767.0, rel=1e-4)
    assert by_corrected_volume(327960.106, 0, 0.23799429).kda == pytest.approx(169.1266, rel=1e-4)


@pytest.mark.parametrize("q_max", [0.1, 0.5])
def test_the_correction_is_refused_outside_its_calibration(q_max):
    with pytest.raises(ValueError, match=r"0\.15 to 0\.45"):
        corrected_volume(1e5, q_max)


def test_partial_specific_volume_dominates_the_error_of_the_absolute_mass():
    heavy, light = (
        by_absolute_scale(0.06, 0, 0.5, partial_specific_volume_ml_g=v).kda for v in (0.7525, 0.7325)
    )
    found = by_absolute_scale(0.06, 0.0, 0.5)

    assert found.error == pytest.approx((heavy - light) / 2, rel=0.05)


def test_a_standard_cancels_the_scale():
    known = {"standard_forward": 2.0, "standard_concentration": 4.0, "standard_kda": 66.4}

    assert by_standard(1.0, 0.1, 1.0, **known).kda == pytest.approx(132.8)
    assert by_standard(1.0, 0.1, 1.0, **known).error == pytest.approx(13.28)


def test_the_combination_is_never_surer_than_its_best_route():
    found = combined((Mass(100, 10), Mass(101, 10), Mass(99, 20)))

    assert found.kda == pytest.approx(100.3, abs=0.5)
    assert found.error == pytest.approx(10 / 101 * found.kda)


def test_routes_that_disagree_widen_the_combination():
    found = combined((Mass(50, 1), Mass(100, 2)))

    assert found.kda == pytest.approx(np.sqrt(5000))
    assert found.error > 15


@pytest.mark.parametrize("concentration", [0.0, -1.0, float("nan")])
def test_a_concentration_that_is_not_positive_is_refused(concentration):
    with pytest.raises(ValueError, match="positive"):
        by_absolute_scale(1.0, 0.1, concentration)


def test_calibrations_are_trusted_less_for_small_proteins():
    spreads = [widened(0.1, kda) for kda in (5.0, 14.3, 66.0, 1000.0)]

    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 0.5
    assert spreads[-1] == pytest.approx(0.1, rel=1e-3)
