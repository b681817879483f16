"""What a product's claims say together: larger in every size looks like aggregates, not like a slip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.fusion.consensus import CONFLICT, TENSION, UNDECIDED, Answer, Judged

SIZES = ("maximum_dimension", "molecular_mass", "radius_of_gyration")
# Larger by less than this share is no pattern.
LARGER = 1.03


def patterned(answers: Sequence[Answer]) -> list[Answer]:
    """Answers in which a product that is larger in every size is named, with what may be behind it."""
    sizes = {each.quantity: each for each in answers if each.quantity in SIZES}
    labels = sorted({judged.claim.source for each in sizes.values() for judged in each.claims})
    found = list(answers)
    for label in labels:
        ratios = {name: ratio for name, each in sizes.items() if (ratio := _ratio(each, label)) is not None}
        if len(ratios) >= len(SIZES) and min(ratios.values()) > LARGER:
            found = [_named(each, label, ratios) for each in found]
    return found


def _ratio(found: Answer, label: str) -> float | None:
    """How many times larger the claims of a product are than what the others say."""
    times = [
        each.claim.value / (each.claim.value - each.difference)
        for each in found.claims
        if each.claim.source == label and each.difference is not None and each.claim.value != each.difference
    ]
    return float(np.mean(times)) if times else None


def _named(found: Answer, label: str, ratios: dict[str, float]) -> Answer:
    if found.quantity not in ratios or found.verdict not in (TENSION, CONFLICT):
        return found
    listed = ", ".join(f"{name.replace('_', ' ')} {ratio:.2f}" for name, ratio in ratios.items())
    said = (
        f"{label} is larger than the others in every size ({listed} times), "
        "as dimers or aggregates would make it"
    )
    words = tuple(word for word in found.words if word != UNDECIDED and _about(word, label))
    return replace(found, odd=_only(found.claims, label), words=(said, *words))


def _about(word: str, label: str) -> bool:
    return " stands apart: " not in word or word.startswith(label)


def _only(claims: tuple[Judged, ...], label: str) -> tuple[str, ...]:
    return tuple(each.claim.name for each in claims if each.claim.source == label and not each.claim.aside)
