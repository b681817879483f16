"""A curve as the steps of this room hand it on: a labelled dataset over q, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]
INVERSE_ANGSTROM = "1/angstrom"


class CurveError(Exception):
    """A curve is not what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


def checked(data: xr.Dataset, dims: tuple[str, ...] = ("q",)) -> xr.Dataset:
    """`data` if it has intensity with errors over `dims` and q in 1/angstrom, else CurveError."""
    for name in ("intensity", "intensity_errors"):
        if name not in data:
            raise CurveError(
                f"the curve has no {name}", "Without uncertainties nothing can be fitted" * ("errors" in name)
            )
        if data[name].dims != dims:
            raise CurveError(f"{name} has dims {data[name].dims}, not {dims}")
    if "q" not in data.coords or data["q"].attrs.get("units") != INVERSE_ANGSTROM:
        raise CurveError(f"q must be a coordinate in {INVERSE_ANGSTROM}", "Convert it before this step")
    if not (np.diff(data["q"].values) > 0).all():
        raise CurveError("q does not increase", "Sort the points and average equal q first")
    return data


def labelled(q: Floats, intensity: Floats, errors: Floats, unit: str, **attrs: Any) -> xr.Dataset:
    """A dataset of one curve with its units."""
    return xr.Dataset(
        {
            "intensity": ("q", intensity, {"units": unit}),
            "intensity_errors": ("q", errors, {"units": unit}),
        },
        coords={"q": ("q", q, {"units": INVERSE_ANGSTROM})},
        attrs=attrs,
    )


def unit_of(data: xr.Dataset) -> str:
    """The unit of the intensity; a curve without one is refused."""
    unit = data["intensity"].attrs.get("units")
    if unit is None:
        raise CurveError("the intensity has no unit", "State it; 'arbitrary' is one")
    return str(unit)


def points(data: xr.Dataset) -> tuple[Floats, Floats, Floats]:
    """q, intensity and errors of the points that were measured: finite, error and q positive."""
    q = np.asarray(data["q"].values, dtype=float)
    intensity = np.asarray(data["intensity"].values, dtype=float)
    errors = np.asarray(data["intensity_errors"].values, dtype=float)
    there = np.isfinite(intensity) & np.isfinite(errors) & (errors > 0) & (q > 0)
    if there.sum() < 10:
        raise CurveError(
            f"the curve has {there.sum()} points with value, uncertainty and q, 10 are needed",
            "Look at the mask, and whether the file gives uncertainties",
        )
    return q[there], intensity[there], errors[there]


def same_axis(first: xr.Dataset, second: xr.Dataset) -> None:
    """CurveError unless both stand on the same q (to a millionth) and in the same unit."""
    a, b = first["q"].values, second["q"].values
    if a.shape != b.shape or not np.allclose(a, b, rtol=1e-6, atol=0):
        raise CurveError(
            f"the curves have different q ({a.size} points {a[0]:.5g} to {a[-1]:.5g}, "
            f"{b.size} points {b[0]:.5g} to {b[-1]:.5g} 1/angstrom)",
            "Reduce both with the same bins; nothing is interpolated in silence",
        )
    if unit_of(first) != unit_of(second):
        raise CurveError(f"one curve is in {unit_of(first)!r}, the other in {unit_of(second)!r}")
