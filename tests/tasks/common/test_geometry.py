"""Geometry: closed forms of an untilted detector, orientations as flips, and what is missing."""

from dataclasses import replace

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.model import Geometry, Metadata, Orientation
from tasks.common.geometry import beam_center, default_edges, pixel_maps, pyfai, resolve
from tasks.common.parameters import GeometryParameters

SHAPE = (40, 60)
STRAIGHT = Geometry.from_beam_center(
    distance_m=1.5,
    center_x_px=12.3,
    center_y_px=30.6,
    pixel_x_m=1.72e-4,
    pixel_y_m=1.72e-4,
    wavelength_angstrom=1.0,
    orientation=Orientation.AS_STORED,
)
WHOLE = Metadata(
    "saxs",
    instrument="bench",
    wavelength_angstrom=1.0,
    distance_m=1.5,
    beam_center_x_px=12.3,
    beam_center_y_px=30.6,
    pixel_size_x_m=1.72e-4,
    pixel_size_y_m=1.72e-4,
)


def test_q_is_four_pi_over_lambda_sine_theta_at_the_pixel_centre():
    rows, columns = np.indices(SHAPE)
    radius = np.hypot(columns + 0.5 - 12.3, rows + 0.5 - 30.6) * 1.72e-4
    expected = 4 * np.pi / 1.0 * np.sin(np.arctan(radius / 1.5) / 2)

    maps = pixel_maps(STRAIGHT, SHAPE)

    np.testing.assert_allclose(maps.q, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(maps.solid_angle, np.cos(np.arctan(radius / 1.5)) ** 3, rtol=1e-6)


def test_polarization_is_that_of_pyfai():
    peer = pyfai(STRAIGHT, SHAPE)
    for factor in (-1.0, 0.0, 0.7, 0.99):
        ours = pixel_maps(STRAIGHT, SHAPE).polarization(factor)

        np.testing.assert_allclose(ours, peer.polarization(SHAPE, factor), rtol=1e-6)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (Orientation.AS_STORED, lambda image: image),
        (Orientation.FLIP_UP_DOWN, np.flipud),
        (Orientation.FLIP_LEFT_RIGHT, np.fliplr),
        (Orientation.ROTATE_180, lambda image: image[::-1, ::-1]),
    ],
)
def test_an_orientation_means_the_image_turned_first(orientation, turned):
    plain = pixel_maps(STRAIGHT, SHAPE).q
    stored = pixel_maps(replace(STRAIGHT, orientation=orientation), SHAPE).q

    np.testing.assert_allclose(turned(stored), plain, rtol=1e-6, atol=1e-9)


def test_the_beam_centre_of_a_tilted_detector_is_that_of_pyfai():
    tilted = replace(STRAIGHT, rot1_rad=0.07, rot2_rad=-0.04, rot3_rad=0.2)
    peer = pyfai(tilted, SHAPE).getFit2D()

    assert beam_center(tilted) == pytest.approx((peer["centerX"], peer["centerY"]))


def test_edges_are_a_pixel_apart_and_skip_what_is_masked():
    q = pixel_maps(STRAIGHT, SHAPE).q
    bad = q < 0.005
    edges = default_edges(STRAIGHT, q, bad)

    assert edges[0] == pytest.approx(q[~bad].min())
    assert np.diff(edges) == pytest.approx(2 * np.pi * 1.72e-4 / 1.5, rel=0.05)


def test_a_mask_that_leaves_nothing_is_refused():
    q = pixel_maps(STRAIGHT, SHAPE).q

    with pytest.raises(ValueError, match="leaves no pixel"):
        default_edges(STRAIGHT, q, np.ones(SHAPE, bool))


@pytest.mark.parametrize(
    "name", ["wavelength_angstrom", "distance_m", "beam_center_x_px", "beam_center_y_px", "pixel_size_x_m"]
)
def test_what_the_file_does_not_say_is_asked_for_by_name(name):
    silent = replace(WHOLE, **{name: None})

    with pytest.raises(MissingMetadataError) as raised:
        resolve(silent, GeometryParameters(orientation="as_stored"))

    assert raised.value.name == name
    assert "bench" in str(raised.value)


def test_an_orientation_is_never_guessed():
    with pytest.raises(MissingMetadataError, match="orientation"):
        resolve(WHOLE, GeometryParameters())


def test_choices_replace_the_header_and_say_so():
    chosen = GeometryParameters(orientation="as_stored", distance_m=1.6, beam_center_x_px=20.0)
    geometry, flags = resolve(WHOLE, chosen)

    assert geometry.distance_m == 1.6
    assert beam_center(geometry) == pytest.approx((20.0, 30.6))
    assert [flag.code for flag in flags] == ["header_overridden"]
    assert "1.5" in flags[0].message


def test_a_calibration_replaces_the_header_and_says_so():
    calibrated = replace(STRAIGHT, distance_m=1.52)
    geometry, flags = resolve(WHOLE, GeometryParameters(), calibrated)

    assert geometry == calibrated
    assert [flag.code for flag in flags] == ["header_overridden"]


def test_a_beam_centre_does_not_replace_part_of_a_tilted_calibration():
    tilted = replace(STRAIGHT, rot1_rad=0.1)

    with pytest.raises(ValueError, match="whole calibration"):
        resolve(WHOLE, GeometryParameters(beam_center_x_px=3.0), tilted)
