"""Size, shape and mass of a particle from one background-subtracted curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Finding, Flag, Metadata, merged
from tasks.saxs import mass
from tasks.saxs.curve import INVERSE_ANGSTROM, Floats, checked, points, unit_of
from tasks.saxs.doubt import POOR_FIT, doubts
from tasks.saxs.kernels import guinier as guinier_kernel
from tasks.saxs.kernels import indirect
from tasks.saxs.kernels.guinier import Guinier
from tasks.saxs.kernels.indirect import Distances
from tasks.saxs.kernels.invariant import KRATKY_PEAK_HEIGHT, KRATKY_PEAK_Q, Kratky, kratky
from tasks.saxs.parameters import ShapeParameters

# In units of Rg: a sphere has 2.58, a long rod 3.46, a chain or a mixture more.
SIZE_SEARCH = (2.0, 5.5)

# Ellipsoids of known length come out up to a sixth short, as hardly any pair of points is
# that far apart; a third of that is taken as a standard uncertainty.
THIN_END = 0.06
# Shannon channels that a P(r) without a Guinier range must rest on.
LEAST_CHANNELS = 4.0


@dataclass(frozen=True)
class Characterisation:
    """What one curve says. The datasets are empty where the step was not possible.

    `guinier` holds the fit over its range (q; intensity, fit), `distances` P(r) (r;
    p_of_r, p_of_r_errors), `fit` the curve that P(r) implies (q; intensity), `kratky`
    the normalised plot (q_rg; kratky, kratky_errors).
    """

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    guinier: xr.Dataset
    distances: xr.Dataset
    fit: xr.Dataset
    kratky: xr.Dataset


def characterise(curve: xr.Dataset, metadata: Metadata, parameters: ShapeParameters) -> Characterisation:
    """Guinier, P(r), volumes and masses of `curve` over "q", each with uncertainty and doubts.

    The attribute `scale_uncertainty` of `curve` (relative; none is 0) is that of its
    absolute scale: common to all points, so it enters I(0) and what follows from it.
    """
    scale = float(curve.attrs.get("scale_uncertainty") or 0.0)
    unit = unit_of(checked(curve))
    used = _from(points(curve), parameters.guinier_q_min)
    candidate = guinier_kernel.search(*used, limit=parameters.guinier_limit)
    line, missing = _believed(candidate, parameters)
    within = _for_distances(used, candidate, parameters)
    spread, hindered = _distances(within, candidate, parameters)
    if line is None and spread is not None:
        spread, hindered = _alone(spread, within[0][-1])
    findings = _sizes(line, spread, unit, used[0], parameters, scale)
    # A line too uncertain to be believed still tells on which side the first points lie.
    judged = line if spread is None else candidate
    flags = merged(missing, hindered, doubts(used, judged, spread))
    plot: Kratky | None = None
    if line is not None:
        masses, said = mass.estimate(used, line, unit, metadata, parameters, scale)
        plot = kratky(*used, forward=line.forward, radius=line.radius, radius_error=line.radius_error)
        findings, flags = findings + masses, merged(flags, said, _compactness(plot))
    return Characterisation(
        findings=findings,
        flags=flags,
        guinier=_guinier_data(used, line, unit),
        distances=_distance_data(spread, unit),
        fit=_fit_data(spread, within[0], unit),
        kratky=_kratky_data(plot),
    )


def _from(used: tuple[Floats, Floats, Floats], q_min: float | None) -> tuple[Floats, Floats, Floats]:
    start = 0 if q_min is None else int(np.searchsorted(used[0], q_min))
    return used[0][start:], used[1][start:], used[2][start:]


def _believed(found: Guinier | None, parameters: ShapeParameters) -> tuple[Guinier | None, tuple[Flag, ...]]:
    if found is None:
        said = (
            "no stretch of the curve is straight in ln I against q²: no Rg or I(0) by Guinier, and no masses"
        )
        return None, (Flag.invalid("no_guinier_range", said),)
    if found.quality < parameters.least_quality:
        said = (
            f"the best stretch (Rg {found.radius:.3g} ± {found.radius_error:.2g} angstrom) has quality "
            f"{found.quality:.2f}, below {parameters.least_quality:g}; it is not believed"
        )
        return None, (Flag.invalid("no_guinier_range", said),)
    return found, ()


def _distances(
    used: tuple[Floats, Floats, Floats], line: Guinier | None, parameters: ShapeParameters
) -> tuple[Distances | None, tuple[Flag, ...]]:
    q, intensity, errors = used
    if line is not None:
        low, high = SIZE_SEARCH[0] * line.radius, SIZE_SEARCH[1] * line.radius
    else:
        low, high = 6 / q[-1], 1.3 * np.pi / q[0]
    try:
        found = indirect.distances(
            q,
            intensity,
            errors,
            smallest=low,
            largest=high,
            size=parameters.dmax_angstrom,
            non_negative=parameters.non_negative,
        )
    except ValueError as error:
        return None, (Flag.invalid("no_distances", f"P(r) could not be found: {error}"),)
    if not np.isfinite(found.radius):
        return None, (Flag.invalid("no_distances", "P(r) has no positive second moment, so no size"),)
    return found, ()


def _alone(spread: Distances, q_max: float) -> tuple[Distances | None, tuple[Flag, ...]]:
    """P(r) that no Guinier fit supports: kept, with a flag, only where the curve is informative."""
    channels = q_max * spread.dimension / np.pi
    if channels < LEAST_CHANNELS or spread.chi2 > POOR_FIT:
        said = (
            f"P(r) is not believed without a Guinier range: the curve holds {channels:.1f} independent "
            f"numbers "
            f"({LEAST_CHANNELS:g} needed), reduced chi-square {spread.chi2:.2f}"
        )
        return None, (Flag.invalid("no_distances", said),)
    said = "P(r) is given although no Guinier range supports its size"
    return spread, (Flag.caution("distances_without_guinier", said),)


def _for_distances(
    used: tuple[Floats, Floats, Floats], line: Guinier | None, parameters: ShapeParameters
) -> tuple[Floats, Floats, Floats]:
    if line is None:
        return used
    end = int(np.searchsorted(used[0], parameters.distances_q_max_rg / line.radius, side="right"))
    part = slice(line.first, max(end, line.last + 1))
    return used[0][part], used[1][part], used[2][part]


def _sizes(
    line: Guinier | None,
    spread: Distances | None,
    unit: str,
    q: Floats,
    parameters: ShapeParameters,
    scale: float,
) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    told: tuple[str, ...]
    if line is not None:
        span = f"q {q[line.first]:.4g} to {q[line.last]:.4g} 1/angstrom, {line.last - line.first + 1} points"
        told = (span, f"quality {line.quality:.2f} of 1")
        whole = float(np.hypot(line.radius_error, line.radius_truncation))
        straight = f"{line.radius_truncation:.2g} angstrom of the error is what the Guinier law leaves open"
        findings += [
            Finding("radius_of_gyration", line.radius, whole, "angstrom", "Guinier", (*told, straight)),
            _forward(line.forward, line.forward_error, scale, unit, "Guinier", told),
        ]
    if spread is not None and _bounded(spread):
        told = (f"reduced chi-square {spread.chi2:.2f}",)
        findings += [
            Finding("radius_of_gyration", spread.radius, spread.radius_error, "angstrom", "P(r)", told),
            _forward(spread.forward, spread.forward_error, scale, unit, "P(r)", told),
        ]
        if parameters.dmax_angstrom is None:
            seen = "what the data show: a thin end with little of the mass is not seen"
            findings.append(
                Finding(
                    "maximum_dimension",
                    spread.dimension,
                    _dimension_error(spread),
                    "angstrom",
                    "P(r)",
                    (*told, seen),
                )
            )
    return tuple(findings)


def _forward(
    value: float, error: float, scale: float, unit: str, method: str, told: tuple[str, ...]
) -> Finding:
    shared = (f"{100 * scale:.2g} % of it from the absolute scale",) if scale else ()
    whole = float(np.hypot(error, scale * value))
    return Finding("forward_intensity", value, whole, unit, method, (*told, *shared))


def _dimension_error(spread: Distances) -> float:
    return float(np.hypot(spread.dimension_error, THIN_END * spread.dimension))


def _bounded(spread: Distances) -> bool:
    return len(spread.evidence) == 1 or bool(spread.evidence[-1] <= 0.01)


def _compactness(plot: Kratky) -> tuple[Flag, ...]:
    if not np.isfinite(plot.peak_x):
        return (
            Flag.caution(
                "no_kratky_peak", "the Kratky plot has no maximum: the particle is unfolded or flexible"
            ),
        )
    said = (
        f"the Kratky plot peaks at q Rg = {plot.peak_x:.2f} with {plot.peak_y:.2f} ± {plot.peak_error:.2f}; "
        f"a compact particle does at {KRATKY_PEAK_Q:.2f} with {KRATKY_PEAK_HEIGHT:.2f}"
    )
    compact = plot.peak_y - KRATKY_PEAK_HEIGHT <= max(2 * plot.peak_error, 0.1)
    return (Flag.info("compact" if compact else "not_compact", said),)


def _guinier_data(used: tuple[Floats, Floats, Floats], line: Guinier | None, unit: str) -> xr.Dataset:
    if line is None:
        return xr.Dataset()
    part = slice(line.first, line.last + 1)
    return xr.Dataset(
        {
            "intensity": ("q", used[1][part], {"units": unit}),
            "intensity_errors": ("q", used[2][part], {"units": unit}),
            "fit": ("q", line.intensity(used[0][part]), {"units": unit}),
        },
        coords={"q": ("q", used[0][part], {"units": INVERSE_ANGSTROM})},
        attrs={
            "radius_of_gyration_angstrom": line.radius,
            "radius_of_gyration_errors_angstrom": float(np.hypot(line.radius_error, line.radius_truncation)),
            "forward_intensity": line.forward,
            "forward_intensity_errors": line.forward_error,
            "chi2": line.chi2,
            "r2": line.r2,
            "quality": line.quality,
        },
    )


def _distance_data(spread: Distances | None, unit: str) -> xr.Dataset:
    if spread is None:
        return xr.Dataset()
    per = {"units": f"{unit} / angstrom"}
    return xr.Dataset(
        {"p_of_r": ("r", spread.p, per), "p_of_r_errors": ("r", spread.p_errors, per)},
        coords={"r": ("r", spread.r, {"units": "angstrom"})},
        attrs={
            "maximum_dimension_angstrom": spread.dimension,
            "maximum_dimension_errors_angstrom": _dimension_error(spread),
            "chi2": spread.chi2,
            "effective_parameters": spread.parameters,
        },
    )


def _fit_data(spread: Distances | None, q: Floats, unit: str) -> xr.Dataset:
    if spread is None:
        return xr.Dataset()
    return xr.Dataset(
        {"intensity": ("q", spread.fitted, {"units": unit})},
        coords={"q": ("q", q, {"units": INVERSE_ANGSTROM})},
    )


def _kratky_data(plot: Kratky | None) -> xr.Dataset:
    if plot is None:
        return xr.Dataset()
    plain = {"units": "dimensionless"}
    return xr.Dataset(
        {"kratky": ("q_rg", plot.y, plain), "kratky_errors": ("q_rg", plot.y_errors, plain)},
        coords={"q_rg": ("q_rg", plot.x, plain)},
        attrs={"peak_q_rg": plot.peak_x, "peak_height": plot.peak_y, "peak_height_errors": plot.peak_error},
    )
