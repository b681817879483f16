"""A tomography scan to flat-fielded projections, the axis of rotation and one slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.tomo.kernels.projection import (
    Axis,
    axis_by_centroid,
    axis_by_opposite,
    line_integrals,
    nearest_opposites,
    transmission,
)
from tasks.tomo.kernels.reconstruction import back_projected
from tasks.tomo.parameters import TomoParameters

Floats = NDArray[np.float64]

# Half a turn is covered if no gap at its end is larger than this many steps.
GAP_STEPS = 2.5
PAIRS = 5
# What the mirror image of a cropped view may be off by, in pixels: its ends show different parts.
CROPPED = 0.5
# The border of the detector that shows no sample tells what the beam lacked or had more than in the flats.
BORDER = 0.03


class ProjectionError(Exception):
    """A tomography scan does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Tomogram:
    """Findings, flags, the slice over (y, x), and the sinogram it is from over (projection, column)."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    slice: xr.Dataset
    sinogram: xr.Dataset
    facts: dict[str, float]


def reconstruct(run: Measurement, parameters: TomoParameters) -> Tomogram:
    """Flat field, axis of rotation and one slice of a scan.

    Raises
    ------
    MissingMetadataError
        The run holds no flats or no darks.
    ProjectionError
        No axis can be found, or the row is not on the detector.
    """
    data = run.data
    rows, angle = data.sizes["y"], np.radians(data["angle"].values.astype(float))
    chosen = rows // 2 if parameters.row is None else parameters.row
    if chosen >= rows:
        raise ProjectionError(f"row {chosen} was asked for, the detector has {rows}", "Choose a smaller row")
    some = np.unique(np.linspace(0, rows - 1, min(parameters.axis_rows, rows)).round().astype(int))
    share = _share(run, np.union1d(some, [chosen]))
    integrals = {row: _cleaned(line_integrals(values)) for row, values in share.items()}
    axis, flags, method = _axis([integrals[int(row)] for row in some], angle, parameters)
    flags = merged(run.flags, flags, _coverage(angle))
    found = back_projected(integrals[chosen], angle, axis.position)
    noise = _half_difference(integrals[chosen], angle, axis.position)
    findings = () if axis.error is None else (_finding(axis, method),)
    mean = float(np.nanmean(np.stack([share[int(row)] for row in some])))
    return Tomogram(
        findings,
        flags,
        _slice(found, run),
        _sinogram(integrals[chosen], data["angle"].values),
        {"row": chosen, "axis_px": axis.position, "mean_transmission": mean, "slice_noise": noise},
    )


def _share(run: Measurement, rows: NDArray[np.int_]) -> dict[int, Floats]:
    """Transmission (n, x) of each row; only these rows are read."""
    data = run.data
    for name in ("flats", "darks"):
        if name not in data:
            raise MissingMetadataError(name, run.metadata.source, f"a run with {name}")
    picked = data[["counts", "flats", "darks"]].isel(y=rows)
    flat = picked["flats"].mean("flat").values.astype(float)
    dark = picked["darks"].mean("dark").values.astype(float)
    counts = picked["counts"].values.astype(float)
    share = transmission(counts, flat, dark)
    return {int(row): share[:, place] for place, row in enumerate(rows)}


def _cleaned(integrals: Floats) -> Floats:
    """Line integrals without what the beam changed between flats and projections; bad pixels interpolated."""
    columns = np.arange(integrals.shape[1])
    bad = ~np.isfinite(integrals)
    filled = integrals.copy()
    for row in np.flatnonzero(bad.any(axis=1)):
        good = ~bad[row]
        if good.sum() < 2:
            raise ProjectionError(
                "a projection has no usable pixel in the rows that are looked at", "Choose another row"
            )
        filled[row, bad[row]] = np.interp(columns[bad[row]], columns[good], filled[row, good])
    return filled


def _axis(
    sinograms: list[Floats], angle: Floats, parameters: TomoParameters
) -> tuple[Axis, tuple[Flag, ...], str]:
    if parameters.axis_px is not None:
        said = f"the axis of rotation at {parameters.axis_px:g} px was given, not found"
        return Axis(parameters.axis_px, 0.0, 0.0), (Flag.info("axis_given", said),), "given"
    whole = [axis_by_centroid(_without_beam(each), angle) for each in sinograms]
    pairs = nearest_opposites(angle, PAIRS, np.radians(parameters.opposite_tolerance_deg))
    stack = np.stack(sinograms)
    mirrored = [axis_by_opposite(stack[:, first], stack[:, second]) for first, second in pairs]
    in_view = [each for each in whole if each.spread <= parameters.largest_spread]
    if in_view:
        return _of_centroids(in_view, mirrored)
    if not mirrored:
        raise ProjectionError(
            "no axis of rotation: the sample leaves the view, and no two projections are half a turn apart",
            "Give it as tomo.axis_px",
        )
    return _of_mirrors(mirrored, whole)


def _without_beam(sinogram: Floats) -> Floats:
    """A sinogram whose empty border on both sides stands at zero, by a straight line between them."""
    width = max(2, round(BORDER * sinogram.shape[1]))
    left, right = np.median(sinogram[:, :width], axis=1), np.median(sinogram[:, -width:], axis=1)
    x = np.linspace(0.0, 1.0, sinogram.shape[1])
    return sinogram - (left[:, None] * (1 - x) + right[:, None] * x)


def _of_centroids(axes: list[Axis], mirrored: list[float]) -> tuple[Axis, tuple[Flag, ...], str]:
    places = np.array([each.position for each in axes])
    weights = np.array([1.0 / max(each.error, 1e-6) ** 2 for each in axes])
    position = float((weights * places).sum() / weights.sum())
    scatter = float(places.std(ddof=1) / np.sqrt(len(places))) if len(places) > 1 else 0.0
    error = max(float(1.0 / np.sqrt(weights.sum())), scatter)
    flags: tuple[Flag, ...] = ()
    if mirrored:
        other = float(np.median(mirrored))
        # Two ways that rest on different assumptions: what they differ by is part of what is not known.
        error = float(np.hypot(error, (position - other) / np.sqrt(12)))
        if abs(position - other) > 1.0:
            said = f"the axis is at {position:.2f} px by centre of mass, {other:.2f} px by mirror images"
            flags = (Flag.caution("axis_uncertain", said),)
    return Axis(position, error, max(each.spread for each in axes)), flags, "centre of mass over all angles"


def _of_mirrors(mirrored: list[float], whole: list[Axis]) -> tuple[Axis, tuple[Flag, ...], str]:
    position = float(np.median(mirrored))
    scatter = float(np.std(mirrored, ddof=1)) if len(mirrored) > 1 else 0.5
    spread = min(each.spread for each in whole)
    said = (
        f"the total attenuation varies by {spread:.1%} over angles: the sample leaves the view, or the beam "
        "changed; the axis is from opposite projections alone"
    )
    flag = Flag.caution("sample_out_of_view", said)
    return Axis(position, max(scatter, CROPPED), spread), (flag,), "opposite projections"


def _coverage(angle: Floats) -> tuple[Flag, ...]:
    turned = np.sort(np.mod(angle, np.pi))
    gaps = np.diff(np.concatenate([turned, [turned[0] + np.pi]]))
    if gaps.max() <= GAP_STEPS * np.median(gaps) + 1e-9:
        return ()
    said = f"the angles leave a gap of {np.degrees(gaps.max()):.1f} degree in half a turn"
    return (Flag.caution("angles_incomplete", said),)


def _half_difference(integrals: Floats, angle: Floats, axis: float) -> float:
    """Standard deviation of half the difference of slices from even and from odd projections."""
    even, odd = (back_projected(integrals[part::2], angle[part::2], axis) for part in (0, 1))
    return float(np.nanstd((even - odd) / 2.0))


def _finding(axis: Axis, method: str) -> Finding:
    told = (
        "pixel 0 is the centre of the first pixel of the fast axis",
        f"total attenuation varies by {axis.spread:.2%} over angles",
    )
    if method == "given":
        return Finding("rotation_axis", axis.position, None, "pixel", method, ("given by the user", told[0]))
    return Finding("rotation_axis", axis.position, axis.error, "pixel", method, told)


def _slice(found: Floats, run: Measurement) -> xr.Dataset:
    size = run.metadata.pixel_size_x_m
    values, unit = (found, "1/pixel") if size is None else (found / size, "1/m")
    why = "camera counts are no photons, so no error follows from them; its noise stands in the manifest"
    return xr.Dataset(
        {
            "attenuation": (("y", "x"), values, {"units": unit, "uncertainty": why}),
            "seen": (("y", "x"), np.isfinite(found), {"units": "dimensionless"}),
        }
    )


def _sinogram(integrals: Floats, angle: Floats) -> xr.Dataset:
    return xr.Dataset(
        {"line_integral": (("projection", "column"), integrals, {"units": "dimensionless"})},
        coords={
            "projection_angle": ("projection", angle, {"units": "degree"}),
            "column": ("column", np.arange(integrals.shape[1]), {"units": "pixel"}),
        },
    )
