"""Pixels by their places: angles of pyFAI for a flat detector, the mean of frames by its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import LayoutError, MissingMetadataError
from adapters.model import Geometry, Metadata, Orientation
from tasks.common.geometry import pixel_maps
from tasks.common.modules import Places, beam, mean_of_frames, module_maps, prepare_modules
from tasks.common.parameters import IntegrationParameters

PIXEL, DISTANCE, WAVELENGTH = 200e-6, 0.12, 1.33
SHAPE = (2, 30, 40)


def flat():
    """Two modules that make one flat plane of 60 x 40 pixels, the beam at (12, 25.5) pixels of it."""
    rows, columns = np.mgrid[:60, :40] + 0.5
    where = np.stack([(columns - 12.0) * PIXEL, (rows - 25.5) * PIXEL, np.zeros(rows.shape)], axis=-1)
    return Places(where.reshape(*SHAPE, 3), np.zeros(SHAPE, bool))


def test_a_flat_plane_has_the_maps_of_pyfai():
    geometry = Geometry.from_beam_center(
        distance_m=DISTANCE,
        center_x_px=12.0,
        center_y_px=25.5,
        pixel_x_m=PIXEL,
        pixel_y_m=PIXEL,
        wavelength_angstrom=WAVELENGTH,
        orientation=Orientation.AS_STORED,
    )
    theirs = pixel_maps(geometry, (60, 40))

    ours = module_maps(flat(), DISTANCE, WAVELENGTH)

    for name in ("q", "two_theta", "solid_angle"):
        np.testing.assert_allclose(getattr(ours, name).reshape(60, 40), getattr(theirs, name), rtol=2e-5)
    np.testing.assert_allclose(ours.polarization(0.99).reshape(60, 40), theirs.polarization(0.99), rtol=1e-5)


def test_pixels_that_are_none_belong_to_no_ring():
    places = flat()
    places.bad[0, 3] = True
    places.positions[1, 5] = np.nan
    gone = Places(places.positions, places.bad | ~np.isfinite(places.positions[..., 0]))

    prepared = prepare_modules(gone, DISTANCE, WAVELENGTH, IntegrationParameters())

    rings = prepared.plan.rings.reshape(SHAPE)
    spare = len(prepared.plan.ring_weights)
    assert (rings[0, 3] == spare).all()
    assert (rings[1, 5] == spare).all()
    assert np.isfinite(prepared.plan.ring_weights).all()


def test_an_impossible_range_of_q_is_refused():
    with pytest.raises(LayoutError, match="no pixel lies"):
        prepare_modules(flat(), DISTANCE, WAVELENGTH, IntegrationParameters(q_min=100.0))


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(2, 6), seed=st.integers(0, 1000))
def test_the_mean_of_frames_of_equal_weight_is_the_plain_one(frames, seed):
    signal = np.random.default_rng(seed).normal(5.0, 2.0, (frames, 7))
    weight = np.full((frames, 7), 4.0)

    mean, error = mean_of_frames(signal * 4.0, weight)

    np.testing.assert_allclose(mean, signal.mean(axis=0))
    np.testing.assert_allclose(error, signal.std(axis=0, ddof=1) / np.sqrt(frames))


def test_rings_that_no_or_one_frame_saw():
    weight = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])

    mean, error = mean_of_frames(np.array([[2.0, 3.0, 0.0], [4.0, 0.0, 0.0]]), weight)

    np.testing.assert_array_equal(mean, [3.0, 3.0, np.nan])
    assert error[0] == 1.0
    assert np.isnan(error[1:]).all()


def test_the_beam_is_as_chosen_then_as_the_run_says_then_as_the_geometry_does():
    run = Metadata(technique="modules", wavelength_angstrom=1.0)
    drawn = Metadata(technique="geometry", wavelength_angstrom=2.0, distance_m=0.3)

    wavelength, distance, flags = beam(run, drawn, None, None)

    assert (wavelength, distance) == (1.0, 0.3)
    assert [flag.code for flag in flags] == ["from_geometry_file"]
    assert beam(run, drawn, 1.5, 0.4) == (1.5, 0.4, ())
    with pytest.raises(MissingMetadataError, match="distance_m"):
        beam(run, Metadata(technique="geometry"), None, None)
