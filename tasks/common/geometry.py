"""Pixel maps of a flat detector (momentum transfer, angles, solid angle), computed by pyFAI."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Geometry, Metadata, Orientation
from tasks.common.parameters import GeometryParameters

Floats = NDArray[np.float64]

# A header and a calibration that agree to this need no remark.
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class PixelMaps:
    """For each pixel of the stored array: q (1/angstrom), two theta and azimuth (rad), solid angle.

    The solid angle is relative to a pixel that the beam would meet head on.
    """

    q: Floats
    two_theta: Floats
    azimuth: Floats
    solid_angle: Floats

    def polarization(self, factor: float) -> Floats:
        """Share of intensity left by a beam polarised by `factor` (1 horizontal, -1 vertical, 0 not).

        The mean over both directions of (1 + cos² 2θ)/2 - factor/2 cos 2χ sin² 2θ.
        """
        cos2 = np.cos(self.two_theta) ** 2
        return 0.5 * (1.0 + cos2 - factor * np.cos(2.0 * self.azimuth) * (1.0 - cos2))


def resolve(
    metadata: Metadata, chosen: GeometryParameters, calibrated: Geometry | None = None
) -> tuple[Geometry, tuple[Flag, ...]]:
    """The geometry to integrate with: what a user chose, then a calibration, then the file.

    Every number that a choice or calibration replaces is flagged with both values.

    Raises
    ------
    MissingMetadataError
        Naming the first quantity that none of the three says.
    """
    stated = metadata.geometry if calibrated is None else calibrated
    flags = _contradictions(metadata, calibrated)
    if stated is None or chosen.beam_center_x_px is not None or chosen.beam_center_y_px is not None:
        stated = _from_parts(metadata, chosen, stated)
    changes: dict[str, Any] = {}
    if chosen.wavelength_angstrom is not None:
        changes["wavelength_angstrom"] = chosen.wavelength_angstrom
    elif stated.wavelength_angstrom is None:
        changes["wavelength_angstrom"] = metadata.require("wavelength_angstrom")
    if chosen.distance_m is not None:
        changes["distance_m"] = chosen.distance_m
    if chosen.orientation is not None:
        changes["orientation"] = Orientation[chosen.orientation.upper()]
    elif stated.orientation is None:
        raise MissingMetadataError("orientation", metadata.source)
    for name in ("wavelength_angstrom", "distance_m"):
        flags += _replaced(name, getattr(metadata, name), changes.get(name))
    return replace(stated, **changes), flags


def _contradictions(metadata: Metadata, calibrated: Geometry | None) -> tuple[Flag, ...]:
    if calibrated is None:
        return ()
    names = ("wavelength_angstrom", "distance_m")
    return tuple(
        flag for name in names for flag in _replaced(name, getattr(metadata, name), getattr(calibrated, name))
    )


def _replaced(name: str, stated: float | None, used: float | None) -> tuple[Flag, ...]:
    if stated is None or used is None or abs(used / stated - 1.0) < NEGLIGIBLE:
        return ()
    said = f"the header says {name} {stated:g}, {used:g} was used ({used / stated - 1.0:+.2%})"
    return (Flag.caution("header_overridden", said),)


def _from_parts(metadata: Metadata, chosen: GeometryParameters, stated: Geometry | None) -> Geometry:
    if stated is not None:
        x, y = beam_center(stated)
        pixel_x, pixel_y, distance = stated.pixel2_m, stated.pixel1_m, stated.distance_m
        if abs(stated.rot1_rad) + abs(stated.rot2_rad) > 0:
            raise ValueError(
                "a beam centre cannot replace part of a tilted geometry; give a whole calibration"
            )
    else:
        x = _first(chosen.beam_center_x_px, metadata, "beam_center_x_px")
        y = _first(chosen.beam_center_y_px, metadata, "beam_center_y_px")
        pixel_x = _first(chosen.pixel_size_m, metadata, "pixel_size_x_m", "pixel_size_m")
        pixel_y = _first(chosen.pixel_size_m, metadata, "pixel_size_y_m", "pixel_size_m")
        distance = _first(chosen.distance_m, metadata, "distance_m")
    return Geometry.from_beam_center(
        distance_m=distance,
        center_x_px=x if chosen.beam_center_x_px is None else chosen.beam_center_x_px,
        center_y_px=y if chosen.beam_center_y_px is None else chosen.beam_center_y_px,
        pixel_x_m=pixel_x,
        pixel_y_m=pixel_y,
        wavelength_angstrom=metadata.wavelength_angstrom if stated is None else stated.wavelength_angstrom,
        orientation=None if stated is None else stated.orientation,
    )


def _first(chosen: float | None, metadata: Metadata, name: str, parameter: str = "") -> float:
    return float(metadata.require(name, parameter) if chosen is None else chosen)


def pixel_maps(geometry: Geometry, shape: tuple[int, int]) -> PixelMaps:
    """Maps for an array of `shape` (y, x) in storage order; `geometry` states its orientation."""
    if geometry.orientation is None or geometry.wavelength_angstrom is None:
        raise ValueError("a geometry without wavelength or orientation must be resolved first")
    return _pixel_maps(geometry, shape)


@lru_cache(maxsize=4)
def _pixel_maps(geometry: Geometry, shape: tuple[int, int]) -> PixelMaps:
    integrator = pyfai(geometry, shape)
    # pyFAI gives lengths in its own units: q_A^-1 and radians are asked for by name.
    return PixelMaps(
        q=np.asarray(integrator.center_array(shape, unit="q_A^-1"), float),
        two_theta=np.asarray(integrator.center_array(shape, unit="2th_rad"), float),
        azimuth=np.asarray(integrator.center_array(shape, unit="chi_rad"), float),
        solid_angle=np.asarray(integrator.solidAngleArray(shape), float),
    )


def pyfai(geometry: Geometry, shape: tuple[int, int]) -> Any:
    """The same geometry as an object of pyFAI."""
    # Without this pyFAI remarks on import that there is no OpenCL, which is not asked for.
    logging.getLogger("silx.opencl").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyFAI.detectors import Detector
        from pyFAI.geometry import Geometry as PyfaiGeometry

    detector = Detector(
        geometry.pixel1_m,
        geometry.pixel2_m,
        max_shape=shape,
        orientation=int(geometry.orientation or Orientation.AS_STORED),
    )
    wavelength = geometry.wavelength_angstrom
    return PyfaiGeometry(
        dist=geometry.distance_m,
        poni1=geometry.poni1_m,
        poni2=geometry.poni2_m,
        rot1=geometry.rot1_rad,
        rot2=geometry.rot2_rad,
        rot3=geometry.rot3_rad,
        detector=detector,
        wavelength=None if wavelength is None else wavelength * 1e-10,
    )


def beam_center(geometry: Geometry) -> tuple[float, float]:
    """Where the beam meets the detector plane, (x, y) in pixels of the oriented image.

    Solves for the point of zero scattering angle, in pyFAI's convention of rotations.
    """
    tan1, tan2 = np.tan(geometry.rot1_rad), np.tan(geometry.rot2_rad)
    along1 = geometry.poni1_m + geometry.distance_m * tan2 / np.cos(geometry.rot1_rad)
    along2 = geometry.poni2_m - geometry.distance_m * tan1
    return along2 / geometry.pixel2_m, along1 / geometry.pixel1_m


def default_edges(geometry: Geometry, q: Floats, bad: NDArray[np.bool_]) -> Floats:
    """Ring edges (1/angstrom) one pixel wide, from the first to the last good pixel."""
    good = q[~bad & np.isfinite(q)]
    if good.size == 0:
        raise ValueError("the mask leaves no pixel to integrate")
    low, high = float(good.min()), float(good.max())
    pixel = max(geometry.pixel1_m, geometry.pixel2_m)
    wavelength = geometry.wavelength_angstrom or 1.0
    step = 2.0 * np.pi / wavelength * pixel / geometry.distance_m
    rings = int(np.clip(np.ceil((high - low) / step), 1, 5000))
    return np.linspace(low, high, rings + 1)
