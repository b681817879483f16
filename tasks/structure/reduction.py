"""Mass, size and scattering of an atomic model, as findings that can meet those of a measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.kernels import composition
from tasks.structure.kernels import hydration, size, solution
from tasks.structure.kernels.solution import Fit
from tasks.structure.parameters import CurveParameters, StructureParameters
from tasks.structure.particle import Particle, StructureError, particle_of

# Atomic weights of natural samples vary by about this share.
WEIGHT_SPREAD = 1e-5
Q_POINTS = 120
GOOD_FIT = 1.5
INVERSE_ANGSTROM = "1/angstrom"


@dataclass(frozen=True)
class Reduced:
    """What a model says: findings, flags, its calculated curve over q, and the fit where there is one.

    `curve` holds `intensity` in electrons² for the predicted hydration; `fit` holds
    `intensity`, `intensity_errors` (measured) and `model`.
    """

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    curve: xr.Dataset
    fit: xr.Dataset
    facts: dict[str, object]


def reduce(
    run: Measurement,
    parameters: StructureParameters,
    comparing: CurveParameters,
    measured: xr.Dataset | None = None,
) -> Reduced:
    """Findings of a model, compared with a `measured` curve over "q" if one is given."""
    particle = particle_of(run, parameters)
    masses, mass_flags = _masses(particle)
    model = _model(particle, comparing)
    findings = [*masses, *_sizes(particle, model, comparing), *_oligomer(particle)]
    flags = merged(run.flags, particle.flags, mass_flags)
    fitted = xr.Dataset()
    facts: dict[str, object] = {"assembly": particle.name, "atoms": len(particle.positions)}
    if measured is not None:
        found, fitted = _compared(model, measured, comparing)
        findings += _fit_findings(found, _spread(model, fitted, found))
        flags = merged(flags, _fit_flags(found))
        facts |= {"chi2": found.chi2, "points": found.points, "scale": found.scale}
    return Reduced(tuple(findings), flags, _curve(model, comparing), fitted, facts)


def _masses(particle: Particle) -> tuple[list[Finding], tuple[Flag, ...]]:
    found = [_atoms_mass(particle)]
    try:
        chains = [
            composition.chain_mass(sequence, disulfides) / 1000
            for sequence, disulfides in zip(particle.sequences, particle.disulfides, strict=True)
        ]
    except KeyError as error:
        said = f"no mass from the sequence: the composition of residue {error} is not known"
        return found, (Flag.caution("no_sequence_mass", said),)
    if not chains:
        return found, ()
    bonds = f"{sum(particle.disulfides)} disulfides stated by the file"
    told = (f"{len(chains)} chains of assembly {particle.name}", bonds, "no modification, no ligand")
    found.append(Finding("molecular_mass", sum(chains), WEIGHT_SPREAD * sum(chains), "kDa", "sequence", told))
    if max(chains) - min(chains) < WEIGHT_SPREAD * max(chains):
        one = chains[0]
        found.append(
            Finding("protomer_mass", one, WEIGHT_SPREAD * one, "kDa", "sequence", (*told[1:], "one chain"))
        )
    return found, ()


def _atoms_mass(particle: Particle) -> Finding:
    heavy = sum(composition.WEIGHTS[each] for each in particle.elements)
    total = (heavy + composition.WEIGHTS["H"] * sum(particle.hydrogens)) / 1000
    lacking = (
        f"{particle.missing} residues without atoms are not counted" if particle.missing else "all residues"
    )
    return Finding("molecular_mass", total, WEIGHT_SPREAD * total, "kDa", "atoms", (lacking,))


def _model(particle: Particle, comparing: CurveParameters) -> solution.Particle:
    shell = hydration.shell_points(particle.positions, comparing.shell_angstrom)
    q = np.linspace(0.005, comparing.q_max, Q_POINTS)
    return solution.particle(
        particle.positions,
        list(particle.elements),
        list(particle.hydrogens),
        shell,
        hydration.SPACING,
        q,
    )


def _sizes(particle: Particle, model: solution.Particle, comparing: CurveParameters) -> list[Finding]:
    electrons = np.array(
        [
            composition.ELECTRONS[element] + count
            for element, count in zip(particle.elements, particle.hydrogens, strict=True)
        ],
        float,
    )
    bare = "of the coordinates as they stand; how they differ from solution is not in them"
    contrast, error = comparing.contrast, comparing.contrast_error
    predicted = model.radius(contrast)
    spread = abs(model.radius(contrast + error) - model.radius(max(0.0, contrast - error))) / 2
    told = f"shell of {comparing.shell_angstrom:g} angstrom, {contrast:g} ± {error:g} electrons/angstrom³"
    return [
        Finding(
            "radius_of_gyration",
            size.radius_of_gyration(particle.positions, electrons),
            None,
            "angstrom",
            "bare atoms",
            ("weighted by electrons", bare),
        ),
        Finding("radius_of_gyration", predicted, spread, "angstrom", "hydrated model, predicted", (told,)),
        Finding(
            "maximum_dimension",
            size.largest_distance(particle.positions),
            None,
            "angstrom",
            "bare atoms",
            (bare,),
        ),
    ]


def _oligomer(particle: Particle) -> list[Finding]:
    if len(set(particle.sequences)) != 1:
        return []
    told = (f"chains in assembly {particle.name}; a count, so exact",)
    return [Finding("oligomeric_state", len(particle.sequences), 0.0, "dimensionless", "assembly", told)]


def _compared(
    model: solution.Particle, measured: xr.Dataset, comparing: CurveParameters
) -> tuple[Fit, xr.Dataset]:
    q = np.asarray(measured["q"].values, float)
    intensity = np.asarray(measured["intensity"].values, float)
    errors = np.asarray(measured["intensity_errors"].values, float)
    used = np.isfinite(intensity) & (errors > 0) & (q >= (comparing.q_min or 0.0)) & (q <= comparing.q_max)
    try:
        found = solution.fit(
            model,
            q[used],
            intensity[used],
            errors[used],
            background=comparing.background,
            expand=comparing.expand,
        )
    except ValueError as error:
        raise StructureError(f"the model cannot be compared with the curve: {error}") from error
    unit = {"units": str(measured["intensity"].attrs.get("units", "arbitrary"))}
    data = xr.Dataset(
        {
            "intensity": ("q", intensity[used], unit),
            "intensity_errors": ("q", errors[used], unit),
            "model": ("q", found.curve, unit),
        },
        coords={"q": ("q", q[used], {"units": INVERSE_ANGSTROM})},
    )
    return found, data


def _spread(model: solution.Particle, data: xr.Dataset, found: Fit) -> float:
    """Standard deviation (angstrom) of the radius over ways to fit: constant or none, volume free or not."""
    points = [data[name].values for name in ("q", "intensity", "intensity_errors")]
    radii = [
        solution.fit(model, *points, background=background, expand=expand).radius
        for background in (True, False)
        for expand in (True, False)
    ]
    return float(np.std([*radii, found.radius], ddof=1))


def _fit_findings(found: Fit, spread: float) -> list[Finding]:
    quality = f"reduced chi-square {found.chi2:.2f} over {found.points} points"
    told = (quality, f"excluded volume radius times {found.expansion:.3f}")
    error = float(np.hypot(found.radius_error, spread))
    ways = f"{spread:.2g} angstrom of the uncertainty from the choice of what to fit"
    return [
        Finding(
            "radius_of_gyration", found.radius, error, "angstrom", "hydrated model, fitted", (*told, ways)
        ),
        Finding(
            "hydration_contrast",
            found.contrast,
            found.contrast_error if not found.at_bound else None,
            "1/angstrom**3",
            "fit to the curve",
            (*told, *(f"{name} ran to its limit, so no uncertainty" for name in found.at_bound)),
        ),
    ]


def _fit_flags(found: Fit) -> tuple[Flag, ...]:
    flags = []
    if found.chi2 > GOOD_FIT:
        said = f"the model does not tell the curve: reduced chi-square {found.chi2:.2f}"
        flags.append(Flag.caution("structure_does_not_fit", said))
    for name in found.at_bound:
        said = f"the {name} ran to the limit of what is physical in the fit to the curve"
        flags.append(Flag.info("fit_at_limit", said))
    return tuple(flags)


def _curve(model: solution.Particle, comparing: CurveParameters) -> xr.Dataset:
    unit = {"units": "dimensionless", "long_name": "intensity in electrons squared"}
    said = f"calculated; hydration contrast {comparing.contrast:g} ± {comparing.contrast_error:g}"
    low, high = (
        model.intensity(max(0.0, comparing.contrast + sign * comparing.contrast_error)) for sign in (-1, 1)
    )
    q = model.partials.q[2:]
    return xr.Dataset(
        {
            "intensity": ("q", model.intensity(comparing.contrast)[2:], unit),
            "intensity_errors": ("q", np.abs(high - low)[2:] / 2, unit),
        },
        coords={"q": ("q", q, {"units": INVERSE_ANGSTROM})},
        attrs={"about": said},
    )
