"""A powder pattern to its cell: the truth comes back, and what is not known is asked for."""

import numpy as np
import pytest
import xarray as xr

from adapters.errors import MissingMetadataError
from tasks.common.kernels.profile import profile
from tasks.powder.kernels.lattice import reflections, scattering_angle
from tasks.powder.parameters import LatticeParameters, PeakParameters
from tasks.powder.reduction import PatternError, analyse, mean_pattern

WAVELENGTH, EDGE = 1.0, 4.156826


def pattern(*, zero_deg=0.0, errors=True, seed=4) -> xr.Dataset:
    """LaB6 over 2theta with counting noise."""
    x = np.arange(10.0, 90.0, 0.02)
    _, d = reflections(EDGE, "P", 0.72)
    at = np.degrees(scattering_angle(d, WAVELENGTH)) + zero_deg
    truth = 50.0 + sum(profile(x, each, 0.15, 2000.0, 0.4) for each in at)
    y = np.random.default_rng(seed).poisson(truth).astype(float)
    scale = {"units": "count"}
    data = {"intensity": (("frame", "two_theta"), y[None], scale)}
    if errors:
        data["intensity_errors"] = (("frame", "two_theta"), np.sqrt(np.maximum(y, 1))[None], scale)
    return xr.Dataset(data, coords={"two_theta": ("two_theta", x, {"units": "degree"})})


def analysed(data, wavelength=WAVELENGTH, **lattice):
    return analyse(mean_pattern(data), wavelength, "here", PeakParameters(), LatticeParameters(**lattice))


def codes(found) -> set[str]:
    return {flag.code for flag in found.flags}


def test_the_cell_of_a_standard_comes_back_with_its_residuals() -> None:
    found = analysed(pattern(), standard="lanthanum_hexaboride")
    cell = found.findings[0]

    assert abs(cell.value - EDGE) < 4 * cell.uncertainty < 1e-3
    assert np.isfinite(found.peaks["residual"].values[found.peaks["h"].values > 0]).all()
    assert codes(found) <= {"peaks_unindexed", "peaks_scatter"}


def test_an_offset_is_refined_where_it_is_asked_for() -> None:
    found = analysed(pattern(zero_deg=0.5), edge_angstrom=4.14, offset="zero")
    cell = found.findings[0]

    assert abs(cell.value - EDGE) < 5 * cell.uncertainty
    assert "0.50" in cell.assumptions[2]


def test_an_offset_that_is_not_refined_is_no_cell() -> None:
    flags = analysed(pattern(zero_deg=0.6), edge_angstrom=4.156).flags

    assert {flag.code for flag in flags} & {"lattice_not_supported", "peaks_scatter"}


def test_a_wrong_wavelength_contradicts_the_standard() -> None:
    found = analysed(pattern(), wavelength=1.004, standard="lanthanum_hexaboride")

    assert "standard_contradicted" in codes(found)


def test_a_wavelength_is_asked_for_never_assumed() -> None:
    with pytest.raises(MissingMetadataError, match="wavelength"):
        analysed(pattern(), wavelength=None, standard="lanthanum_hexaboride")


def test_without_a_wavelength_peaks_have_angles_and_no_spacings() -> None:
    found = analysed(pattern(), wavelength=None)

    assert "d_spacing" not in found.peaks
    assert "spacings_unknown" in codes(found)
    assert found.findings == ()


def test_a_pattern_without_errors_uses_its_scatter_and_says_so() -> None:
    found = analysed(pattern(errors=False), standard="lanthanum_hexaboride")

    assert "errors_from_scatter" in codes(found)
    assert found.findings[0].value == pytest.approx(EDGE, abs=2e-3)


def test_the_uncertainty_of_the_wavelength_enters_the_cell() -> None:
    exact = analysed(pattern(), edge_angstrom=4.156).findings[0]
    rough = analysed(pattern(), edge_angstrom=4.156, wavelength_relative_error=1e-3).findings[0]

    assert rough.uncertainty == pytest.approx(np.hypot(exact.uncertainty, 1e-3 * EDGE), rel=1e-3)


def test_a_cell_that_fits_nothing_is_refused() -> None:
    with pytest.raises(PatternError, match="on the lattice"):
        analysed(pattern(), edge_angstrom=2.3, tolerance=0.001)


def test_a_pattern_without_peaks_is_refused() -> None:
    flat = pattern()
    flat["intensity"][:] = 50.0

    with pytest.raises(PatternError, match="no peak"):
        analysed(flat)
