"""A made elution of two species over a drifting buffer."""

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from tasks.saxs.curve import CurveError
from tasks.saxs.elution import analyse
from tasks.saxs.parameters import ElutionParameters

Q = np.linspace(0.01, 0.35, 150)
FRAMES = np.arange(160)


def bell(centre, width=6.0):
    return np.exp(-((FRAMES - centre) ** 2) / 2 / width**2)


def guinier(radius):
    return np.exp(-((Q * radius) ** 2) / 3)


@pytest.fixture
def run(stack):
    def make(drift=0.0, amount=1.0, second=0.0):
        rng = np.random.default_rng(7)
        buffer = (1 + drift * FRAMES[:, None] / 160) * (0.3 + 0.1 * Q)
        signal = amount * bell(90)[:, None] * guinier(28) + second * bell(60)[:, None] * guinier(50)
        errors = np.full((160, 150), 0.005)
        return stack(Q, buffer + signal + errors * rng.normal(size=errors.shape), errors, first=1000)

    return make


def test_the_peak_its_buffer_and_its_radius_are_found(run):
    found = analyse(run(), ElutionParameters())
    radius = next(each for each in found.findings if each.quantity == "radius_of_gyration")

    assert found.peaks[0][0] == pytest.approx(1090, abs=1)
    assert radius.value == pytest.approx(28, abs=4 * radius.uncertainty + 0.2)
    assert found.plateau[0] <= 1090 <= found.plateau[1]
    assert found.curve is not None
    assert np.isnan(found.trace["radius_of_gyration"].sel(frame=1010))


def test_a_drift_is_taken_off_by_a_second_baseline(run):
    parameters = ElutionParameters(
        baseline_first=1000, baseline_last=1040, second_baseline_first=1125, second_baseline_last=1155
    )
    found = analyse(run(drift=0.2), parameters)
    truth = guinier(28) * bell(90)[found.plateau[0] - 1000 : found.plateau[1] - 999].mean()

    assert found.curve["intensity"].values == pytest.approx(truth, abs=0.01)
    assert found.baseline == ((1000, 1040), (1125, 1155))


def test_a_buffer_that_drifts_is_flagged(run):
    found = analyse(run(drift=0.5), ElutionParameters(baseline_first=1000, baseline_last=1040))

    assert "baseline_not_steady" in {each.code for each in found.flags}


def test_a_second_peak_is_told(run):
    found = analyse(run(second=0.5), ElutionParameters())

    assert len(found.peaks) == 2
    assert "more_peaks" in {each.code for each in found.flags}


def test_nothing_eluted_is_said_and_not_analysed(run):
    found = analyse(run(amount=0.0), ElutionParameters())

    assert found.findings == ()
    assert found.curve is None
    assert "no_peak" in {each.code for each in found.flags}


def test_the_uv_trace_is_aligned_on_its_own_axis(run):
    axis = np.arange(1000, 1160, 0.5)
    absorbance = np.exp(-((axis - 1084) ** 2) / 2 / 6**2)
    uv = xr.DataArray(absorbance, dims="uv_frame", coords={"uv_frame": axis})
    lag, error = analyse(run(), ElutionParameters(), uv).uv_lag

    assert lag == pytest.approx(6.0, abs=4 * error + 0.1)


def test_a_baseline_of_no_frames_is_refused(run):
    with pytest.raises(CurveError, match="a baseline needs"):
        analyse(run(), ElutionParameters(baseline_first=0, baseline_last=20))


def test_half_a_baseline_is_refused():
    with pytest.raises(ValidationError, match="both"):
        ElutionParameters(baseline_first=3)
