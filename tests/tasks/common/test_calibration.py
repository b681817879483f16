"""Calibration: a simulated calibrant comes back, measured ones agree, wrong ones are refused."""

from dataclasses import replace

import numpy as np
import pytest

from adapters.formats import poni
from adapters.model import Geometry, Orientation
from adapters.registry import open_run
from tasks.common.calibration import CalibrationError, CalibrationParameters, calibrate, ring_angles
from tasks.common.geometry import beam_center, pixel_maps, resolve
from tasks.common.integration import total_image
from tasks.common.parameters import GeometryParameters

SILVER = CalibrationParameters(calibrant="silver_behenate")
TRUE = Geometry.from_beam_center(
    distance_m=0.4,
    center_x_px=150.4,
    center_y_px=120.8,
    pixel_x_m=1.72e-4,
    pixel_y_m=1.72e-4,
    wavelength_angstrom=1.0,
    orientation=Orientation.AS_STORED,
)
SHAPE = (300, 280)


def rings(geometry, *, calibrant="silver_behenate", counts=200.0, seed=0):
    two_theta = pixel_maps(geometry, SHAPE).two_theta
    angles = ring_angles(calibrant, 1.0, float(two_theta.max()))
    width = 1.5 * geometry.pixel1_m / geometry.distance_m
    lines = np.exp(-0.5 * ((two_theta[..., None] - angles) / width) ** 2).sum(-1)
    return np.random.default_rng(seed).poisson(20 + counts * lines).astype(float)


NONE_BAD = np.zeros(SHAPE, bool)


def test_a_known_geometry_comes_back_within_its_uncertainty():
    start = replace(TRUE, distance_m=0.403, poni1_m=TRUE.poni1_m + 2e-4, poni2_m=TRUE.poni2_m - 1.5e-4)
    pulls = []
    for seed in range(6):
        found = calibrate(rings(TRUE, seed=seed), NONE_BAD, start, SILVER)
        truth = (0.4, 150.4, 120.8)
        pulls += [
            (each.value - true) / each.uncertainty for each, true in zip(found.findings, truth, strict=True)
        ]

    assert np.abs(pulls).max() < 4.5
    assert np.std(pulls) > 0.3


def test_tilts_come_back_too():
    # Wide angles, where a tilt shows.
    near = replace(TRUE, distance_m=0.05)
    tilted = replace(near, rot1_rad=0.03, rot2_rad=-0.02)
    asked = CalibrationParameters(calibrant="cerium_dioxide", refine_tilt=True)
    start = replace(tilted, rot1_rad=0.026, rot2_rad=-0.017)
    found = calibrate(rings(tilted, calibrant="cerium_dioxide"), NONE_BAD, start, asked)

    assert found.geometry.rot1_rad == pytest.approx(0.03, abs=2e-3)
    assert found.geometry.rot2_rad == pytest.approx(-0.02, abs=2e-3)


def test_a_header_that_the_rings_contradict_is_flagged():
    found = calibrate(rings(TRUE), NONE_BAD, replace(TRUE, distance_m=0.404), SILVER)

    assert [flag.code for flag in found.flags] == ["header_distance_contradicted"]
    assert "-1.0" in found.flags[0].message or "-0.99" in found.flags[0].message


def test_a_geometry_that_fits_raises_no_flag():
    found = calibrate(rings(TRUE), NONE_BAD, TRUE, SILVER)

    assert found.flags == ()
    assert found.rms_px < 0.5


def test_noise_without_rings_is_refused():
    image = np.random.default_rng(0).poisson(20.0, SHAPE).astype(float)

    with pytest.raises(CalibrationError, match="rings"):
        calibrate(image, NONE_BAD, TRUE, SILVER)


def test_rings_of_another_calibrant_are_refused():
    with pytest.raises(CalibrationError):
        calibrate(rings(TRUE), NONE_BAD, TRUE, CalibrationParameters(calibrant="lanthanum_hexaboride"))


def test_a_centre_far_from_the_rings_is_refused():
    with pytest.raises(CalibrationError):
        calibrate(rings(TRUE), NONE_BAD, replace(TRUE, poni1_m=TRUE.poni1_m + 20 * 1.72e-4), SILVER)


def test_an_image_without_a_good_pixel_is_refused():
    with pytest.raises(CalibrationError):
        calibrate(rings(TRUE), ~NONE_BAD, TRUE, SILVER)


@pytest.fixture
def cerium(measured):
    folder = measured / "powder" / "ceo2-pilatus1m"
    run = open_run(folder / "CeO2_Pilatus1M.tif")
    image = total_image(run).compute().values
    return image, ~np.isfinite(image), poni.read(folder / "CeO2_Pilatus1M.poni")


@pytest.mark.measured
def test_cerium_dioxide_shows_sixteen_rings_with_the_right_orientation(cerium):
    image, bad, geometry = cerium
    right = replace(geometry, orientation=Orientation.FLIP_UP_DOWN)
    found = calibrate(image, bad, right, CalibrationParameters(calibrant="cerium_dioxide"))

    assert set(range(16)) <= set(found.rings)
    assert found.geometry.distance_m == pytest.approx(0.208651, rel=3e-4)
    assert found.rms_px < 0.4


@pytest.mark.measured
@pytest.mark.parametrize(
    "wrong", [Orientation.AS_STORED, Orientation.FLIP_LEFT_RIGHT, Orientation.ROTATE_180]
)
def test_cerium_dioxide_in_a_wrong_orientation_is_refused(cerium, wrong):
    image, bad, geometry = cerium

    with pytest.raises(CalibrationError):
        calibrate(
            image,
            bad,
            replace(geometry, orientation=wrong),
            CalibrationParameters(calibrant="cerium_dioxide"),
        )


@pytest.mark.measured
def test_silver_behenate_tells_that_the_ganesha_header_is_off(measured):
    run = open_run(measured / "biosaxs" / "bsa-2d-ganesha" / "calibration.tiff")
    image = total_image(run).compute().values
    start, _ = resolve(run.metadata, GeometryParameters(orientation="as_stored"))
    found = calibrate(image, ~np.isfinite(image), start, SILVER)

    off = found.geometry.distance_m / start.distance_m - 1
    assert 0.005 < off < 0.009
    assert "header_distance_contradicted" in {flag.code for flag in found.flags}
    assert beam_center(found.geometry) == pytest.approx(beam_center(start), abs=2.0)
