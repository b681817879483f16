"""Tomography: ellipses with closed forms come back, and so does the axis they turn about."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata, Provenance
from tasks.tomo.kernels.projection import axis_by_centroid, axis_by_opposite, transmission
from tasks.tomo.kernels.reconstruction import angular_weights, back_projected, ellipse_integrals
from tasks.tomo.parameters import TomoParameters
from tasks.tomo.reduction import ProjectionError, reconstruct

# Value, centre, semi-axes, tilt: a head, a hollow in it, and two grains.
PHANTOM = (
    (1.0, (2.0, -3.0), (28.0, 38.0), 0.3),
    (-0.5, (4.0, 2.0), (14.0, 20.0), -0.4),
    (0.7, (-12.0, -16.0), (4.0, 4.0), 0.0),
    (0.4, (12.0, 18.0), (3.0, 6.0), 1.0),
)
SIZE, ANGLES = 96, np.linspace(0, np.pi, 180, endpoint=False)


def sinogram(axis: float, angles=ANGLES, scale=0.02):
    x = np.arange(SIZE) - axis
    return scale * sum(
        value * ellipse_integrals(x, angles, centre=centre, axes=axes, tilt=tilt)
        for value, centre, axes, tilt in PHANTOM
    )


def truth(scale=0.02):
    middle = (SIZE - 1) / 2
    u, v = np.meshgrid(np.arange(SIZE) - middle, np.arange(SIZE) - middle)
    image = np.zeros((SIZE, SIZE))
    for value, (cu, cv), (a, b), tilt in PHANTOM:
        x, y = u - cu, v - cv
        along, across = x * np.cos(tilt) + y * np.sin(tilt), -x * np.sin(tilt) + y * np.cos(tilt)
        image += value * ((along / a) ** 2 + (across / b) ** 2 <= 1)
    return scale * image


def scan(axis=47.3, *, rows=3, photons=2e5, seed=2, angles=ANGLES, **left_out):
    random = np.random.default_rng(seed)
    share = np.exp(-sinogram(axis, angles))
    light = photons * (1 + 0.2 * np.sin(np.arange(SIZE) / 9))
    counts = random.poisson(np.repeat((light * share)[:, None], rows, axis=1)) + 100.0
    flats = random.poisson(np.tile(light, (20, rows, 1))) + 100.0
    unit = {"units": "count"}
    variables = {
        "counts": (("projection", "y", "x"), counts, unit),
        "angle": ("projection", np.degrees(angles), {"units": "degree"}),
        "flats": (("flat", "y", "x"), flats, unit),
        "darks": (("dark", "y", "x"), np.full((5, rows, SIZE), 100.0), unit),
    }
    data = xr.Dataset({name: each for name, each in variables.items() if name not in left_out})
    return Measurement(data, Metadata("tomo"), Provenance("here", "test", "1"))


def inner(image):
    """Away from edges, which no band-limited reconstruction can hold."""
    from scipy.ndimage import maximum_filter, minimum_filter

    known = truth()
    return image[maximum_filter(known, 5) == minimum_filter(known, 5)], known[
        maximum_filter(known, 5) == minimum_filter(known, 5)
    ]


def test_a_phantom_comes_back_in_value_and_place() -> None:
    found, known = inner(back_projected(sinogram((SIZE - 1) / 2), ANGLES, (SIZE - 1) / 2))
    seen = np.isfinite(found)

    assert np.abs(found[seen] - known[seen]).mean() < 0.02 * known.max()
    assert np.corrcoef(found[seen], known[seen])[0, 1] > 0.995


def test_a_disc_has_the_value_it_was_given() -> None:
    x, axis = np.arange(SIZE) - 47.5, 47.5
    disc = ellipse_integrals(x, ANGLES, centre=(0, 0), axes=(20, 20), tilt=0.0)
    found = back_projected(disc, ANGLES, axis)

    assert found[48, 48] == pytest.approx(1.0, abs=0.01)
    assert found[48, 85] == pytest.approx(0.0, abs=0.01)


def test_an_ellipse_casts_the_shadow_of_its_area() -> None:
    x = np.linspace(-60, 60, 4001)
    shadow = ellipse_integrals(x, ANGLES[::30], centre=(5, -7), axes=(12, 30), tilt=0.7)

    np.testing.assert_allclose(np.trapezoid(shadow, x, axis=1), np.pi * 12 * 30, rtol=1e-3)


@given(axis=st.floats(43.0, 53.0))
@settings(max_examples=15, deadline=None)
def test_both_ways_find_the_axis(axis: float) -> None:
    rows = sinogram(axis, np.linspace(0, np.pi, 91))

    assert axis_by_centroid(rows, np.linspace(0, np.pi, 91)).position == pytest.approx(axis, abs=0.02)
    assert axis_by_opposite(rows[:1], rows[-1:]) == pytest.approx(axis, abs=0.25)


@given(st.lists(st.floats(0, 12), min_size=3, max_size=40, unique=True))
def test_weights_of_any_angles_are_half_a_turn(angles: list[float]) -> None:
    weights = angular_weights(np.array(angles))

    assert weights.sum() == pytest.approx(np.pi)
    assert (weights >= 0).all()


def test_a_scan_gives_axis_and_slice_within_their_errors() -> None:
    found = reconstruct(scan(47.3), TomoParameters())
    axis = found.findings[0]

    assert abs(axis.value - 47.3) < 4 * max(axis.uncertainty, 0.01)
    assert axis.uncertainty < 0.2
    values, known = inner(found.slice["attenuation"].values)
    seen = np.isfinite(values)
    assert np.corrcoef(values[seen], known[seen])[0, 1] > 0.97


def test_a_sample_that_leaves_the_view_is_told_and_not_trusted_to_a_pixel() -> None:
    run = scan(angles=np.linspace(0, np.pi, 181))
    cropped = Measurement(run.data.isel(x=slice(20, 75)), run.metadata, run.provenance)
    found = reconstruct(cropped, TomoParameters())

    assert "sample_out_of_view" in {flag.code for flag in found.flags}
    assert abs(found.findings[0].value - 27.3) < 4 * found.findings[0].uncertainty


def test_an_axis_that_was_given_is_used_and_told() -> None:
    found = reconstruct(scan(), TomoParameters(axis_px=47.3))

    assert found.findings[0].uncertainty is None
    assert "axis_given" in {flag.code for flag in found.flags}


def test_missing_angles_are_told() -> None:
    found = reconstruct(scan(angles=np.linspace(0, 2.4, 140)), TomoParameters())

    assert "angles_incomplete" in {flag.code for flag in found.flags}


@pytest.mark.parametrize("name", ["flats", "darks"])
def test_flats_and_darks_are_asked_for_never_assumed(name: str) -> None:
    with pytest.raises(MissingMetadataError, match=name):
        reconstruct(scan(**{name: True}), TomoParameters())


def test_a_row_beyond_the_detector_is_refused() -> None:
    with pytest.raises(ProjectionError, match="row 9"):
        reconstruct(scan(), TomoParameters(row=9))


def test_no_light_is_missing_not_black() -> None:
    share = transmission(np.array([[5.0, 5.0]]), np.array([10.0, 2.0]), np.array([2.0, 2.0]))

    assert share[0, 0] == pytest.approx(3 / 8)
    assert np.isnan(share[0, 1])
