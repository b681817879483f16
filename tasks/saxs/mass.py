"""Every route from a curve to the mass of a protein that its facts allow, as findings."""

from __future__ import annotations

import numpy as np

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Metadata
from tasks.saxs.curve import Floats
from tasks.saxs.kernels import invariant, mass
from tasks.saxs.kernels.guinier import Guinier
from tasks.saxs.kernels.mass import Mass
from tasks.saxs.parameters import ShapeParameters

POROD_REACH = 8.0
LEAST_POROD_REACH = 6.0
CORRELATION_Q = 0.3
LEAST_CORRELATION_Q = 0.2
CORRECTED_Q = (0.15, 0.45)
GLOBULAR = "a globular protein"

Result = tuple[list[Finding], list[Flag]]


def estimate(
    points: tuple[Floats, Floats, Floats],
    guinier: Guinier,
    unit: str,
    metadata: Metadata,
    parameters: ShapeParameters,
    scale: float = 0.0,
) -> tuple[tuple[Finding, ...], tuple[Flag, ...]]:
    """Volumes and, for proteins, masses with their combination; what is missing is said in flags.

    `scale` is the relative uncertainty of the absolute scale.
    """
    here = tuple(each[guinier.first :] for each in points)
    calibrated = parameters.particle == "protein" and metadata.technique != "sans"
    routes = [_porod, _correlation, _corrected] if calibrated else [_porod]
    findings: list[Finding] = []
    flags: list[Flag] = []
    for route in routes:
        try:
            findings += route(here[0], here[1], here[2], guinier)
        except ValueError as error:
            flags.append(Flag.info("route_not_possible", f"{route.__name__.strip('_')} volume: {error}"))
    if not calibrated:
        findings = [each for each in findings if each.quantity != "molecular_mass"]
        why = "its calibrations are for X-rays and proteins"
        return tuple(findings), (*flags, Flag.info("no_mass", f"no mass is estimated: {why}"))
    found, said = _by_intensity(guinier, unit, metadata, parameters, scale)
    return (*findings, *_combination(findings), *found), (*flags, *said)


def _claim(found: Mass, method: str, *assumptions: str) -> Finding:
    return Finding(
        "molecular_mass",
        found.kda,
        found.error,
        "kDa",
        method,
        ("apparent mass of what is in the beam", *assumptions),
    )


def _known(guinier: Guinier) -> dict[str, float]:
    return {"forward": guinier.forward, "forward_error": guinier.forward_error, "radius": guinier.radius}


def _porod(q: Floats, intensity: Floats, errors: Floats, guinier: Guinier) -> list[Finding]:
    if q[-1] * guinier.radius < LEAST_POROD_REACH:
        raise ValueError(
            f"the curve ends at q Rg = {q[-1] * guinier.radius:.1f}, {LEAST_POROD_REACH:g} is needed"
        )
    found = invariant.porod_volume(
        q, intensity, errors, q_max=POROD_REACH / guinier.radius, **_known(guinier)
    )
    how = f"Porod invariant to q {found.q_max:.3g} 1/angstrom, constant subtracted, tail extrapolated"
    volume = Finding("porod_volume", found.value, found.error, "angstrom**3", how, ("a sharp surface",))
    ratio = f"{mass.POROD_ANGSTROM3_PER_DALTON:g} angstrom³ of Porod volume a dalton"
    return [volume, _claim(mass.by_porod(found.value, found.error), "Porod volume", GLOBULAR, ratio)]


def _correlation(q: Floats, intensity: Floats, errors: Floats, guinier: Guinier) -> list[Finding]:
    if q[-1] < LEAST_CORRELATION_Q:
        raise ValueError(f"the curve ends at q {q[-1]:.3g}, {LEAST_CORRELATION_Q:g} 1/angstrom is needed")
    found = invariant.volume_of_correlation(q, intensity, errors, q_max=CORRELATION_Q, **_known(guinier))
    ends = f"q I(q) integrated to {found.q_max:.3g} 1/angstrom"
    volume = Finding("volume_of_correlation", found.value, found.error, "angstrom**2", ends, ())
    kda = mass.by_correlation(found.value, found.error, guinier.radius, guinier.radius_error)
    return [volume, _claim(kda, "volume of correlation", "a protein of any shape", ends)]


def _corrected(q: Floats, intensity: Floats, errors: Floats, guinier: Guinier) -> list[Finding]:
    q_max = float(np.clip(POROD_REACH / guinier.radius, *CORRECTED_Q))
    found = invariant.truncated_porod_volume(q, intensity, errors, q_max=q_max, **_known(guinier))
    kda = mass.by_corrected_volume(found.value, found.error, found.q_max)
    ends = f"invariant truncated at q {found.q_max:.3g} 1/angstrom"
    return [_claim(kda, "corrected Porod volume", GLOBULAR, ends)]


def _combination(findings: list[Finding]) -> list[Finding]:
    routes = [each for each in findings if each.quantity == "molecular_mass"]
    if len(routes) < 2:
        return []
    found = mass.combined(tuple(Mass(each.value, each.uncertainty or 0.0) for each in routes))
    names = ", ".join(each.method for each in routes)
    shared = (
        f"weighted by precision: {names}; they share one curve, so the error is at least the best route's"
    )
    return [_claim(found, "concentration-independent combination", GLOBULAR, shared)]


def _by_intensity(
    guinier: Guinier, unit: str, metadata: Metadata, parameters: ShapeParameters, scale: float
) -> Result:
    absolute = unit == "1/cm" and metadata.technique != "sans"
    if not absolute and parameters.standard_forward is None:
        why = (
            "neutron contrast is not that of X-rays"
            if unit == "1/cm"
            else f"the curve is in {unit}, not 1/cm"
        )
        return [], [
            Flag.info("no_mass_from_intensity", f"no mass from I(0): {why}, and no standard is given")
        ]
    try:
        concentration = parameters.concentration_mg_ml or metadata.require("concentration_mg_ml")
    except MissingMetadataError as error:
        return [], [Flag.info("no_mass_from_intensity", f"no mass from I(0): {error}")]
    if not concentration > 0:
        said = f"no mass from I(0): the concentration is {concentration:g} mg/ml"
        return [], [Flag.caution("no_mass_from_intensity", said)]
    findings = [_absolute(guinier, concentration, parameters, scale)] if absolute else []
    if parameters.standard_forward is not None:
        findings.append(_by_standard(guinier, concentration, parameters))
    return findings, []


def _concentration(concentration: float, parameters: ShapeParameters) -> str:
    error = parameters.concentration_error_mg_ml
    return f"{concentration:g} mg/ml" + (" taken as exact" if error is None else f" ± {error:g}")


def _absolute(guinier: Guinier, concentration: float, parameters: ShapeParameters, scale: float) -> Finding:
    volume = parameters.partial_specific_volume_ml_g
    found = mass.by_absolute_scale(
        guinier.forward,
        float(np.hypot(guinier.forward_error, scale * guinier.forward)),
        concentration,
        concentration_error=parameters.concentration_error_mg_ml or 0.0,
        partial_specific_volume_ml_g=volume,
    )
    contrast = f"protein in water, partial specific volume {volume:g} ± 0.01 ml/g"
    return _claim(found, "absolute I(0)", contrast, _concentration(concentration, parameters))


def _by_standard(guinier: Guinier, concentration: float, parameters: ShapeParameters) -> Finding:
    found = mass.by_standard(
        guinier.forward,
        guinier.forward_error,
        concentration,
        standard_forward=parameters.standard_forward or 0.0,
        standard_concentration=parameters.standard_concentration_mg_ml or 0.0,
        standard_kda=parameters.standard_mass_kda or 0.0,
        concentration_error=parameters.concentration_error_mg_ml or 0.0,
    )
    same = "contrast and normalisation of the standard, whose values are taken as exact"
    return _claim(found, "I(0) relative to a standard", same, _concentration(concentration, parameters))
