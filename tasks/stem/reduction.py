"""Patterns of a scanned beam to images of virtual detectors and the deflection of the beam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.blocks import each_block
from tasks.common.kernels.electron import electron_wavelength
from tasks.common.reduced import Reduced
from tasks.stem.errors import PatternError
from tasks.stem.kernels import detectors
from tasks.stem.kernels.detectors import MOMENTS, Disc, Sums
from tasks.stem.parameters import PatternParameters
from tasks.stem.scan import Pixel, Scan, pixel_of, scan_of

if TYPE_CHECKING:
    import dask.array as da

Floats = NDArray[np.float64]
Compute = Callable[["da.Array"], list[Sums]]
PIXEL = {"units": "pixel"}
# The dark field begins this far outside of the disc where nothing else is said.
CLEAR = 1.1


@dataclass(frozen=True)
class Beam:
    """Where the direct beam falls, how wide it is, and the uncertainty of that; None where it was given."""

    centre: tuple[float, float]
    radius: float
    error: float | None


def reduce(run: Measurement, parameters: PatternParameters, compute: Compute) -> Reduced:
    """Bright field, annular dark field and centre of mass of every pattern.

    `compute` takes a lazy array of one :class:`Sums` a block, in the order of the scan, and
    gives them. The first pass over the data finds the beam and all moments; where the beam
    was given, it does all.

    References
    ----------
    C. Ophus, Microsc. Microanal. 25, 563 (2019), on virtual detectors and centre of mass.
    """
    if "patterns" not in run.data:
        raise PatternError(f"{run.provenance.path} holds no diffraction patterns", "Give a 4D-STEM scan")
    scan = scan_of(run, parameters)
    pixel, overridden = pixel_of(run, parameters)
    shape = (run.data.sizes["ky"], run.data.sizes["kx"])
    moments = detectors.moment_weights(shape)
    beam = _given(parameters)
    first = [moments] if beam is None else [moments, _rings(shape, beam, parameters)]
    sums = _summed(run, np.concatenate(first), compute)
    if sums.used == 0:
        raise PatternError(f"no pattern of {run.provenance.path} is finite", "Read the run again")
    if beam is None:
        beam = _found(sums.total / sums.used, parameters, run.provenance.path)
        second = _summed(run, _rings(shape, beam, parameters), compute)
        rows = np.concatenate([sums.rows, second.rows], axis=1)
    else:
        rows = sums.rows
    counted = run.data["patterns"].attrs["units"] == "count"
    radii = _radii(shape, beam, parameters)
    tables = {
        "detectors": _detectors(scan, rows, counted=counted),
        "deflection": _deflection(scan, rows[:, :MOMENTS], parameters, counted=counted),
        "mean_pattern": _mean(sums),
    }
    facts: dict[str, Any] = {
        "scan": [scan.rows, scan.columns],
        "center_y_px": beam.centre[0],
        "center_x_px": beam.centre[1],
        "disc_radius_px": beam.radius,
        "bright_outer_px": radii[0],
        "dark_px": list(radii[1:]),
        "pixel": None if pixel is None else [pixel.step, pixel.unit],
        "first_row": run.metadata.raw.get("first_row"),
    }
    flags = merged(
        run.flags, scan.flags, overridden, _flags(run, sums, beam, shape, radii[2], counted=counted)
    )
    flags = tuple(flag for flag in flags if flag.code not in _answered(parameters))
    return Reduced(_findings(beam, pixel, run), flags, tables, facts)


def _answered(parameters: PatternParameters) -> set[str]:
    """Remarks of the reader that a parameter has made good."""
    shape = parameters.scan_rows is not None or parameters.scan_columns is not None
    return ({"scan_shape_unknown"} if shape else set()) | (
        {"pixel_unknown"} if parameters.mrad_per_px is not None else set()
    )


def _summed(run: Measurement, weights: Floats, compute: Compute) -> Sums:
    patterns = run.data["patterns"].transpose("frame", "ky", "kx")
    return detectors.added(compute(each_block(detectors.pattern_sums, patterns.data, weights)))


def _given(parameters: PatternParameters) -> Beam | None:
    y, x, radius = parameters.center_y_px, parameters.center_x_px, parameters.disc_radius_px
    return None if y is None or x is None or radius is None else Beam((y, x), radius, None)


def _found(mean: Floats, parameters: PatternParameters, path: str) -> Beam:
    disc: Disc | None = detectors.disc(mean)
    if disc is None:
        raise PatternError(
            f"the mean pattern of {path} shows no disc of even brightness",
            "Give patterns.center_y_px, patterns.center_x_px and patterns.disc_radius_px",
        )
    y, x, radius = parameters.center_y_px, parameters.center_x_px, parameters.disc_radius_px
    centre = disc.centre if y is None or x is None else (y, x)
    return Beam(centre, disc.radius if radius is None else radius, disc.error if radius is None else None)


def _radii(shape: tuple[int, int], beam: Beam, parameters: PatternParameters) -> tuple[float, float, float]:
    """Outer radius of the bright field, inner and outer one of the dark field, in pixels."""
    (y, x), edges = beam.centre, (shape[0] - 1, shape[1] - 1)
    largest = min(y, x, edges[0] - y, edges[1] - x) + 0.5
    bright = parameters.bright_outer_px or beam.radius
    inner = CLEAR * beam.radius if parameters.dark_inner_px is None else parameters.dark_inner_px
    outer = parameters.dark_outer_px or largest
    if not 0 <= inner < outer:
        raise PatternError(
            f"a dark field from {inner:.1f} to {outer:.1f} pixels has no room on the camera",
            "Give patterns.dark_inner_px and patterns.dark_outer_px",
        )
    return bright, inner, outer


def _rings(shape: tuple[int, int], beam: Beam, parameters: PatternParameters) -> Floats:
    bright, inner, outer = _radii(shape, beam, parameters)
    return np.stack(
        [
            detectors.annulus(shape, beam.centre, 0.0, bright),
            detectors.annulus(shape, beam.centre, inner, outer),
        ]
    )


def _detectors(scan: Scan, rows: Floats, *, counted: bool) -> xr.Dataset:
    unit = {"units": "count" if counted else "arbitrary"}
    images = {"bright_field": rows[:, MOMENTS], "dark_field": rows[:, MOMENTS + 1], "total": rows[:, 0]}
    found: dict[str, Any] = {
        name: (("row", "column"), scan.image(values), unit) for name, values in images.items()
    }
    if counted:
        # Counts are their own variance.
        for name, values in images.items():
            found[f"{name}_errors"] = (("row", "column"), np.sqrt(scan.image(values)), unit)
    return xr.Dataset(found, coords=scan.coords())


def _deflection(scan: Scan, moments: Floats, parameters: PatternParameters, *, counted: bool) -> xr.Dataset:
    centre, variance = detectors.centre_of_mass(moments)
    found: dict[str, Any] = {}
    for place, axis in enumerate(("y", "x")):
        values = scan.image(centre[:, place])
        found[f"com_{axis}"] = (("row", "column"), _moved_back(values, parameters.descan), PIXEL)
        if counted:
            errors = np.sqrt(scan.image(variance[:, place]))
            found[f"com_{axis}_errors"] = (("row", "column"), errors, PIXEL)
    return xr.Dataset(found, coords=scan.coords(), attrs={"descan": parameters.descan})


def _moved_back(values: Floats, descan: str) -> Floats:
    if descan == "plane":
        return detectors.without_plane(values)
    return np.asarray(values - np.nanmean(values)) if descan == "mean" else values


def _mean(sums: Sums) -> xr.Dataset:
    unit = {"units": "arbitrary"}
    return xr.Dataset(
        {
            "mean": (("ky", "kx"), sums.total / sums.used, unit),
            "most": (("ky", "kx"), sums.most, unit),
        }
    )


def _flags(
    run: Measurement, sums: Sums, beam: Beam, shape: tuple[int, int], outer: float, *, counted: bool
) -> tuple[Flag, ...]:
    flags = []
    if beam.error is not None:
        told = (
            f"the disc of the beam was found in the mean pattern: {beam.radius:.1f} ± {beam.error:.1f} pixels"
        )
        flags.append(Flag.info("disc_estimated", told))
    if not counted:
        told = "the values are no counts: images and deflections have no uncertainties"
        flags.append(Flag.caution("not_photon_counting", told))
    lost = len(sums.rows) - sums.used
    if lost:
        told = f"{lost} of {len(sums.rows)} patterns have values that are not finite, and stand as missing"
        flags.append(Flag.caution("patterns_not_finite", told))
    full = _highest(run)
    saturated = 0 if full is None else int((sums.most >= full).sum())
    if saturated:
        told = f"{saturated} pixels reached the end of their counter ({full:g}) in some pattern"
        flags.append(Flag.caution("pixels_saturated", told))
    (y, x) = beam.centre
    if min(y, x, shape[0] - 1 - y, shape[1] - 1 - x) + 0.51 < outer:
        told = f"the dark field to {outer:.1f} pixels reaches beyond the camera, on some sides more"
        flags.append(Flag.caution("detector_cut_off", told))
    return tuple(flags)


def _highest(run: Measurement) -> float | None:
    """The value at which a counting camera stops, None where it is not known."""
    bits = run.metadata.raw.get("counter_bits")
    return None if bits is None or not str(bits).isdigit() else float(2 ** int(bits) - 1)


def _findings(beam: Beam, pixel: Pixel | None, run: Measurement) -> tuple[Finding, ...]:
    if beam.error is None:
        return ()
    method = "disc of the direct beam in the mean pattern"
    even = ("the disc is of even brightness and round",)
    # A centre is known as much better than a radius as an area than its edge.
    error = beam.error / np.sqrt(2)
    found = [
        Finding("beam_center_y", beam.centre[0], error, "pixel", method, even),
        Finding("beam_center_x", beam.centre[1], error, "pixel", method, even),
    ]
    angle = None if pixel is None else _mrad(pixel, run)
    if angle is not None:
        told = (*even, f"a pixel spans {angle:.4g} mrad exactly")
        cone = (beam.radius * angle, beam.error * angle)
        found.append(Finding("convergence_semi_angle", *cone, "mrad", method, told))
    return tuple(found)


def _mrad(pixel: Pixel, run: Measurement) -> float | None:
    """What a pixel spans in mrad; None where that takes a voltage that nothing says."""
    if pixel.unit == "mrad":
        return pixel.step
    voltage = run.metadata.raw.get("voltage_kv")
    return None if voltage is None else 1e3 * pixel.step * electron_wavelength(float(voltage))
