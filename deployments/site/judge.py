"""Whether a site does what it is asked: the ticket, the policy, and where the data really lie.

Everything is read anew each time, so that a key taken away or a rule made stricter holds at
once. What cannot be judged is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from configs.load import ConfigurationError
from deployments.site.policy import Policy, faults, policy_of
from deployments.site.roots import OutsideRootsError, contained, holds
from deployments.site.site import Site
from flows.keys import Trusted, keyring
from flows.recipe import Reduction, recipe_called
from flows.site_request import SiteRequest, parameters_of, read
from flows.ticket import Ticket, opened


class ForbiddenError(Exception):
    """Something that the site does not allow; for its audit log, not for the asker."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Order:
    """What will be done: every path real and below the data that the asker may use."""

    reduction: Reduction
    recipe: str
    paths: tuple[Path, ...]
    parameters: BaseModel


def asked(site: Site, said: Any, ticket: Any, now: float) -> tuple[SiteRequest, Ticket]:
    """The request and the opened ticket that allows it; else an error that says why not."""
    policy = sound_policy(site)
    request = read(said)
    limits = {"at_most_s": policy.ticket_lasts_at_most_s, "leeway_s": policy.clock_leeway_s}
    return request, opened(ticket, keyring(site.trusted), site.name, said, now=now, **limits)


def data_for(site: Site, recipe: str, fingerprint: str) -> tuple[str, ...]:
    """The data that the owner of a key may have reduced by `recipe`; ForbiddenError if they may not."""
    policy = sound_policy(site)
    key = keyring(site.trusted).get(fingerprint)
    if key is None:
        raise ForbiddenError(f"the key {fingerprint} is no longer trusted")
    return _granted(policy, key, recipe)


def _granted(policy: Policy, key: Trusted, recipe: str) -> tuple[str, ...]:
    if (reason := policy.fault(key, recipe)) is not None:
        raise ForbiddenError(reason)
    if not (data := policy.data_for(key, recipe)):
        raise ForbiddenError(f"{key.name} may use no data by {recipe}")
    return data


def placed(site: Site, data: tuple[str, ...], request: SiteRequest) -> Order:
    """The order that a request comes to, with every path in it followed to where it leads now."""

    def place(said: str) -> Path:
        return _there(site.roots, data, said)

    paths = tuple(place(each) for each in request.paths)
    try:
        recipe, reduction = recipe_called(request.recipe)
    except ConfigurationError as error:
        raise ForbiddenError(str(error)) from error
    return Order(reduction, request.recipe, paths, parameters_of(request, recipe, reduction, place))


def _there(roots: Mapping[str, Path], data: tuple[str, ...], said: str) -> Path:
    real = contained(roots, said)
    if not holds(roots, data, real):
        raise ForbiddenError(f"{said!r} is not among the data that the asker may use")
    # A pipe or a device would hang whoever opens it.
    if not (real.is_file() or real.is_dir()):
        raise OutsideRootsError(said, "is not there, or neither a file nor a folder")
    return real


def sound_policy(site: Site) -> Policy:
    """The site's policy; ConfigurationError if it names what is not there."""
    policy = policy_of(site.folder)
    if wrong := faults(policy, site.roots):
        raise ConfigurationError(site.policy, "; ".join(wrong))
    return policy
