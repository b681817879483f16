"""The fused answer about a sample as plain values, from the products that claim something of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, merged
from tasks.common.kernels.composition import chain_mass, three_letters
from tasks.fusion.claims import Claim, Source, claims_of
from tasks.fusion.consensus import CONFLICT, TENSION, Answer, Judged, answers
from tasks.fusion.oligomer import parted, state, weighed
from tasks.fusion.parameters import FusionParameters
from tasks.fusion.pattern import patterned
from tasks.fusion.relations import related, with_shared

# Protomer masses that differ by more than this belong to different molecules.
SAME_PROTOMER = 2e-3


@dataclass(frozen=True)
class Passport:
    """Every quantity with its claims and verdict, the products behind them, and what must be minded."""

    sample: str | None
    answers: tuple[Answer, ...]
    sources: tuple[Source, ...]
    flags: tuple[Flag, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in files and in the output of `halos fuse`."""
        return {
            "sample": self.sample,
            "quantities": {each.quantity: _answer(each) for each in self.answers},
            "products": [
                {"label": each.label, "key": each.key, "technique": each.technique, "recipe": each.recipe}
                for each in self.sources
            ],
            "flags": [each.to_json() for each in self.flags],
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each consensus as a finding, so that a passport can be fused again."""
        return tuple(
            Finding(
                each.quantity,
                each.consensus,
                each.uncertainty,
                each.unit,
                "consensus",
                (each.definition, f"{each.verdict}, {_used(each)} claims"),
            )
            for each in self.answers
            if each.consensus is not None
        )


def fused(sources: Sequence[Source], parameters: FusionParameters) -> Passport:
    """All claims of all products, related, weighed and judged."""
    if not sources:
        raise MissingMetadataError("a product", "the fusion", "products")
    ordered = sorted(sources, key=lambda source: (source.label, source.key))
    claims = related(claims_of(ordered, parameters.relations.same_data_share), parameters.relations)
    said = tuple((each.source, each.quantity, each.products, each.relative) for each in parameters.shared)
    claims = with_shared(claims, said)
    protomer, told = _protomer(claims, parameters)
    particle = weighed(claims, protomer, parameters)
    claims, parts = parted(claims, particle)
    counted = state(claims, particle, (*parts, *told))
    compared = [claim for claim in claims if claim.quantity not in ("oligomeric_state", "protomer_mass")]
    found = patterned(answers(compared, parameters.verdict))
    if counted is not None:
        found = sorted([*found, counted], key=lambda each: each.quantity)
    flags = merged(_of_verdicts(found), *(_labelled(source) for source in ordered))
    return Passport(parameters.sample, tuple(found), tuple(ordered), flags)


def _protomer(
    claims: list[Claim], parameters: FusionParameters
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Mass of one protomer in kDa with its uncertainty: by the given sequence, else by the structures'."""
    if parameters.sequence is not None:
        mass = chain_mass(three_letters(parameters.sequence)) / 1000
        return (mass, 1e-5 * mass), ()
    masses = [claim for claim in claims if claim.quantity == "protomer_mass"]
    if not masses:
        return None, ()
    values = [claim.value for claim in masses]
    if max(values) - min(values) > SAME_PROTOMER * max(values):
        listed = ", ".join(f"{claim.source} {claim.value:.4g}" for claim in masses)
        return None, (f"structures state protomers of different mass ({listed} kDa); give the sequence",)
    best = masses[0]
    return (best.value, best.uncertainty or 1e-5 * best.value), ()


def _of_verdicts(found: Sequence[Answer]) -> list[Flag]:
    flags = []
    for each in found:
        named = each.quantity.replace("_", " ")
        why = f": {'; '.join(each.words)}" if each.words else ""
        if each.verdict == CONFLICT:
            flags.append(Flag.caution("claims_conflict", f"the claims about {named} conflict{why}"))
        elif each.verdict == TENSION:
            flags.append(Flag.caution("claims_in_tension", f"the claims about {named} are in tension{why}"))
        elif each.odd:
            flags.append(Flag.caution("claim_stands_apart", f"{named}{why}"))
    return flags


def _labelled(source: Source) -> list[Flag]:
    return [Flag(flag.code, flag.severity, f"{source.label}: {flag.message}") for flag in source.flags]


def _used(found: Answer) -> int:
    return sum(not each.claim.aside for each in found.claims)


def _answer(found: Answer) -> dict[str, Any]:
    return {
        "consensus": found.consensus,
        "uncertainty": found.uncertainty,
        "unit": found.unit,
        "definition": found.definition,
        "chi2": _finite(found.chi2),
        "dof": found.dof,
        "p": found.p,
        "tension": _finite(found.tension),
        "verdict": found.verdict,
        "odd": list(found.odd),
        "why": list(found.words),
        "claims": [_claim(each) for each in found.claims],
        "kept_apart": [_answer(each) for each in found.apart],
    }


def _claim(judged: Judged) -> dict[str, Any]:
    claim = judged.claim
    value, error, unit = claim.stated
    return {
        "source": claim.source,
        "key": claim.key,
        "method": claim.method,
        "value": claim.value,
        "uncertainty": claim.uncertainty,
        "unit": claim.unit,
        "definition": claim.definition,
        "stated": {"value": value, "uncertainty": error, "unit": unit},
        "related_by": list(claim.steps),
        "shares": [{"source": each.source, "uncertainty": each.uncertainty} for each in claim.shares],
        "assumptions": list(claim.assumptions),
        "flags": [each.to_json() for each in claim.flags],
        "weight": judged.weight,
        "difference": _finite(judged.difference),
        "deviation": _finite(judged.deviation),
        "set_aside": claim.aside or None,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
