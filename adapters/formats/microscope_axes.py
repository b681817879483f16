"""Axes of electron microscopes: what a step and its unit mean, in the units of the house."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

LENGTHS = {
    "m": 1e10,
    "meters": 1e10,
    "um": 1e4,
    "µm": 1e4,
    "μm": 1e4,
    "nm": 10.0,
    "pm": 0.01,
    "Å": 1.0,
    "A": 1.0,
}
RECIPROCALS = {
    "1/m": 1e-10,
    "1/um": 1e-4,
    "1/µm": 1e-4,
    "1/nm": 0.1,
    "1/Å": 1.0,
    "1/A": 1.0,
    "nm^-1": 0.1,
    "A^-1": 1.0,
}
ANGLES = {"rad": 1.0, "mrad": 1e-3, "µrad": 1e-6}
ENERGIES = {"eV": 1.0, "keV": 1e3, "meV": 1e-3}
NONE, ANGSTROM = {"units": "dimensionless"}, {"units": "angstrom"}


def sensible(scale: Any) -> bool:
    """Whether a step can be one: finite and not zero."""
    return scale is not None and bool(np.isfinite(scale)) and scale != 0


def length(scale: float | None, unit: str) -> float | None:
    """A step in angstrom; None where it is none, or in a unit that is no length."""
    factor = LENGTHS.get(_plain(unit))
    return None if factor is None or not sensible(scale) else abs(float(scale or 0)) * factor


def scattering(scale: float | None, unit: str) -> tuple[float, str] | None:
    """A step of a diffraction pattern in 1/angstrom or rad, with that unit; None where it is neither."""
    if not sensible(scale):
        return None
    plain = _plain(unit)
    if plain in RECIPROCALS:
        return abs(float(scale or 0)) * RECIPROCALS[plain], "1/angstrom"
    return (abs(float(scale or 0)) * ANGLES[plain], "rad") if plain in ANGLES else None


def is_energy(unit: str) -> bool:
    """Whether the unit is one of energy."""
    return _plain(unit) in ENERGIES


def energies(count: int, scale: float, offset: float, unit: str) -> np.ndarray[Any, Any]:
    """Energy (eV) of each channel."""
    return np.asarray((offset + scale * np.arange(count)) * ENERGIES[_plain(unit)], float)


def _plain(unit: str) -> str:
    return unit.replace(" ", "").strip()


def images(array: Any, pixel: tuple[float | None, float | None], unit: str = "arbitrary") -> xr.Dataset:
    """Images over frame, y, x with `voxel` (y, x; angstrom) where both edges are known."""
    found = xr.Dataset({"image": (("frame", "y", "x"), array, {"units": unit})})
    if None not in pixel:
        found["voxel"] = ("axis", np.array(pixel, float), ANGSTROM)
        found = found.assign_coords(axis=["y", "x"])
    return found


def patterns(
    array: Any,
    unit: str,
    *,
    step: tuple[float, str] | None = None,
    shape: tuple[int, int] | None = None,
    scan_step: tuple[float, float] | None = None,
) -> xr.Dataset:
    """Diffraction patterns over frame, ky, kx.

    `step` is the angle or frequency that a pixel spans, `shape` rows and columns of the
    scan, and `scan_step` (angstrom) the way between them; each is left out where unknown.
    """
    found = xr.Dataset({"patterns": (("frame", "ky", "kx"), array, {"units": unit})})
    if step is not None:
        found["pattern_step"] = ("pattern_axis", np.full(2, step[0]), {"units": step[1]})
    if shape is not None:
        found["scan_shape"] = ("scan_axis", np.array(shape), NONE)
    if scan_step is not None:
        found["scan_step"] = ("scan_axis", np.array(scan_step, float), ANGSTROM)
    return found


def spectra(
    array: Any,
    energy: np.ndarray[Any, Any],
    unit: str,
    shape: tuple[int, int] | None = None,
    scan_step: tuple[float, float] | None = None,
) -> xr.Dataset:
    """Spectra over frame, energy (eV), with the scan where it is known, as :func:`patterns` has it."""
    found = xr.Dataset(
        {"spectrum": (("frame", "energy"), array, {"units": unit})},
        coords={"energy": ("energy", energy, {"units": "eV"})},
    )
    if shape is not None:
        found["scan_shape"] = ("scan_axis", np.array(shape), NONE)
    if scan_step is not None:
        found["scan_step"] = ("scan_axis", np.array(scan_step, float), ANGSTROM)
    return found
