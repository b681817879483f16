"""How a claim by one definition becomes one by another: stated models, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tasks.fusion.claims import Claim, Share
from tasks.fusion.kernels.shell import hydrated_radius
from tasks.fusion.parameters import RelationParameters

PARTICLE_MASS = "mass of the particle"
HYDRATED = "hydrated, X-ray contrast"
DIMENSION = "where P(r) ends"


@dataclass(frozen=True)
class Related:
    """A value in the new definition, the uncertainty the model adds, and the model in words."""

    value: float
    added: float
    words: str


Model = Callable[[Claim, RelationParameters], Related]


def _apparent(claim: Claim, parameters: RelationParameters) -> Related:
    said = f"apparent mass taken for the true one within {100 * parameters.apparent_mass:g} %"
    return Related(claim.value, parameters.apparent_mass * claim.value, said)


def _native(claim: Claim, parameters: RelationParameters) -> Related:
    said = f"ion taken for the particle, adducts within {100 * parameters.native_mass:g} %"
    return Related(claim.value, parameters.native_mass * claim.value, said)


def _sequence(claim: Claim, parameters: RelationParameters) -> Related:
    said = f"sequence taken for the particle, modifications within {100 * parameters.sequence_mass:g} %"
    return Related(claim.value, parameters.sequence_mass * claim.value, said)


def _hydration(claim: Claim, parameters: RelationParameters) -> Related:
    contrast, error = parameters.shell_contrast, parameters.shell_contrast_error

    def at(delta: float) -> float:
        return hydrated_radius(claim.value, max(0.0, delta), parameters.shell_angstrom)

    value = at(contrast)
    spread = (at(contrast + error) - at(contrast - error)) / 2
    crystal = parameters.crystal_to_solution * claim.value
    said = (
        f"a shell of {parameters.shell_angstrom:g} angstrom and {contrast:g} ± {error:g} electrons/angstrom³ "
        f"around a sphere adds {value - claim.value:.2f} ± {spread:.2f} angstrom"
    )
    return Related(value, float(np.hypot(spread, crystal)), said)


def _measured(claim: Claim, parameters: RelationParameters) -> Related:
    said = f"sizes of different instruments and preparations differ by {100 * parameters.instrument:g} %"
    return Related(claim.value, parameters.instrument * claim.value, said)


def _in_solution(claim: Claim, parameters: RelationParameters) -> Related:
    added = parameters.crystal_to_solution * claim.value
    said = f"coordinates taken for the particle in solution within {100 * parameters.crystal_to_solution:g} %"
    return Related(claim.value, added, said)


def _dimension(claim: Claim, parameters: RelationParameters) -> Related:
    # Water adds up to a shell at each end, of which P(r), fading out, shows about half.
    shift = parameters.shell_angstrom
    said = f"a hydration shell adds {shift:g} ± {shift:g} angstrom"
    added = float(np.hypot(shift, parameters.seen_dimension * claim.value))
    return Related(claim.value + shift, added, said)


def _seen(claim: Claim, parameters: RelationParameters) -> Related:
    said = f"the end of P(r) is found within {100 * parameters.seen_dimension:g} %"
    return Related(claim.value, parameters.seen_dimension * claim.value, said)


@dataclass(frozen=True)
class Relation:
    """From one definition to another; `common` names the claims for which the model errs alike."""

    start: str
    end: str
    model: Model
    common: Literal["all claims", "same data", "none"] = "all claims"
    method: str = ""


RELATIONS: tuple[Relation, ...] = (
    Relation("apparent mass of what scatters", PARTICLE_MASS, _apparent),
    Relation("mass of the ion, adducts included", PARTICLE_MASS, _native, "none"),
    Relation("mass of the assembly by its sequence", PARTICLE_MASS, _sequence),
    Relation("bare atoms, weighted by electrons", HYDRATED, _hydration),
    Relation(HYDRATED, HYDRATED, _in_solution, method="hydrated model, predicted"),
    Relation(HYDRATED, HYDRATED, _measured, "same data"),
    Relation("largest distance of bare atoms", DIMENSION, _dimension),
    Relation(DIMENSION, DIMENSION, _seen, "same data"),
)
# Where a product brings the better form of a claim, the plainer one is not counted again.
BETTER = {("radius_of_gyration", "bare atoms"): "hydrated model, predicted"}


def related(claims: list[Claim], parameters: RelationParameters) -> list[Claim]:
    """Claims brought to the definition they can be compared in; those without a relation stay as they are."""
    return [_related(claim, claims, parameters) for claim in claims]


def _related(claim: Claim, claims: list[Claim], parameters: RelationParameters) -> Claim:
    better = BETTER.get((claim.quantity, claim.method))
    if better and any(other.key == claim.key and other.method == better for other in claims):
        return claim.put_aside(f"the same product gives it as {better}")
    for relation in RELATIONS:
        if claim.definition == relation.start and (not relation.method or claim.method == relation.method):
            return _through(claim, relation, parameters)
    return claim


def _through(claim: Claim, relation: Relation, parameters: RelationParameters) -> Claim:
    found = relation.model(claim, parameters)
    own = claim.uncertainty or 0.0
    of = "" if relation.common == "all claims" else f" ({claim.data[:12]})"
    counts = relation.common != "none" and found.added > 0
    share = (
        (Share(f"relation: {relation.start}, {relation.method or 'any'}{of}", found.added),) if counts else ()
    )
    return replace(
        claim,
        value=found.value,
        uncertainty=float(np.hypot(own, found.added)) or None,
        definition=relation.end,
        shares=claim.shares + share,
        steps=(*claim.steps, found.words),
    )


def with_shared(
    claims: list[Claim], sources: tuple[tuple[str, str, tuple[str, ...], float], ...]
) -> list[Claim]:
    """Claims with the causes of error that the user knows of: (source, quantity, products, relative part).

    The part is within what a claim already states where that allows it; else the
    claim's uncertainty grows to hold it.
    """
    for source, quantity, products, relative in sources:
        claims = [
            _with(claim, source, relative)
            if claim.quantity == quantity and claim.source in products and claim.uncertainty
            else claim
            for claim in claims
        ]
    return claims


def _with(claim: Claim, source: str, relative: float) -> Claim:
    part = relative * abs(claim.value)
    shares = (*claim.shares, Share(source, part))
    least = float(np.sqrt(sum(each.uncertainty**2 for each in shares)))
    return replace(claim, shares=shares, uncertainty=max(claim.uncertainty or 0.0, least))
