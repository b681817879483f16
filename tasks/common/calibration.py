"""Refine where the detector stands from the rings of a calibrant, or refuse."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import least_squares

from adapters.model import Finding, Flag, Geometry
from tasks.common.geometry import beam_center, pixel_maps, pyfai
from tasks.common.kernels.control_points import ControlPoints, find_points
from tasks.common.parameters import Values

Floats = NDArray[np.float64]
CalibrantName = Literal["silver_behenate", "lanthanum_hexaboride", "cerium_dioxide", "silicon"]

# As pyFAI's tables call them.
PYFAI_NAMES = {
    "silver_behenate": "AgBh",
    "lanthanum_hexaboride": "LaB6",
    "cerium_dioxide": "CeO2",
    "silicon": "Si",
}


# Three unknowns from fewer points than this would fit anything.
MIN_POINTS = 12

# Narrow sectors follow a tilted ring best; wide ones lift a weak ring out of the noise.
SECTORS = (72, 36, 18)


class CalibrationParameters(Values):
    """How a calibrant image is used."""

    calibrant: CalibrantName = Field(description="What the rings come from")
    refine_tilt: bool = Field(False, description="Also refine the two tilts of the detector")
    search_window: float = Field(
        0.03, gt=0, le=0.2, description="How far from its expected radius a ring is looked for, as a fraction"
    )
    largest_residual_px: float = Field(
        1.0, gt=0, description="Refuse when the rings fit worse than this (rms, pixels)"
    )
    largest_shift_px: float = Field(
        5.0, gt=0, description="Refuse when the beam centre would move farther than this, in pixels"
    )
    least_found: float = Field(
        0.5, gt=0, le=1, description="A ring counts when it shows up in this share of the sectors it crosses"
    )
    least_rings: int = Field(2, ge=1, description="Refuse when fewer rings than this count")
    header_tolerance: float = Field(
        0.002, gt=0, description="Flag a header distance that the rings contradict by more than this fraction"
    )


class CalibrationError(Exception):
    """The rings do not support any geometry near the stated one."""

    def __init__(self, calibrant: str, reason: str) -> None:
        super().__init__(calibrant, reason)
        self.calibrant, self.reason = calibrant, reason

    def __str__(self) -> str:
        return (
            f"the image does not show the rings of {self.calibrant} where the geometry puts them: "
            f"{self.reason}. Check orientation, beam centre, distance, wavelength and calibrant"
        )


@dataclass(frozen=True)
class Calibration:
    """A refined geometry and how well it is known.

    `rings` are the numbers (from 0) of the rings used, `rms_px` the residual of their points.
    """

    geometry: Geometry
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    rings: tuple[int, ...]
    points: ControlPoints
    rms_px: float


def ring_angles(calibrant: str, wavelength_angstrom: float, highest: float) -> Floats:
    """Scattering angles (rad) of the calibrant's rings below `highest` (rad), ascending."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyFAI.calibrant import get_calibrant

    table = get_calibrant(PYFAI_NAMES[calibrant])
    sines = wavelength_angstrom / 2.0 / np.asarray(table.dspacing, float)
    angles = 2.0 * np.arcsin(sines[sines < 1.0])
    return np.unique(angles[angles < highest])


def calibrate(
    image: Floats, bad: NDArray[np.bool_], start: Geometry, parameters: CalibrationParameters
) -> Calibration:
    """Refine distance, beam centre and, if asked, tilts, starting from a resolved geometry.

    Parameters
    ----------
    image : (y, x) float, count
        The calibrant; NaN where a pixel is no measurement.
    bad : (y, x) bool
        True where a pixel must not count.
    start : Geometry
        With orientation and wavelength; the wavelength is trusted and kept.

    Raises
    ------
    CalibrationError
        If the rings are not where `start` says, or do not agree with any geometry near it.
    """
    usable = np.where(bad, np.nan, image)
    fit, rings = _refined(usable, start, parameters)
    _refuse_far(start, fit, parameters)
    return Calibration(
        geometry=fit.geometry,
        findings=_findings(fit),
        flags=_flags(start, fit, parameters),
        rings=rings,
        points=fit.points,
        rms_px=fit.rms_px,
    )


def _refined(
    image: Floats, start: Geometry, parameters: CalibrationParameters
) -> tuple[_Fit, tuple[int, ...]]:
    """The fit with the narrowest sectors in which the rings stand out of the noise."""
    refusals = []
    for sectors in SECTORS:
        try:
            fit = _first_fit(image, start, parameters, sectors)
            for share in (0.5, 0.25):
                points = _points(image, fit.geometry, parameters, share * parameters.search_window, sectors)
                fit = _fit(fit.geometry, points, (image.shape[0], image.shape[1]), parameters)
            return fit, _supported(fit, parameters)
        except CalibrationError as refusal:
            refusals.append(refusal)
    raise refusals[-1]


def _first_fit(image: Floats, start: Geometry, parameters: CalibrationParameters, sectors: int) -> _Fit:
    points = _points(image, start, parameters, parameters.search_window, sectors)
    return _fit(start, points, (image.shape[0], image.shape[1]), parameters)


@dataclass(frozen=True)
class _Fit:
    """A least-squares fit to control points: `kept` marks those within four robust deviations."""

    geometry: Geometry
    points: ControlPoints
    kept: NDArray[np.bool_]
    rms_px: float
    covariance: Floats
    names: tuple[str, ...]


def _points(
    image: Floats, geometry: Geometry, parameters: CalibrationParameters, window: float, sectors: int
) -> ControlPoints:
    shape = (image.shape[0], image.shape[1])
    maps = pixel_maps(geometry, shape)
    expected = _expected(image, geometry, parameters, maps.two_theta)
    step = geometry.pixel1_m / geometry.distance_m
    gaps = np.diff(expected, prepend=0.0, append=np.inf)
    room = 0.5 * np.minimum(gaps[:-1], gaps[1:])
    half = np.minimum(np.maximum(window * expected, 6 * step), room)
    return find_points(
        image, maps.two_theta, maps.azimuth, expected, half_width=half, step=step, sectors=sectors
    )


def _expected(
    image: Floats, geometry: Geometry, parameters: CalibrationParameters, two_theta: Floats
) -> Floats:
    wavelength = geometry.wavelength_angstrom
    assert wavelength is not None  # calibrate() takes resolved geometries
    highest = float(two_theta[np.isfinite(image)].max(initial=0.0))
    expected = ring_angles(parameters.calibrant, wavelength, highest)
    # Rings closer than this cannot be told apart, and would steal each other's points.
    apart = np.diff(expected, prepend=-np.inf) > 5 * geometry.pixel1_m / geometry.distance_m
    if not apart.any():
        raise CalibrationError(parameters.calibrant, "no ring of it falls on the detector")
    return expected[apart]


def _fit(
    start: Geometry, points: ControlPoints, shape: tuple[int, int], parameters: CalibrationParameters
) -> _Fit:
    names = ("distance_m", "poni1_m", "poni2_m") + (
        ("rot1_rad", "rot2_rad") if parameters.refine_tilt else ()
    )
    if len(points.ring) < MIN_POINTS:
        raise CalibrationError(
            parameters.calibrant,
            f"only {len(points.ring)} points on rings in {points.windows} places looked at",
        )
    # Steps that move a point by about a pixel, so that all unknowns weigh alike.
    scale = np.array([start.distance_m / 100, start.pixel1_m, start.pixel2_m, 1e-3, 1e-3][: len(names)])
    origin = np.array([getattr(start, name) for name in names])
    angles = points.angles[points.ring]

    def moved(step: Floats) -> Geometry:
        changes: dict[str, Any] = dict(zip(names, map(float, origin + step * scale), strict=True))
        return replace(start, **changes)

    def residuals(step: Floats) -> Floats:
        found: Floats = pyfai(moved(step), shape).tth(points.row, points.column)
        return (found - angles) * start.distance_m / start.pixel1_m

    with np.errstate(all="ignore"):
        solved = least_squares(residuals, np.zeros(len(names)), loss="soft_l1", f_scale=0.3)
    left = residuals(solved.x)
    deviation = 1.4826 * np.median(np.abs(left))
    kept = np.abs(left) <= max(4 * deviation, 1e-6)
    rms = float(np.sqrt(np.mean(left[kept] ** 2)))
    normal = solved.jac[kept].T @ solved.jac[kept]
    covariance = np.linalg.pinv(normal) * rms**2 * np.outer(scale, scale)
    return _Fit(moved(solved.x), points, kept, rms, covariance, names)


def _supported(fit: _Fit, parameters: CalibrationParameters) -> tuple[int, ...]:
    """Numbers of the rings that are really there; raises where they do not carry the geometry."""
    points = fit.points
    rings = []
    for ring in range(len(points.angles)):
        here = points.ring == ring
        looked = points.looked[ring]
        if looked and np.sum(here & fit.kept) >= parameters.least_found * looked:
            rings.append(ring)
    if len(rings) < parameters.least_rings:
        said = f"{len(rings)} rings are found all round, {parameters.least_rings} are needed"
        raise CalibrationError(parameters.calibrant, said)
    if fit.rms_px > parameters.largest_residual_px:
        said = f"their points scatter by {fit.rms_px:.2f} pixels about the best geometry"
        raise CalibrationError(parameters.calibrant, said)
    return tuple(rings)


def _refuse_far(start: Geometry, fit: _Fit, parameters: CalibrationParameters) -> None:
    moved = _moved(start, fit.geometry)
    if moved > parameters.largest_shift_px:
        said = f"they would put the beam centre {moved:.1f} pixels away, which is no longer a refinement"
        raise CalibrationError(parameters.calibrant, said)


def _moved(start: Geometry, end: Geometry) -> float:
    (x0, y0), (x1, y1) = beam_center(start), beam_center(end)
    return float(np.hypot(x1 - x0, y1 - y0))


def _findings(fit: _Fit) -> tuple[Finding, ...]:
    sigma = dict(zip(fit.names, np.sqrt(np.diag(fit.covariance)), strict=True))
    geometry = fit.geometry
    x, y = beam_center(geometry)
    tilted = (
        sigma.get("rot1_rad", 0.0) * geometry.distance_m,
        sigma.get("rot2_rad", 0.0) * geometry.distance_m,
    )
    method = "least squares on calibrant rings"
    trust = ("the wavelength is exact",)
    return (
        Finding("detector_distance", geometry.distance_m, float(sigma["distance_m"]), "m", method, trust),
        Finding(
            "beam_center_x",
            x,
            float(np.hypot(sigma["poni2_m"], tilted[0]) / geometry.pixel2_m),
            "pixel",
            method,
        ),
        Finding(
            "beam_center_y",
            y,
            float(np.hypot(sigma["poni1_m"], tilted[1]) / geometry.pixel1_m),
            "pixel",
            method,
        ),
    )


def _flags(start: Geometry, fit: _Fit, parameters: CalibrationParameters) -> tuple[Flag, ...]:
    flags = []
    off = fit.geometry.distance_m / start.distance_m - 1.0
    if abs(off) > parameters.header_tolerance:
        said = (
            f"the rings of {parameters.calibrant} put the detector at {fit.geometry.distance_m:.5g} m, "
            f"the header says {start.distance_m:.5g} m ({off:+.2%})"
        )
        flags.append(Flag.caution("header_distance_contradicted", said))
    moved = _moved(start, fit.geometry)
    if moved > 1.0:
        said = f"the rings put the beam centre {moved:.1f} pixels away from where the geometry said"
        flags.append(Flag.caution("beam_center_contradicted", said))
    return tuple(flags)
