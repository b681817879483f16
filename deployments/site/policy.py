"""A site's policy: which recipes may run, who may ask for what, and which products may leave, to where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import Field

from configs.load import Values, load
from deployments.site.roots import OutsideRootsError, contained, holds
from flows.keys import Trusted
from flows.ticket import LEEWAY_S

FILE = "policy.yaml"
EVERY = "*"


class Asker(Values):
    """Somebody who may ask, and for what."""

    asker: str = Field(min_length=1, description="Name of the file in keys/trusted, without .pub")
    key: str | None = Field(
        None, description="Fingerprint that the key must have; empty takes the file's word"
    )
    recipes: tuple[str, ...] = Field((), description="Recipes, from those of the site; * takes all of them")
    data: tuple[str, ...] = Field(
        (), description="Roots, or folders below them as root/folder, whose data may be reduced"
    )

    def is_(self, key: Trusted) -> bool:
        """Whether this is about the owner of `key`."""
        return self.asker == key.name and self.key in (None, key.fingerprint)


class Way(Values):
    """Products that may leave, and where they go; all that is said must fit."""

    to: str = Field(min_length=1, description="URL of the folder that products are sent to")
    techniques: tuple[str, ...] = Field((), description="Techniques; empty takes all")
    recipes: tuple[str, ...] = Field((), description="Recipes; empty takes all")
    data: tuple[str, ...] = Field(
        (), description="Roots, or folders below them as root/folder; empty takes all"
    )
    not_before: date | None = Field(None, description="End of an embargo; from this day (UTC) they may leave")


class Stays(Values):
    """Products that never leave, such as those of patients, whatever the ways say."""

    techniques: tuple[str, ...] = Field((), description="Techniques")
    data: tuple[str, ...] = Field((), description="Roots, or folders below them as root/folder")


class Policy(Values):
    """The content of policy.yaml; what it does not allow is refused."""

    recipes: tuple[str, ...] = Field((), description="Recipes that may run here at all")
    askers: tuple[Asker, ...] = Field((), description="Who may ask, and for what")
    ticket_lasts_at_most_s: float = Field(
        3600.0, gt=0, description="Longest time in seconds that a ticket may hold"
    )
    clock_leeway_s: float = Field(
        LEEWAY_S, ge=0, le=300, description="How far in the future a ticket may be issued, in seconds"
    )
    leaving: tuple[Way, ...] = Field((), description="Products that may leave; the first that fits decides")
    stays: Stays = Field(Stays(), description="Products that never leave")

    def fault(self, key: Trusted, recipe: str) -> str | None:
        """Why the owner of `key` may not ask for `recipe`; None where they may."""
        if recipe not in self.recipes:
            return f"recipe {recipe} is not allowed here"
        mine = [each for each in self.askers if each.is_(key)]
        if not mine:
            return f"{key.name} ({key.fingerprint}) may ask for nothing here"
        if not any(recipe in each.recipes or EVERY in each.recipes for each in mine):
            return f"{key.name} may not ask for recipe {recipe}"
        return None

    def data_for(self, key: Trusted, recipe: str) -> tuple[str, ...]:
        """Data that the owner of `key` may have reduced by `recipe`."""
        mine = (each for each in self.askers if each.is_(key))
        return tuple(
            data for each in mine if recipe in each.recipes or EVERY in each.recipes for data in each.data
        )


@dataclass(frozen=True)
class Leave:
    """Whether a product may leave: to where, or why not."""

    to: str | None
    reason: str = ""
    # Of an embargo, the day (UTC) from which it may leave.
    not_before: date | None = None


def leave(
    policy: Policy,
    roots: Mapping[str, Path],
    *,
    technique: str,
    recipe: str,
    inputs: Iterable[Path],
    now: datetime,
) -> Leave:
    """Whether the product of a recipe, made from `inputs`, may leave; the first way that fits decides."""
    files = tuple(inputs)
    if not files:
        return Leave(None, "it is not known which data this product is made from")
    if technique in policy.stays.techniques:
        return Leave(None, f"products of {technique} stay at the site")
    if any(holds(roots, policy.stays.data, path) for path in files):
        return Leave(None, "products of these data stay at the site")
    for way in policy.leaving:
        if way.techniques and technique not in way.techniques:
            continue
        if way.recipes and recipe not in way.recipes:
            continue
        if all(holds(roots, way.data or tuple(roots), path) for path in files):
            return _embargoed(way, now)
    return Leave(None, "no rule of the site lets this product leave")


def _embargoed(way: Way, now: datetime) -> Leave:
    if way.not_before is not None and now.astimezone(UTC).date() < way.not_before:
        return Leave(None, f"under embargo until {way.not_before.isoformat()}", way.not_before)
    return Leave(way.to)


def faults(policy: Policy, roots: Mapping[str, Path]) -> list[str]:
    """What in a policy names data, keys or recipes that cannot be, each with its remedy."""
    named = [*policy.stays.data]
    named += [data for asker in policy.askers for data in asker.data]
    named += [data for way in policy.leaving for data in way.data]
    found = []
    for place in dict.fromkeys(named):
        try:
            contained(roots, place)
        except OutsideRootsError as error:
            found.append(f"{FILE}: data {error}; name a root of site.yaml, or root/folder")
    for asker in policy.askers:
        if forbidden := [each for each in asker.recipes if each not in (EVERY, *policy.recipes)]:
            said = f"{FILE}: {asker.asker} may ask for {', '.join(forbidden)}, which may not run here"
            found.append(f"{said}; add to recipes at the top, or take it away")
    return found


def policy_of(folder: Path) -> Policy:
    """The policy in a site's folder; ConfigurationError with the line of what is wrong."""
    return load(folder / FILE, into=Policy)
