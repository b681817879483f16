"""A powder pattern to its peaks, and to the lattice parameter of a cubic cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, merged
from tasks.common.kernels.profile import Peak, background, candidates, fitted
from tasks.powder.kernels.lattice import (
    Centring,
    Lattice,
    fit_in_angle,
    fit_in_q,
    offset_shape,
    reflections,
    scattering_angle,
    spacing,
)
from tasks.powder.parameters import LatticeParameters, PeakParameters

Floats = NDArray[np.float64]

# Edge (angstrom) and centring of standards, as certified: NIST SRM 674b, 660c and 640f.
STANDARDS: dict[str, tuple[float, Centring]] = {
    "cerium_dioxide": (5.411651, "F"),
    "lanthanum_hexaboride": (4.156826, "P"),
    "silicon": (5.431144, "diamond"),
}
# Beyond this a standard's edge says that wavelength, distance or zero are off.
DEVIATION = 5e-4
# Matches by chance scatter evenly over the tolerance; true ones are this much narrower.
NARROW = 5.0
WIDE_CHI2 = 4.0
# Indices and cell are found in turn until they agree.
ROUNDS = 3


class PatternError(Exception):
    """A pattern does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Pattern:
    """Intensity and errors of one pattern over `x`; `axis` is "q" (1/angstrom) or "two_theta" (degree)."""

    axis: str
    x: Floats
    intensity: Floats
    errors: Floats
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Powder:
    """Findings, flags, the pattern with its background, and the peaks over "peak"."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    pattern: xr.Dataset
    peaks: xr.Dataset


def mean_pattern(data: xr.Dataset) -> Pattern:
    """The mean over frames of curves over q or over the scattering angle, errors combined."""
    axis = "q" if "q" in data.coords else "two_theta"
    values = data["intensity"].transpose("frame", axis).values.astype(float)
    flags: tuple[Flag, ...] = ()
    if "intensity_errors" in data:
        errors = np.sqrt(np.nansum(data["intensity_errors"].transpose("frame", axis).values ** 2, axis=0))
        errors = errors / len(values)
    else:
        errors = _scatter(values.mean(axis=0))
        said = "the pattern states no uncertainties; the scatter of neighbouring points stands for them"
        flags = (Flag.caution("errors_from_scatter", said),)
    mean = values.mean(axis=0)
    errors = np.where(errors > 0, errors, np.nan)
    return Pattern(axis, data[axis].values.astype(float), mean, errors, flags)


def _scatter(values: Floats) -> Floats:
    """A robust deviation of points from the mean of their neighbours, the same for all."""
    left = values[1:-1] - 0.5 * (values[:-2] + values[2:])
    finite = np.abs(left[np.isfinite(left)])
    sigma = 1.4826 * float(np.median(finite)) / np.sqrt(1.5) if finite.size else 1.0
    return np.full(values.shape, max(sigma, 1e-12))


def analyse(
    pattern: Pattern, wavelength: float | None, source: str, peaks: PeakParameters, lattice: LatticeParameters
) -> Powder:
    """Peaks of a pattern, and the edge of a cubic cell if one is asked for.

    Raises
    ------
    MissingMetadataError
        Spacings are wanted, the axis is an angle, and no wavelength is known.
    PatternError
        The pattern has no peaks in the range.
    """
    found = _peaks(pattern, peaks)
    if not found:
        raise PatternError(
            f"{source} has no peak that stands {peaks.least_snr:g} standard deviations above its background",
            "Lower peaks.least_snr, or widen the range",
        )
    table = _table(pattern, found, wavelength)
    wanted = lattice.standard is not None or lattice.edge_angstrom is not None
    findings: tuple[Finding, ...] = ()
    flags = pattern.flags
    if wanted:
        if "d_spacing" not in table:
            raise MissingMetadataError("wavelength_angstrom", source, "geometry.wavelength_angstrom")
        table, findings, more = _indexed(pattern, table, wavelength, source, lattice)
        flags = merged(flags, more)
    elif wavelength is None and pattern.axis == "two_theta":
        said = "no wavelength is known, so peaks stand at angles and have no spacings"
        flags = merged(flags, (Flag.info("spacings_unknown", said),))
    return Powder(findings, flags, _curve(pattern, peaks), table)


def _peaks(pattern: Pattern, parameters: PeakParameters) -> list[Peak]:
    low = -np.inf if parameters.low is None else parameters.low
    high = np.inf if parameters.high is None else parameters.high
    inside = (pattern.x >= low) & (pattern.x <= high) & np.isfinite(pattern.intensity)
    x, y, errors = pattern.x[inside], pattern.intensity[inside], pattern.errors[inside]
    if len(x) < 4 * parameters.apart:
        raise PatternError(f"only {len(x)} points lie in the range", "Widen low and high")
    places, widths = candidates(
        y,
        errors,
        half_width=parameters.background_points,
        least_snr=parameters.least_snr,
        apart=parameters.apart,
    )
    peaks = fitted(x, y, errors, places, widths, gauss=False)
    highest = max((peak.height for peak in peaks), default=0.0)
    sure = [
        peak
        for peak in peaks
        if peak.position_error < parameters.largest_error * peak.width
        and peak.height >= parameters.least_height * highest
    ]
    return sorted(sure, key=lambda peak: peak.position)


def _table(pattern: Pattern, peaks: list[Peak], wavelength: float | None) -> xr.Dataset:
    position = np.array([peak.position for peak in peaks])
    error = np.array([peak.position_error for peak in peaks])
    unit = "1/angstrom" if pattern.axis == "q" else "degree"
    columns = {
        "position": (position, unit),
        "position_errors": (error, unit),
        "width": (np.array([peak.width for peak in peaks]), unit),
        "height": (np.array([peak.height for peak in peaks]), "arbitrary"),
        "area": (np.array([peak.area for peak in peaks]), "arbitrary"),
        "lorentzian_share": (np.array([peak.mixing for peak in peaks]), "dimensionless"),
        "fit_chi2": (np.array([peak.chi2 for peak in peaks]), "dimensionless"),
    }
    if pattern.axis == "q":
        columns["d_spacing"] = (2 * np.pi / position, "angstrom")
        columns["d_spacing_errors"] = (2 * np.pi / position**2 * error, "angstrom")
    elif wavelength is not None:
        angle = np.radians(position)
        d = spacing(angle, wavelength)
        columns["d_spacing"] = (d, "angstrom")
        columns["d_spacing_errors"] = (d / (2 * np.tan(angle / 2)) * np.radians(error), "angstrom")
    return xr.Dataset({name: ("peak", values, {"units": unit}) for name, (values, unit) in columns.items()})


def _start(lattice: LatticeParameters) -> tuple[float, Centring]:
    if lattice.standard is not None:
        return STANDARDS[lattice.standard]
    assert lattice.edge_angstrom is not None  # asked for one or the other
    return lattice.edge_angstrom, lattice.centring


def _indexed(
    pattern: Pattern, table: xr.Dataset, wavelength: float | None, source: str, lattice: LatticeParameters
) -> tuple[xr.Dataset, tuple[Finding, ...], tuple[Flag, ...]]:
    edge, centring = _start(lattice)
    d = table["d_spacing"].values
    hkl, expected = reflections(edge, centring, float(d.min()) * (1 - 2 * lattice.tolerance))
    own, fit = _settled(pattern, table, (hkl, expected), wavelength, source, edge, lattice)
    table = _with_indices(table, hkl, own, fit, in_angle=_in_angle(pattern, lattice))
    if fit.offset:
        corrected = _corrected(table, wavelength or 0.0, fit.offset, lattice)
        table["d_spacing"] = table["d_spacing"].copy(data=corrected)
    return table, _findings(table, hkl, own, fit, lattice), _remarks(fit, lattice, table, own, expected)


def _settled(
    pattern: Pattern,
    table: xr.Dataset,
    cell: tuple[NDArray[np.int_], Floats],
    wavelength: float | None,
    source: str,
    edge: float,
    lattice: LatticeParameters,
) -> tuple[NDArray[np.int_], Lattice]:
    """The reflection of each peak (-1 for none) and the fit, which agree with each other."""
    hkl, expected = cell
    shift = _first_offset(table, wavelength, source, expected, lattice)
    scale = 1.0
    for turn in range(ROUNDS):
        d = _corrected(table, wavelength or 0.0, shift, lattice)
        own = _matched(d, table["height"].values, scale * expected, lattice.tolerance / 2**turn)
        used = np.flatnonzero(own >= 0)
        if len(used) < lattice.least_peaks:
            said = f"{len(used)} of {len(d)} peaks lie on the lattice, {lattice.least_peaks} are needed"
            remedy = "Check the wavelength, the geometry, the offset and the cell to start from"
            raise PatternError(f"{source}: {said}", remedy)
        squares = (hkl[own[used]] ** 2).sum(axis=1).astype(float)
        fit = _fit(pattern, table.isel(peak=used), squares, wavelength, source, scale * edge, lattice)
        scale, shift = fit.edge / edge, fit.offset
        if turn == ROUNDS - 1:
            break
    return own, fit


def _first_offset(
    table: xr.Dataset, wavelength: float | None, source: str, expected: Floats, lattice: LatticeParameters
) -> float:
    """The offset (rad) at which peaks lie on most of the lattice, weighed by their heights."""
    if lattice.offset == "none":
        return 0.0
    if wavelength is None:
        raise MissingMetadataError("wavelength_angstrom", source, "geometry.wavelength_angstrom")
    weights = np.sqrt(np.maximum(table["height"].values, 0.0))

    def score(shift: float) -> float:
        d = _corrected(table, wavelength, shift, lattice)
        off = np.abs(d[:, None] / expected[None, :] - 1).min(axis=1)
        return float((weights * np.maximum(0.0, 1 - off / lattice.tolerance)).sum())

    most = np.radians(lattice.largest_offset_deg)
    return float(max(np.linspace(-most, most, 81), key=score))


def _corrected(table: xr.Dataset, wavelength: float, shift: float, lattice: LatticeParameters) -> Floats:
    """Spacings of the peaks after `shift` (rad) is taken off their angles."""
    d: Floats = table["d_spacing"].values
    if not shift:
        return d
    angle = 2 * np.arcsin(wavelength / (2 * d))
    return spacing(angle - shift * offset_shape(angle, lattice.offset), wavelength)


def _in_angle(pattern: Pattern, lattice: LatticeParameters) -> bool:
    return pattern.axis != "q" or lattice.offset != "none"


def _matched(d: Floats, heights: Floats, expected: Floats, tolerance: float) -> NDArray[np.int_]:
    """For each peak the reflection it belongs to, -1 for none; of two peaks on one the higher keeps it."""
    own = np.full(len(d), -1)
    nearest = np.abs(d[:, None] / expected[None, :] - 1).argmin(axis=1)
    for reflection in np.unique(nearest):
        here = np.flatnonzero((nearest == reflection) & (np.abs(d / expected[reflection] - 1) < tolerance))
        if len(here):
            own[here[heights[here].argmax()]] = reflection
    return own


def _fit(
    pattern: Pattern,
    used: xr.Dataset,
    squares: Floats,
    wavelength: float | None,
    source: str,
    edge: float,
    lattice: LatticeParameters,
) -> Lattice:
    position, errors = used["position"].values, used["position_errors"].values
    if not _in_angle(pattern, lattice):
        return fit_in_q(position, errors, squares)
    if wavelength is None:
        raise MissingMetadataError("wavelength_angstrom", source, "geometry.wavelength_angstrom")
    if pattern.axis == "q":
        angle = scattering_angle(2 * np.pi / position, wavelength)
        errors = errors * wavelength / (2 * np.pi) / np.cos(angle / 2)
    else:
        angle, errors = np.radians(position), np.radians(errors)
    return fit_in_angle(angle, errors, squares, wavelength, edge, lattice.offset)


def _with_indices(
    table: xr.Dataset, hkl: NDArray[np.int_], own: NDArray[np.int_], fit: Lattice, *, in_angle: bool
) -> xr.Dataset:
    indices = np.where(own[:, None] >= 0, hkl[np.maximum(own, 0)], 0)
    residuals = np.full(len(own), np.nan)
    residuals[own >= 0] = np.degrees(fit.residuals) if in_angle else fit.residuals
    unit = {
        "units": "degree" if in_angle else "1/angstrom",
        "long_name": "observed minus calculated position",
    }
    columns: dict[str, Any] = {
        name: ("peak", indices[:, place], {"units": "dimensionless"}) for place, name in enumerate("hkl")
    }
    return table.assign({**columns, "residual": ("peak", residuals, unit)})


def _findings(
    table: xr.Dataset,
    hkl: NDArray[np.int_],
    own: NDArray[np.int_],
    fit: Lattice,
    lattice: LatticeParameters,
) -> tuple[Finding, ...]:
    relative = lattice.wavelength_relative_error
    used = np.flatnonzero(own >= 0)
    known = f"the wavelength is known to {relative:g}" if relative else "wavelength and geometry are exact"
    told: tuple[str, ...] = (f"{len(used)} peaks, reduced chi squared {fit.chi2:.2g}", known)
    if lattice.offset != "none":
        refined = f"{np.degrees(fit.offset):.4f} ± {np.degrees(fit.offset_error):.4f} degree"
        told = (*told, f"{lattice.offset} offset refined to {refined}")
    error = float(np.hypot(fit.edge_error, relative * fit.edge))
    cell = Finding("unit_cell_a", fit.edge, error, "angstrom", "cubic cell on powder peaks", told)
    d, sigma = table["d_spacing"].values, table["d_spacing_errors"].values
    spacings = tuple(
        Finding(
            "lattice_spacing",
            float(d[place]),
            float(np.hypot(sigma[place], relative * d[place])),
            "angstrom",
            "powder peak " + " ".join(map(str, hkl[own[place]])),
            told[1:],
        )
        for place in used
    )
    return (cell, *spacings)


def _remarks(
    fit: Lattice, lattice: LatticeParameters, table: xr.Dataset, own: NDArray[np.int_], expected: Floats
) -> tuple[Flag, ...]:
    flags = []
    used = own >= 0
    if not used.all():
        said = f"{int((~used).sum())} peaks lie on no reflection of the cell"
        flags.append(Flag.caution("peaks_unindexed", said))
    strongest = np.argsort(table["height"].values)[-3:]
    off = table["d_spacing"].values[used] / expected[own[used]]
    scatter = float(np.std(off / off.mean()))
    if (~used[strongest]).sum() > 1 or scatter > lattice.tolerance / NARROW:
        said = (
            f"the strongest peaks are not on the cell, or those that are scatter by {scatter:.2%}: "
            "the cell, the wavelength or the zero of the angle is wrong; lattice.offset refines the zero"
        )
        flags.append(Flag.invalid("lattice_not_supported", said))
    elif fit.chi2 > WIDE_CHI2:
        said = (
            f"the peaks scatter {np.sqrt(fit.chi2):.1f} times more about the cell than their fits allow; "
            "the uncertainty is widened by that"
        )
        flags.append(Flag.caution("peaks_scatter", said))
    return (*flags, *_of_standard(fit, lattice))


def _of_standard(fit: Lattice, lattice: LatticeParameters) -> tuple[Flag, ...]:
    if lattice.standard is None:
        return ()
    certified = STANDARDS[lattice.standard][0]
    off = fit.edge / certified - 1
    if abs(off) <= max(DEVIATION, 3 * fit.edge_error / certified):
        return ()
    said = (
        f"the cell of {lattice.standard} comes out at {fit.edge:.5f} angstrom, certified are "
        f"{certified:.5f} ({off:+.2%}): wavelength, distance or zero are off"
    )
    return (Flag.caution("standard_contradicted", said),)


def _curve(pattern: Pattern, parameters: PeakParameters) -> xr.Dataset:
    unit = "1/angstrom" if pattern.axis == "q" else "degree"
    below = background(np.nan_to_num(pattern.intensity, nan=0.0), parameters.background_points)
    scale = {"units": "arbitrary"}
    dims = ("frame", pattern.axis)
    return xr.Dataset(
        {
            "intensity": (dims, pattern.intensity[None], scale),
            "intensity_errors": (dims, pattern.errors[None], scale),
            "background": (dims, below[None], scale),
        },
        coords={pattern.axis: (pattern.axis, pattern.x, {"units": unit})},
    )
