"""How many protomers the particle has, and how much of it a structure file holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tasks.fusion.claims import Claim
from tasks.fusion.consensus import AGREE, CONFLICT, SINGLE, TENSION, Answer, Judged, claims_covariance
from tasks.fusion.kernels.agreement import Agreement, agreement
from tasks.fusion.kernels.protomers import Count, count
from tasks.fusion.parameters import FusionParameters
from tasks.fusion.relations import PARTICLE_MASS

FARTHEST = 3.0
LEAST_LIKELY = 0.05
FRACTIONS = {Fraction(1, 2): "half", Fraction(1, 3): "a third", Fraction(1, 4): "a quarter"}


@dataclass(frozen=True)
class Particle:
    """Protomers by mass, decided or not, and what that rests on; None where a mass is missing."""

    counted: Count | None
    decided: bool
    protomer_kda: float | None
    mass: Agreement | None
    words: tuple[str, ...]


def weighed(
    claims: Sequence[Claim], protomer: tuple[float, float] | None, parameters: FusionParameters
) -> Particle:
    """Number of protomers by the masses that were measured, those of sequences left out."""
    used = [claim for claim in claims if _measured(claim)]
    if not used:
        return Particle(None, False, protomer[0] if protomer else None, None, ("no mass was measured",))
    mass = agreement(np.array([claim.value for claim in used]), claims_covariance(used))
    if protomer is None:
        return Particle(None, False, None, mass, ("the mass of one protomer is not known; give a sequence",))
    relative = parameters.relations.sequence_mass
    found = count(
        mass.mean,
        mass.error,
        protomer[0],
        math.hypot(protomer[1], relative * protomer[0]),
        parameters.highest_oligomer,
    )
    if mass.p < parameters.verdict.conflict_p:
        words = "the measured masses conflict, so protomers cannot be counted"
    elif found.deviation > FARTHEST:
        words = (
            f"no whole number of protomers of {protomer[0]:.4g} kDa makes "
            f"{mass.mean:.4g} ± {mass.error:.2g} kDa: "
            f"the nearest, {found.number}, is {found.deviation:.1f} standard errors away"
        )
    elif found.probability < parameters.least_probability:
        words = f"{found.number} protomers with probability {found.probability:.2f} only: undecided"
    else:
        words = f"{found.number} protomers of {protomer[0]:.4g} kDa with probability {found.probability:.3f}"
        return Particle(found, True, protomer[0], mass, (words,))
    return Particle(found, False, protomer[0], mass, (words,))


def _measured(claim: Claim) -> bool:
    mass = claim.quantity == "molecular_mass" and claim.definition == PARTICLE_MASS
    return mass and not claim.aside and claim.method != "sequence" and bool(claim.uncertainty)


def parted(claims: Sequence[Claim], particle: Particle) -> tuple[list[Claim], tuple[str, ...]]:
    """Claims with masses of assemblies that are no whole particle put aside, and what is said of them."""
    if not particle.decided or particle.counted is None or particle.protomer_kda is None:
        return list(claims), ()
    found, words = [], []
    for claim in claims:
        said = _part(claim, particle.counted.number, particle.protomer_kda)
        found.append(claim.put_aside(said) if said else claim)
        if said:
            words.append(f"{claim.source}: {said}")
    return found, tuple(words)


def _part(claim: Claim, number: int, protomer: float) -> str:
    if claim.quantity != "molecular_mass" or claim.method != "sequence" or claim.definition != PARTICLE_MASS:
        return ""
    held = round(claim.value / protomer)
    share = Fraction(held, number)
    # A power of ten is the sign of a slipped unit, and must come out as a conflict.
    if share == 1 or held < 1 or share in (Fraction(1, 10), Fraction(10), Fraction(1, 1000), Fraction(1000)):
        return ""
    if share > 1:
        return f"the structure file holds {held} protomers where the particle has {number}"
    part = FRACTIONS.get(share, f"{share.numerator}/{share.denominator}")
    return f"the structure file is {part} of the particle: {held} of {number} protomers"


def state(claims: Sequence[Claim], particle: Particle, told: tuple[str, ...]) -> Answer | None:
    """The answer about the oligomeric state: by masses, and by what structure files hold."""
    counts = [claim for claim in claims if claim.quantity == "oligomeric_state"]
    if not counts and particle.counted is None:
        return None
    words = [*particle.words, *told]
    held = sorted({round(claim.value) for claim in counts})
    number = particle.counted.number if particle.decided and particle.counted else None
    allowed = _allowed(particle, held)
    if number is None and allowed:
        number, verdict = held[0], AGREE
        words.append(f"{number} protomers, as the structure has, fit the mass")
    elif number is None:
        verdict = SINGLE if len(held) == 1 else TENSION
        number = held[0] if len(held) == 1 and particle.counted is None else None
        verdict = TENSION if number is None else verdict
    elif not counts:
        verdict = SINGLE
    elif held == [number]:
        verdict = AGREE
    else:
        # Told as a part of the particle, a smaller file explains itself.
        verdict = (
            AGREE
            if told and len(told) >= len([each for each in counts if round(each.value) != number])
            else CONFLICT
        )
    judged = tuple(Judged(claim, None, None, None) for claim in counts)
    return Answer(
        quantity="oligomeric_state",
        unit="dimensionless",
        definition="number of protomers in the particle",
        consensus=float(number) if number is not None and verdict != CONFLICT else None,
        uncertainty=0.0 if number is not None and verdict != CONFLICT else None,
        chi2=None if particle.counted is None else particle.counted.deviation**2,
        dof=None,
        p=None if particle.counted is None else particle.counted.probability,
        tension=None if particle.counted is None else particle.counted.deviation,
        verdict=verdict,
        claims=judged,
        odd=tuple(claim.name for claim in counts if number is not None and round(claim.value) != number),
        words=tuple(words),
    )


def _allowed(particle: Particle, held: list[int]) -> bool:
    """Whether the only number that structures hold is within what an undecided mass allows."""
    if particle.counted is None or len(held) != 1 or particle.counted.deviation > FARTHEST:
        return False
    likely = particle.counted.probabilities
    return held[0] <= len(likely) and float(likely[held[0] - 1]) >= LEAST_LIKELY
