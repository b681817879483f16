"""Claims about one quantity to a consensus with a verdict; where they conflict, none is reported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.fusion.claims import Claim
from tasks.fusion.kernels.agreement import Agreement, Left, agreement, covariance, leave_out
from tasks.fusion.parameters import VerdictParameters
from tasks.fusion.relations import DIMENSION, HYDRATED, PARTICLE_MASS

AGREE, TENSION, CONFLICT, SINGLE, NONE = "agree", "tension", "conflict", "single source", "no valid claim"
TARGETS = (PARTICLE_MASS, HYDRATED, DIMENSION)
UNDECIDED = "the claims of two sources contradict each other; these alone do not tell which is wrong"
# Standard errors beyond which a claim of disturbing data is itself named.
CLEARLY = 2.0
# Flags that say why a particle may look larger, smaller or heavier than it is.
TELLING = frozenset(
    {
        "aggregation_suspected",
        "not_compact",
        "not_monodisperse",
        "interparticle_repulsion_suspected",
        "repulsion",
        "attraction",
        "radius_varies_across_peak",
        "radiation_damage_suspected",
        "oversubtracted",
        "negative_distances",
        "distances_fit_poor",
        "guinier_starts_late",
        "q_starts_late",
        "slit_smeared",
        "divided_by_concentration",
        "structure_does_not_fit",
        "residues_missing",
        "adducts_in_mass",
        "several_molecules_in_asymmetric_unit",
        "copies_taken_as_one_particle",
        "peaks_unexplained",
        "dimension_not_bounded",
        "supplied",
        "assumed_q_unit",
    }
)
# How near (on a logarithmic scale) a ratio must be to be told as one of these.
NEAR = 0.15
SLIPS = {1000.0: "kDa for Da, or a like slip of unit", 10.0: "nm for angstrom, or a like slip of unit"}


@dataclass(frozen=True)
class Judged:
    """A claim with its weight in the consensus, and where it stands against the other claims.

    `difference` (in the unit) and `deviation` (in standard errors) are against the
    agreement of all others; None where there is none.
    """

    claim: Claim
    weight: float | None
    difference: float | None
    deviation: float | None


@dataclass(frozen=True)
class Answer:
    """What all claims by one definition say together.

    `consensus` is None where claims conflict: their mean would be nobody's claim.
    `tension` is the largest deviation of a claim from all others, in standard errors.
    `odd` names claims that stand apart, `words` say what a reader should know, `apart`
    holds the answers by other definitions.
    """

    quantity: str
    unit: str
    definition: str
    consensus: float | None
    uncertainty: float | None
    chi2: float | None
    dof: int | None
    p: float | None
    tension: float | None
    verdict: str
    claims: tuple[Judged, ...]
    odd: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    apart: tuple[Answer, ...] = ()


def answers(claims: Sequence[Claim], parameters: VerdictParameters) -> list[Answer]:
    """One answer a quantity, by name; claims of other definitions are kept apart within it."""
    found = []
    for quantity in sorted({claim.quantity for claim in claims}):
        groups: dict[tuple[str, str], list[Claim]] = {}
        for claim in sorted(
            (each for each in claims if each.quantity == quantity), key=lambda each: each.order
        ):
            groups.setdefault((claim.definition, claim.unit), []).append(claim)
        each = sorted((answer(group, parameters) for group in groups.values()), key=_rank)
        found.append(replace(each[0], apart=tuple(each[1:])))
    return found


def _rank(found: Answer) -> tuple[bool, int, bool, str]:
    """Comparable definitions first, then those that more sources claim."""
    sources = {each.claim.data for each in found.claims if not each.claim.aside}
    return (not sources, -len(sources), found.definition not in TARGETS, found.definition)


def answer(claims: Sequence[Claim], parameters: VerdictParameters) -> Answer:
    """The consensus of claims that share quantity, definition and unit."""
    claims = [_usable(claim) for claim in claims]
    used = [claim for claim in claims if not claim.aside]
    first = claims[0]
    if not used:
        judged = tuple(Judged(claim, None, None, None) for claim in claims)
        none = (None, None, None, None, None, None)
        return Answer(first.quantity, first.unit, first.definition, *none, NONE, judged)
    values = np.array([claim.value for claim in used])
    matrix = claims_covariance(used)
    whole = agreement(values, matrix)
    groups = sorted({claim.data for claim in used})
    left = leave_out(values, matrix, [groups.index(claim.data) for claim in used])
    verdict = _verdict(whole, len(groups), parameters)
    without = _disturbing(left) if verdict in (TENSION, CONFLICT) else None
    reference = whole if without is None else left[without].rest
    judged = tuple(_judged(claim, used, whole, left, reference) for claim in claims)
    odd = _odd(judged, used, left, verdict, without, parameters)
    believed = verdict != CONFLICT
    return Answer(
        quantity=first.quantity,
        unit=first.unit,
        definition=first.definition,
        consensus=whole.mean if believed else None,
        uncertainty=whole.error if believed else None,
        chi2=whole.chi2,
        dof=whole.dof,
        p=whole.p,
        tension=max((each.deviation for each in left), default=None),
        verdict=verdict,
        claims=judged,
        odd=tuple(each.claim.name for each in odd),
        words=(*_said(verdict, used, left, without), *_why(odd)),
    )


def claims_covariance(claims: Sequence[Claim]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Covariance of claims that name what they share."""
    sources = sorted({share.source for claim in claims for share in claim.shares})
    shared = np.zeros((len(claims), len(sources)))
    for row, claim in enumerate(claims):
        for share in claim.shares:
            shared[row, sources.index(share.source)] += share.uncertainty
    errors = np.array([claim.uncertainty or 0.0 for claim in claims])
    # Rounding must not make the parts of a claim larger than its whole.
    excess = np.sqrt((shared**2).sum(axis=1)) / errors
    shared /= np.maximum(excess, 1.0)[:, None]
    return covariance(errors, shared)


def _usable(claim: Claim) -> Claim:
    if not claim.uncertainty:
        return claim.put_aside("it states no uncertainty, and no relation supplies one")
    return claim


def _verdict(whole: Agreement, sources: int, parameters: VerdictParameters) -> str:
    if whole.p < parameters.conflict_p:
        return CONFLICT
    if sources < 2:
        return SINGLE
    return TENSION if whole.p < parameters.tension_p else AGREE


def _disturbing(left: list[Left]) -> int | None:
    """The claim whose data, left out, mend the agreement most; None where only two sources stand."""
    if not left or all(each.alone for each in left):
        return None
    return min(range(len(left)), key=lambda index: (left[index].rest.chi2, -left[index].deviation))


def _judged(
    claim: Claim, used: list[Claim], whole: Agreement, left: list[Left], reference: Agreement | None
) -> Judged:
    if not claim.aside:
        place = next(index for index, each in enumerate(used) if each is claim)
        if not left:
            return Judged(claim, float(whole.weights[place]), None, None)
        return Judged(claim, float(whole.weights[place]), left[place].difference, left[place].deviation)
    if reference is None or not claim.uncertainty:
        return Judged(claim, None, None, None)
    difference = claim.value - reference.mean
    return Judged(claim, None, difference, abs(difference) / math.hypot(claim.uncertainty, reference.error))


def _odd(
    judged: tuple[Judged, ...],
    used: list[Claim],
    left: list[Left],
    verdict: str,
    without: int | None,
    parameters: VerdictParameters,
) -> list[Judged]:
    """Claims set aside that stand apart, and in tension or conflict the one whose absence mends the most."""
    found = [
        each
        for each in judged
        if each.claim.aside and each.deviation is not None and each.deviation > parameters.odd_sigma
    ]
    if verdict not in (TENSION, CONFLICT) or not left:
        return found
    if without is None:
        return [*found, *(each for each in judged if not each.claim.aside)]
    data = used[without].data
    of_it = [each for each in judged if each.claim.data == data and not each.claim.aside]
    apart = [each for each in of_it if (each.deviation or 0.0) > CLEARLY]
    return [*found, *(apart or [each for each in of_it if each.claim is used[without]])]


def _said(verdict: str, used: list[Claim], left: list[Left], without: int | None) -> tuple[str, ...]:
    if verdict != CONFLICT or not left:
        return ()
    if without is None:
        return (UNDECIDED,)
    rest, name = left[without].rest, used[without].source
    told = f"without {name} the others give {rest.mean:.4g} ± {rest.error:.2g} {used[0].unit}"
    return (f"no consensus is reported; {told} (chi-square {rest.chi2:.1f} of {rest.dof})",)


def _why(odd: list[Judged]) -> tuple[str, ...]:
    words = []
    for each in odd:
        if each.difference is None or each.deviation is None:
            continue
        claim = each.claim
        others = claim.value - each.difference
        ratio = claim.value / others
        said = (
            f"{claim.name} stands apart: {claim.value:.4g} {claim.unit} against {others:.4g} "
            f"({each.deviation:.1f} standard errors, {ratio:.3g} times){_slip(ratio)}"
        )
        doubts = [flag.message for flag in claim.flags if flag.code in TELLING]
        words.append(f"{said}; its product says: {'; '.join(doubts)}" if doubts else said)
    return tuple(words)


def _slip(ratio: float) -> str:
    """What a ratio looks like: a slip of unit, or a small whole number."""
    if not ratio > 0:
        return ""
    times = max(ratio, 1 / ratio)
    for factor, said in SLIPS.items():
        if abs(math.log(times / factor)) < NEAR:
            return f": it looks like {said}"
    whole = round(times)
    if 2 <= whole <= 4 and abs(math.log(times / whole)) < NEAR / 2:
        return f": about {whole} to one"
    return ""
