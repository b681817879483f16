"""Normalisation: what is divided by, what is missing, and absolute scales from standards."""

import numpy as np
import pytest
import xarray as xr

from adapters.errors import MissingMetadataError
from adapters.model import Metadata
from tasks.common.normalization import (
    absolute_scale_from_standard,
    absolute_scale_from_water,
    normalize,
)
from tasks.common.parameters import NormalizationParameters

Q = np.linspace(0.01, 0.4, 60)


def curve(values, errors=0.01, unit="count"):
    return xr.Dataset(
        {
            "intensity": ("q", np.broadcast_to(values, Q.shape).astype(float), {"units": unit}),
            "intensity_errors": ("q", np.broadcast_to(errors, Q.shape).astype(float), {"units": unit}),
        },
        coords={"q": ("q", Q, {"units": "1/angstrom"})},
    )


SAID = Metadata("saxs", instrument="bench", exposure_s=2.0, monitor_counts=50.0, transmission=0.5)


@pytest.mark.parametrize(("by", "expected"), [("exposure", 10.0), ("monitor", 0.4), ("nothing", 20.0)])
def test_counts_are_divided_by_what_was_asked_and_by_the_transmission(by, expected):
    found, flags = normalize(curve(10.0), SAID, NormalizationParameters(by=by))

    np.testing.assert_allclose(found.intensity, expected)
    np.testing.assert_allclose(found.intensity_errors, expected / 1000)
    assert found.intensity.attrs["units"] == "arbitrary"
    assert flags == ()


def test_a_missing_transmission_is_said_not_assumed():
    silent = Metadata("saxs", instrument="bench", exposure_s=2.0)
    found, flags = normalize(curve(10.0), silent, NormalizationParameters())

    np.testing.assert_allclose(found.intensity, 5.0)
    assert [(flag.code, flag.severity.word) for flag in flags] == [("transmission_unknown", "caution")]


def test_an_absolute_scale_without_a_transmission_is_refused():
    silent = Metadata("saxs", instrument="bench", exposure_s=2.0)

    with pytest.raises(MissingMetadataError, match="transmission"):
        normalize(curve(10.0), silent, NormalizationParameters(absolute_scale=0.1))


def test_a_monitor_behind_the_sample_has_the_transmission_in_it():
    silent = Metadata("saxs", monitor_counts=50.0)
    asked = NormalizationParameters(by="monitor", monitor_behind_sample=True, absolute_scale=2.0)
    found, _ = normalize(curve(10.0), silent, asked)

    np.testing.assert_allclose(found.intensity, 0.4)
    assert found.intensity.attrs["units"] == "1/cm"


@pytest.mark.parametrize(("by", "name"), [("exposure", "exposure_s"), ("monitor", "monitor_counts")])
def test_what_is_divided_by_must_be_known(by, name):
    with pytest.raises(MissingMetadataError, match=name):
        normalize(curve(1.0), Metadata("saxs"), NormalizationParameters(by=by))


def test_thickness_divides_only_on_the_absolute_scale():
    thick = NormalizationParameters(by="nothing", transmission=1.0, absolute_scale=3.0, thickness_m=0.002)
    found, _ = normalize(curve(1.0), Metadata("saxs"), thick)

    np.testing.assert_allclose(found.intensity, 3.0 / 0.2)


def test_water_gives_the_scale_that_brings_it_to_its_tabulated_value():
    random = np.random.default_rng(1)
    water = curve(random.normal(8.0, 0.1, Q.size), 0.1)
    factor, error = absolute_scale_from_water(water, (0.05, 0.3), 293.2)

    assert factor * 8.0 == pytest.approx(0.01632, abs=4 * error * 8.0)
    assert error / factor < 0.01


@pytest.mark.parametrize(("kelvin", "values"), [(310.0, 8.0), (293.15, np.linspace(5, 10, 60))])
def test_water_that_is_too_warm_or_not_flat_is_refused(kelvin, values):
    with pytest.raises(ValueError, match=r"tabulated|flat"):
        absolute_scale_from_water(curve(values, 0.05), (0.05, 0.3), kelvin)


def test_a_certified_standard_gives_its_scale():
    shape = 30.0 / (1 + (Q * 20) ** 2)
    certified = curve(shape, 0.02 * shape, unit="1/cm")
    factor, error = absolute_scale_from_standard(curve(shape / 7.0, 0.001 * shape), certified)

    assert factor == pytest.approx(7.0, rel=1e-6)
    assert 0 < error / factor < 0.01


def test_a_certificate_in_another_unit_is_refused():
    with pytest.raises(ValueError, match="1/cm"):
        absolute_scale_from_standard(curve(1.0), curve(1.0))
