"""Decays, spectra and planes as every reader of NMR files hands them on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from adapters.errors import CorruptFileError
from adapters.model import Flag

if TYPE_CHECKING:
    import xarray as xr

Array = TypeVar("Array", bound=np.ndarray[Any, Any])
ARBITRARY = {"units": "arbitrary"}
PPM = {"units": "ppm"}
UNITLESS = {"units": "dimensionless"}
SECONDS = {"units": "s"}
# Makers of spectrometers whose decays turn with the shift, and against it.
WITH, AGAINST = ("bruker",), ("varian", "vnmr", "agilent", "jeol")


def scale(
    path: Path, points: int, *, width: float, frequency: float, last: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Shifts (points,) in ppm, high first, from the width and the place of the last point (both Hz)."""
    positive(path, width=width, frequency=frequency)
    if not np.isfinite(last):
        raise CorruptFileError(path, f"its last point is at {last} Hz")
    return (last + np.arange(points)[::-1] * width / points) / frequency


def positive(path: Path, **numbers: float) -> None:
    """Raise unless every number is finite and above zero."""
    for name, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise CorruptFileError(path, f"its {name} is {value:g}")


def spectrum(values: Any, shift: Any) -> xr.Dataset:
    """Rows of intensities over one axis of shifts (ppm)."""
    import xarray as xr

    data = xr.Dataset({"intensity": (("row", "shift"), values, ARBITRARY)})
    return data.assign_coords(shift=("shift", shift, PPM))


def plane(values: Any, indirect: Any, direct: Any) -> xr.Dataset:
    """Intensities over two axes of shifts (ppm), the directly measured one last."""
    import xarray as xr

    data = xr.Dataset({"intensity": (("shift_1", "shift_2"), values, ARBITRARY)})
    return data.assign_coords(shift_1=("shift_1", indirect, PPM), shift_2=("shift_2", direct, PPM))


def decay(
    path: Path, values: Any, *, width: float, frequency: float, carrier: float, group_delay: float = 0.0
) -> xr.Dataset:
    """Complex decays (row, time): width (Hz), frequency of 0 ppm (MHz), carrier (ppm), delay (points)."""
    import xarray as xr

    positive(path, width=width, frequency=frequency)
    data = xr.Dataset({"fid": (("row", "time"), values, ARBITRARY)})
    data["time"] = ("time", np.arange(values.shape[1]) / width, SECONDS)
    data["frequency"] = ((), float(frequency), {"units": "MHz"})
    data["carrier"] = ((), float(carrier), PPM)
    data["group_delay"] = ((), float(group_delay), UNITLESS)
    return data


def sense(makers: str) -> tuple[int, tuple[Flag, ...]]:
    """1 where decays turn with the shift, -1 where they turn against it, by the names of who made them.

    Formats of exchange keep decays as the spectrometer has them, and do not say which way they turn.
    """
    named = makers.lower()
    if any(maker in named for maker in AGAINST):
        return -1, ()
    if any(maker in named for maker in WITH):
        return 1, ()
    said = "it does not say whose spectrometer it is from; its decay is taken to turn with the shift"
    return 1, (Flag.caution("frequency_sense_assumed", said),)


def peaks(heights: Any, position: Any, names: Any, errors: Any = None) -> xr.Dataset:
    """Heights (row, peak) of named peaks at positions (peak, axis) in ppm, the direct axis last."""
    import xarray as xr

    data = xr.Dataset(
        {
            "height": (("row", "peak"), heights, ARBITRARY),
            "position": (("peak", "axis"), position, PPM),
            "assignment": ("peak", np.array(names, dtype=str), UNITLESS),
        }
    )
    if errors is not None:
        data["height_errors"] = (("row", "peak"), errors, ARBITRARY)
    return data


def finite(path: Path, values: Array, what: str = "its intensities") -> Array:
    """The values, or an error where some are no numbers."""
    if not np.isfinite(values).all():
        raise CorruptFileError(path, f"{what} hold what is no number")
    return values
