"""Integration of runs: chunking, masks, corrections, and what is said about them."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import LayoutError
from adapters.model import Geometry, Measurement, Metadata, Orientation, Provenance
from tasks.common.integration import Corrections, integrate, prepare, total_image
from tasks.common.parameters import IntegrationParameters

GEOMETRY = Geometry.from_beam_center(
    distance_m=0.5,
    center_x_px=8.0,
    center_y_px=10.0,
    pixel_x_m=1e-4,
    pixel_y_m=1e-4,
    wavelength_angstrom=1.0,
    orientation=Orientation.AS_STORED,
)
FRAMES = np.random.default_rng(0).poisson(20, (7, 20, 16)).astype("i4")


def run_of(frames, **more):
    data = xr.Dataset(
        {"counts": (("frame", "y", "x"), frames, {"units": "count", "invalid_below": 0, **more})}
    )
    return Measurement(data, Metadata("saxs"), Provenance("frames.h5", "test", "1"))


def curve(run, corrections=Corrections(), **chosen):  # noqa: B008 (frozen)
    parameters = IntegrationParameters(**chosen)
    prepared = prepare(run, GEOMETRY, parameters, corrections)
    return integrate(run, prepared, parameters).compute(scheduler="sync"), prepared


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 7), rows=st.integers(1, 20))
def test_any_chunking_gives_the_same_curves(size, rows):
    whole, _ = curve(run_of(FRAMES))
    chunked, _ = curve(run_of(da.from_array(FRAMES, chunks=(size, rows, 16))))

    xr.testing.assert_identical(whole, chunked)


def test_an_isotropic_pattern_comes_back_within_its_statistics():
    from tasks.common.geometry import pixel_maps

    maps = pixel_maps(GEOMETRY, (200, 160))
    expected = 50 * np.exp(-((maps.q * 8) ** 2) / 3)
    frames = np.random.default_rng(1).poisson(expected * maps.solid_angle, (20, 200, 160)).astype("i4")
    parameters = IntegrationParameters(bins=40)
    run = run_of(frames)
    prepared = prepare(run, GEOMETRY, parameters, Corrections())
    found = integrate(run, prepared, parameters).compute()

    truth = 50 * np.exp(-((found.q.values * 8) ** 2) / 3)
    mean = found.intensity.mean("frame").values
    sigma = np.sqrt((found.intensity_errors**2).sum("frame")).values / 20
    pulls = (mean - truth) / sigma
    assert abs(np.mean(pulls)) < 1.0
    assert 0.5 < np.std(pulls) < 2.0


def test_gaps_rectangles_and_masks_are_left_out():
    frames = FRAMES.copy()
    frames[:, :, 3] = -1
    mask = np.zeros((20, 16), bool)
    mask[5] = True
    found, prepared = curve(run_of(frames), Corrections(mask=mask), masked_rectangles=[(0, 0, 2, 20)])

    expected = 20 * 16 - 20 - 16 - 2 * 20 + 1 + 2
    assert found["weight"].isel(frame=0).sum() == pytest.approx(expected, rel=2e-3)
    assert prepared.bad.sum() == 16 + 2 * 20 - 2


def test_a_dark_image_is_subtracted_and_adds_its_variance():
    dark = np.full((20, 16), 4.0)
    plain, _ = curve(run_of(FRAMES), solid_angle=False)
    lessened, _ = curve(run_of(FRAMES), Corrections(dark=dark, dark_variance=dark), solid_angle=False)

    np.testing.assert_allclose(lessened.intensity, plain.intensity - 4.0, rtol=1e-9)
    assert (lessened.intensity_errors > plain.intensity_errors).all()


def test_a_flat_field_corrects_pixels_that_see_less():
    flat = np.ones((20, 16))
    flat[:, 8:] = 0.5
    frames = np.full((1, 20, 16), 10, "i4")
    frames[:, :, 8:] = 5
    found, _ = curve(run_of(frames), Corrections(flat=flat), solid_angle=False)

    np.testing.assert_allclose(found.intensity, 10.0, rtol=1e-6)


def test_errors_of_the_file_are_used_when_asked_for():
    run = run_of(FRAMES)
    run.data["counts_errors"] = (("frame", "y", "x"), np.full(FRAMES.shape, 3.0), {"units": "count"})
    found, _ = curve(run, errors="file", solid_angle=False)

    np.testing.assert_allclose(found.intensity_errors, 3.0 / np.sqrt(found.weight), rtol=1e-6)


def test_errors_that_the_file_does_not_give_are_refused():
    with pytest.raises(LayoutError, match="counts_errors"):
        curve(run_of(FRAMES), errors="file")


def test_a_missing_polarisation_is_said():
    _, prepared = curve(run_of(FRAMES))

    assert [flag.code for flag in prepared.flags] == ["polarization_not_corrected"]


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(LayoutError, match="mask"):
        curve(run_of(FRAMES), Corrections(mask=np.zeros((3, 3), bool)))


def test_no_frames_give_no_curves():
    found, _ = curve(run_of(FRAMES[:0]))

    assert found.sizes["frame"] == 0


def test_the_total_image_has_no_number_where_a_pixel_is_no_count():
    frames = FRAMES.copy()
    frames[2, 4, 4] = -2
    image = total_image(run_of(frames)).compute()

    assert np.isnan(image.values[4, 4])
    assert np.nansum(image) == FRAMES.sum() - FRAMES[:, 4, 4].sum()
