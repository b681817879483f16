"""Buffer subtraction: arithmetic, scale, and too much of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.saxs.curve import CurveError, labelled
from tasks.saxs.parameters import SubtractionParameters
from tasks.saxs.subtraction import subtract

Q = np.linspace(0.01, 0.5, 200)
DEFAULT = SubtractionParameters()


def curve(intensity, error=0.01, q=Q, unit="1/cm"):
    return labelled(q, intensity, np.full(q.size, error), unit)


@given(level=st.floats(-1e3, 1e3), error=st.floats(1e-6, 1e3))
def test_a_curve_minus_itself_is_zero_with_root_two_errors(level, error):
    same = curve(level + 0 * Q, error)
    found = subtract(same, same, DEFAULT).curve

    assert (found["intensity"].values == 0).all()
    assert found["intensity_errors"].values == pytest.approx(np.sqrt(2) * error)


def test_the_scale_of_the_buffer_is_found_where_the_sample_is_silent():
    rng = np.random.default_rng(0)
    protein, buffer = np.exp(-((Q * 30) ** 2) / 3), 1 + 0.3 * Q
    sample = curve(protein + 1.04 * buffer + 0.01 * rng.normal(size=200))
    found = subtract(sample, curve(buffer), SubtractionParameters(fit_q_min=0.2))

    assert found.scale == pytest.approx(1.04, abs=4 * found.scale_error)
    assert [each.code for each in found.flags] == ["buffer_scale_fitted"]
    assert (found.curve["intensity_errors"].values > 0.01 * np.hypot(1, found.scale)).all()


def test_too_much_buffer_is_flagged():
    found = subtract(curve(np.exp(-20 * Q) + 1), curve(1.05 + 0 * Q), DEFAULT)

    assert [each.code for each in found.flags] == ["oversubtracted"]


def test_a_good_subtraction_carries_no_flag():
    assert subtract(curve(np.exp(-20 * Q) + 1), curve(1 + 0 * Q), DEFAULT).flags == ()


def test_other_q_is_refused_and_not_interpolated():
    with pytest.raises(CurveError, match="different q"):
        subtract(curve(1 + 0 * Q), curve(1 + 0 * Q, q=Q * 1.01), DEFAULT)


def test_other_units_are_refused():
    with pytest.raises(CurveError, match="arbitrary"):
        subtract(curve(1 + 0 * Q), curve(1 + 0 * Q, unit="arbitrary"), DEFAULT)


def test_a_window_outside_the_curve_says_where_the_curve_ends():
    with pytest.raises(CurveError, match=r"ends at q 0\.5"):
        subtract(curve(1 + 0 * Q), curve(1 + 0 * Q), SubtractionParameters(fit_q_min=0.6))


def test_scale_and_window_together_are_refused():
    with pytest.raises(ValidationError, match="not both"):
        SubtractionParameters(scale=1.0, fit_q_min=0.2)
