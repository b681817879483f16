"""A concentration series brought to zero concentration, and how the particles interact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Finding, Flag
from tasks.saxs.curve import CurveError, Floats, checked, labelled, points, same_axis, unit_of
from tasks.saxs.kernels.guinier import Guinier, search
from tasks.saxs.kernels.series import Line, extrapolated, line, second_virial
from tasks.saxs.parameters import SeriesParameters


@dataclass(frozen=True)
class Extrapolated:
    """What the series says at zero concentration.

    `series` holds, over "concentration", Rg and I(0)/c with errors; `curve` the curve per
    mg/ml at zero concentration, over "q".
    """

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    series: xr.Dataset
    curve: xr.Dataset


def extrapolate(
    curves: Sequence[xr.Dataset], concentrations: Sequence[float], parameters: SeriesParameters
) -> Extrapolated:
    """Rg, I(0)/c and the curve itself at zero concentration (mg/ml) of `curves` on one q."""
    _consistent(curves, concentrations)
    order = np.argsort(concentrations)
    ordered = [curves[k] for k in order]
    c = np.asarray(concentrations, dtype=float)[order]
    fits = [search(*points(each), limit=parameters.guinier_limit) for each in ordered]
    flags = [_unfit(value) for value, fit in zip(c, fits, strict=True) if fit is None]
    good = [(value, fit) for value, fit in zip(c, fits, strict=True) if fit is not None]
    unit = f"{unit_of(ordered[0])} ml / mg"
    zero = _at_zero(ordered, c, unit)
    if len(good) < 2:
        said = (
            f"{len(good)} of {len(c)} curves have a Guinier range, two are needed to extrapolate Rg and I(0)"
        )
        return Extrapolated((), (*flags, Flag.invalid("no_extrapolation", said)), xr.Dataset(), zero)
    findings, said_of = _extrapolated(good, unit, parameters)
    return Extrapolated(findings, (*flags, *said_of), _table(good, unit), zero)


def _consistent(curves: Sequence[xr.Dataset], concentrations: Sequence[float]) -> None:
    if len(curves) != len(concentrations):
        raise CurveError(f"{len(curves)} curves have {len(concentrations)} concentrations")
    if len(set(concentrations)) < 2:
        raise CurveError("an extrapolation needs two different concentrations or more")
    if not all(np.isfinite(each) and each > 0 for each in concentrations):
        raise CurveError(f"concentrations must be positive, not {list(concentrations)}")
    for each in curves:
        same_axis(checked(curves[0]), checked(each))


def _unfit(concentration: float) -> Flag:
    said = f"the curve at {concentration:g} mg/ml has no Guinier range and is left out of Rg and I(0)"
    return Flag.caution("no_guinier_range", said)


def _extrapolated(
    good: list[tuple[float, Guinier]], unit: str, parameters: SeriesParameters
) -> tuple[tuple[Finding, ...], list[Flag]]:
    c = np.array([value for value, _ in good])
    radius = line(c, _each(good, "radius"), _each(good, "radius_error"))
    forward, forward_error = _each(good, "forward"), _each(good, "forward_error")
    level = line(c, forward / c, forward_error / c)
    inverse = line(c, c / forward, c / forward * forward_error / forward)
    used = f"weighted line through {len(c)} concentrations from {c.min():g} to {c.max():g} mg/ml"
    told = (used, "concentrations taken as exact")
    findings = [
        Finding(
            "radius_of_gyration",
            radius.intercept,
            float(np.hypot(radius.intercept_error, max(fit.radius_truncation for _, fit in good))),
            "angstrom",
            "Guinier at zero concentration",
            told,
        ),
        Finding(
            "forward_intensity",
            level.intercept,
            level.intercept_error,
            unit,
            "I(0)/c at zero concentration",
            told,
        ),
    ]
    if parameters.mass_kda is not None:
        virial, error = second_virial(inverse, parameters.mass_kda * 1000)
        method = "Zimm line of c/I(0)"
        findings.append(Finding("second_virial_coefficient", virial, error, "mol*ml/g**2", method, told))
    return tuple(findings), [*_interaction(inverse, parameters), *_scatter(level, radius)]


def _each(good: list[tuple[float, Guinier]], name: str) -> Floats:
    return np.array([getattr(fit, name) for _, fit in good])


def _interaction(inverse: Line, parameters: SeriesParameters) -> list[Flag]:
    significance = inverse.slope / inverse.slope_error
    change = 100 * inverse.slope / inverse.intercept
    said = f"c/I(0) changes by {change:+.2f} % a mg/ml ({abs(significance):.1f} standard errors)"
    if abs(significance) < parameters.significance:
        return [Flag.info("no_interaction_seen", f"{said}: no interaction between particles is seen")]
    if significance > 0:
        return [Flag.caution("repulsion", f"{said}: particles repel each other; use the values at zero")]
    return [Flag.caution("attraction", f"{said}: particles attract each other or associate")]


def _scatter(level: Line, radius: Line) -> list[Flag]:
    flags = []
    for name, each in (("I(0)/c", level), ("Rg", radius)):
        if each.chi2 > 4:
            doubt = "are the concentrations right?"
            said = f"{name} scatters about its line with reduced chi-square {each.chi2:.1f}: {doubt}"
            flags.append(Flag.caution("series_scatters", said))
    return flags


def _table(good: list[tuple[float, Guinier]], unit: str) -> xr.Dataset:
    c = np.array([value for value, _ in good])
    length, level = {"units": "angstrom"}, {"units": unit}
    return xr.Dataset(
        {
            "radius_of_gyration": ("concentration", _each(good, "radius"), length),
            "radius_of_gyration_errors": ("concentration", _each(good, "radius_error"), length),
            "forward_intensity": ("concentration", _each(good, "forward") / c, level),
            "forward_intensity_errors": ("concentration", _each(good, "forward_error") / c, level),
        },
        coords={"concentration": ("concentration", c, {"units": "mg/ml"})},
    )


def _at_zero(curves: list[xr.Dataset], c: Floats, unit: str) -> xr.Dataset:
    intensity = np.array([each["intensity"].values for each in curves], dtype=float)
    errors = np.array([each["intensity_errors"].values for each in curves], dtype=float)
    curve, error = extrapolated(c, intensity, errors)
    return labelled(curves[0]["q"].values, curve, error, unit, concentration_mg_ml=0.0)
