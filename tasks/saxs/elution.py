"""Size-exclusion chromatography: baseline, peak, Rg and mass of each frame, and the curve of the peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag
from tasks.saxs.curve import INVERSE_ANGSTROM, CurveError, Floats, checked, labelled, unit_of
from tasks.saxs.kernels import elution as kernel
from tasks.saxs.kernels import guinier, invariant, mass
from tasks.saxs.kernels.averaging import mean
from tasks.saxs.kernels.elution import Peak
from tasks.saxs.parameters import ElutionParameters

CORRELATION_Q = 0.3
# What the Guinier law leaves open up to q Rg = 1.3, relative; no averaging of frames lessens it.
GUINIER_LAW = 0.0116


@dataclass(frozen=True)
class Elution:
    """What one size-exclusion run says; frame numbers are labels of the stack.

    `trace` holds, over "frame", total and integrated intensity (baseline off), Rg, I(0) and
    mass with errors, NaN where there is no Guinier range. `curve` is the mean over `plateau`,
    the frames of constant Rg. `uv_lag` is (value, error) in frames, None without UV.
    """

    curve: xr.Dataset | None
    trace: xr.Dataset
    baseline: tuple[tuple[int, int], ...]
    peaks: tuple[tuple[int, int, int], ...]
    plateau: tuple[int, int] | None
    uv_lag: tuple[float, float] | None
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]


def analyse(stack: xr.Dataset, parameters: ElutionParameters, uv: xr.DataArray | None = None) -> Elution:
    """A stack ("frame", "q") of a whole elution; `uv` ("uv_frame") on its own axis of frame numbers."""
    q, frames, errors, labels = _measured(stack)
    total, _ = kernel.total_intensity(q, frames, errors)
    regions, flags = _baseline(frames, errors, total, labels, parameters)
    net, net_errors = _without_baseline(frames, errors, labels, regions)
    integrated, integrated_errors = kernel.total_intensity(q, net, net_errors)
    noise = kernel.robust_noise(integrated[_members(regions)])
    peaks = kernel.peaks(integrated, noise)
    columns = {
        "total_intensity": total,
        "integrated_intensity": integrated,
        "integrated_intensity_errors": integrated_errors,
    }
    found = tuple((int(labels[p.place]), int(labels[p.first]), int(labels[p.last])) for p in peaks)
    lag = None if uv is None else _lag(labels, integrated, uv)
    if not peaks:
        said = "no frame stands out of the baseline: nothing eluted, or the baseline lies in the peak"
        flags.append(Flag.invalid("no_peak", said))
        return Elution(
            None, _trace(columns, labels), _named(labels, regions), (), None, lag, (), tuple(flags)
        )
    sizes = _sizes(q, net, net_errors, _span(integrated, peaks[0], parameters), parameters)
    columns |= sizes
    plateau = _plateau(sizes, peaks[0], parameters)
    trace = _trace(columns, labels)
    if plateau is None:
        said = "no frame near the top of the main peak has a Guinier range"
        flags.append(Flag.invalid("no_guinier_range", said))
        return Elution(None, trace, _named(labels, regions), found, None, lag, (), tuple(flags))
    flags += _plateau_flags(peaks, plateau, labels)
    part = slice(plateau[0], plateau[1] + 1)
    common = _baseline_error(errors, labels, regions, part)
    curve = _mean_curve(q, net[part], errors[part], common, unit_of(stack))
    span = (int(labels[plateau[0]]), int(labels[plateau[1]]))
    findings = _findings(sizes, part, span)
    return Elution(curve, trace, _named(labels, regions), found, span, lag, findings, tuple(flags))


def _measured(stack: xr.Dataset) -> tuple[Floats, Floats, Floats, Floats]:
    checked(stack, ("frame", "q"))
    q = np.asarray(stack["q"].values, dtype=float)
    frames = np.asarray(stack["intensity"].values, dtype=float)
    errors = np.asarray(stack["intensity_errors"].values, dtype=float)
    whole = np.isfinite(frames).all(axis=0) & np.isfinite(errors).all(axis=0) & (errors > 0).all(axis=0)
    if whole.sum() < 10 or len(frames) < 10:
        raise CurveError(
            f"an elution needs ten frames of ten good points, not {len(frames)} of {whole.sum()}"
        )
    labels = np.asarray(stack["frame"].values, dtype=float)
    return q[whole], frames[:, whole], errors[:, whole], labels


def _baseline(
    frames: Floats, errors: Floats, total: Floats, labels: Floats, parameters: ElutionParameters
) -> tuple[list[tuple[int, int]], list[Flag]]:
    flags = []
    if parameters.baseline_first is not None and parameters.baseline_last is not None:
        regions = [_region(labels, parameters.baseline_first, parameters.baseline_last)]
    else:
        regions = [_found(frames, errors, total, parameters)]
        first, last = (int(labels[k]) for k in regions[0])
        said = f"frames {first} to {last} were taken as buffer: no others of that many agree as well"
        flags.append(Flag.info("baseline_found", said))
    if parameters.second_baseline_first is not None and parameters.second_baseline_last is not None:
        regions.append(_region(labels, parameters.second_baseline_first, parameters.second_baseline_last))
        flags.append(Flag.info("baseline_linear", "the baseline is a straight line in time at each q"))
    for first, last in regions:
        if not kernel.steady(frames[first : last + 1], significance=parameters.significance):
            said = f"the buffer changes between frames {labels[first]:.0f} and {labels[last]:.0f}"
            flags.append(Flag.caution("baseline_not_steady", said))
    return regions, flags


def _found(frames: Floats, errors: Floats, total: Floats, parameters: ElutionParameters) -> tuple[int, int]:
    rough = total - np.median(total)
    highest = kernel.peaks(rough, kernel.robust_noise(rough), least=0.3)
    if not highest:
        return 0, min(parameters.baseline_frames, len(frames)) - 1
    width = highest[0].last - highest[0].first + 1
    clear = (highest[0].first - width, highest[0].last + width)
    try:
        return kernel.baseline_region(frames, errors, width=parameters.baseline_frames, peak=clear)
    except ValueError as error:
        raise CurveError(str(error), "Give baseline_first and baseline_last") from error


def _region(labels: Floats, first: int, last: int) -> tuple[int, int]:
    inside = np.flatnonzero((labels >= first) & (labels <= last))
    if len(inside) < 5:
        raise CurveError(f"{len(inside)} frames lie between {first} and {last}, a baseline needs 5")
    return int(inside[0]), int(inside[-1])


def _members(regions: list[tuple[int, int]]) -> NDArray[np.intp]:
    return np.concatenate([np.arange(first, last + 1) for first, last in regions])


def _named(labels: Floats, regions: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(labels[first]), int(labels[last])) for first, last in regions)


def _without_baseline(
    frames: Floats, errors: Floats, labels: Floats, regions: list[tuple[int, int]]
) -> tuple[Floats, Floats]:
    members = _members(regions)
    if len(regions) == 1:
        level, error = mean(frames[members], errors[members])
    else:
        level, error = kernel.linear_baseline(frames[members], errors[members], labels[members], labels)
    return frames - level, np.hypot(errors, error)


def _baseline_error(errors: Floats, labels: Floats, regions: list[tuple[int, int]], part: slice) -> Floats:
    """Error of the baseline's mean over frames `part`: common to them, so no average lessens it."""
    members = _members(regions)
    if len(regions) == 1:
        _, error = mean(errors[members], errors[members])
        return error
    middle = labels[part].mean(keepdims=True)
    _, line_error = kernel.linear_baseline(errors[members], errors[members], labels[members], middle)
    found: Floats = line_error[0]
    return found


def _span(integrated: Floats, peak: Peak, parameters: ElutionParameters) -> range:
    above = integrated > parameters.least_share * peak.height
    first, last = peak.place, peak.place
    while first > 0 and above[first - 1]:
        first -= 1
    while last < len(above) - 1 and above[last + 1]:
        last += 1
    return range(first, last + 1)


def _sizes(
    q: Floats, net: Floats, net_errors: Floats, span: range, parameters: ElutionParameters
) -> dict[str, Floats]:
    names = ("radius_of_gyration", "forward_intensity", "molecular_mass")
    columns = {name + end: np.full(len(net), np.nan) for name in names for end in ("", "_errors")}
    start = 0 if parameters.guinier_q_min is None else int(np.searchsorted(q, parameters.guinier_q_min))
    for k in span:
        fit = guinier.search(q[start:], net[k, start:], net_errors[k, start:], limit=parameters.guinier_limit)
        if fit is None:
            continue
        columns["radius_of_gyration"][k], columns["radius_of_gyration_errors"][k] = (
            fit.radius,
            fit.radius_error,
        )
        columns["forward_intensity"][k], columns["forward_intensity_errors"][k] = (
            fit.forward,
            fit.forward_error,
        )
        try:
            vc = invariant.volume_of_correlation(
                q[start + fit.first :],
                net[k, start + fit.first :],
                net_errors[k, start + fit.first :],
                forward=fit.forward,
                forward_error=fit.forward_error,
                radius=fit.radius,
                q_max=CORRELATION_Q,
            )
        except ValueError:
            # A frame too weak to integrate has no mass: it stays NaN, its Rg stands.
            continue
        found = mass.by_correlation(vc.value, vc.error, fit.radius, fit.radius_error)
        columns["molecular_mass"][k], columns["molecular_mass_errors"][k] = found.kda, found.error
    return columns


def _plateau(sizes: dict[str, Floats], peak: Peak, parameters: ElutionParameters) -> tuple[int, int] | None:
    radius, error = sizes["radius_of_gyration"], sizes["radius_of_gyration_errors"]
    there = np.flatnonzero(np.isfinite(radius))
    near = there[(there >= peak.first) & (there <= peak.last)]
    if near.size == 0:
        return None
    centre = int(near[np.argmin(np.abs(near - peak.place))])
    first, last = kernel.constant_stretch(radius, error, centre, significance=parameters.significance)
    return max(first, peak.first), min(last, peak.last)


def _plateau_flags(peaks: tuple[Peak, ...], plateau: tuple[int, int], labels: Floats) -> list[Flag]:
    flags = []
    if len(peaks) > 1:
        others = ", ".join(f"{labels[each.place]:.0f}" for each in peaks[1:])
        said = f"further peaks stand at frames {others}; the highest was analysed"
        flags.append(Flag.info("more_peaks", said))
    share = (plateau[1] - plateau[0] + 1) / (peaks[0].last - peaks[0].first + 1)
    if share < 0.5:
        frames = plateau[1] - plateau[0] + 1
        said = (
            f"Rg is constant over {frames} frames only, {100 * share:.0f} % of the peak's "
            "width at half height: more than one species elutes in it"
        )
        flags.append(Flag.caution("radius_varies_across_peak", said))
    return flags


def _mean_curve(q: Floats, net: Floats, errors: Floats, common: Floats, unit: str) -> xr.Dataset:
    intensity, error = mean(net, errors)
    return labelled(q, intensity, np.hypot(error, common), unit, frames_averaged=len(net))


def _findings(sizes: dict[str, Floats], part: slice, span: tuple[int, int]) -> tuple[Finding, ...]:
    told = f"mean over frames {span[0]} to {span[1]}, where Rg is constant"
    radius, radius_error = _weighted(
        sizes["radius_of_gyration"][part], sizes["radius_of_gyration_errors"][part]
    )
    findings = [
        Finding(
            "radius_of_gyration",
            radius,
            float(np.hypot(radius_error, GUINIER_LAW * radius)),
            "angstrom",
            "Guinier of single frames",
            (told,),
        )
    ]
    masses = sizes["molecular_mass"][part]
    if np.isfinite(masses).any():
        kda = float(np.nanmedian(masses))
        scatter = float(np.nanstd(masses) / np.sqrt(np.isfinite(masses).sum()))
        error = float(np.hypot(mass.widened(mass.CORRELATION_SPREAD, kda) * kda, scatter))
        method = "volume of correlation of single frames"
        assumed = ("apparent mass of what is in the beam", "a protein", told)
        findings.append(Finding("molecular_mass", kda, error, "kDa", method, assumed))
    return tuple(findings)


def _weighted(values: Floats, errors: Floats) -> tuple[float, float]:
    weights = errors**-2.0
    centre = float(np.average(values, weights=weights))
    freedom = max(len(values) - 1, 1)
    chi2 = float(weights @ (values - centre) ** 2) / freedom
    return centre, float(weights.sum() ** -0.5 * max(1.0, chi2**0.5))


def _lag(labels: Floats, integrated: Floats, uv: xr.DataArray) -> tuple[float, float]:
    axis = np.asarray(uv[uv.dims[0]].values, dtype=float)
    step = float(min(np.median(np.diff(axis)), np.median(np.diff(labels))))
    even = np.arange(max(axis[0], labels[0]), min(axis[-1], labels[-1]) + step / 2, step)
    if len(even) < 10:
        raise CurveError("the UV trace and the frames share fewer than ten steps of time")
    try:
        return kernel.lag(np.interp(even, axis, uv.values), np.interp(even, labels, integrated), step)
    except ValueError as error:
        raise CurveError(str(error), "Check the UV trace") from error


def _trace(columns: dict[str, Floats], labels: Floats) -> xr.Dataset:
    units = {"radius": "angstrom", "molecular": "kDa"}
    return xr.Dataset(
        {
            name: ("frame", values, {"units": units.get(name.split("_")[0], "arbitrary")})
            for name, values in columns.items()
        },
        coords={"frame": ("frame", labels.astype(int), {"units": "dimensionless"})},
        attrs={"q_units": INVERSE_ANGSTROM},
    )
