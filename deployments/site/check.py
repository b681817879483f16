"""All that is wrong with a site, told at once, each fault with its remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.load import ConfigurationError
from deployments.audit import AuditBrokenError, checked
from deployments.site import fence
from deployments.site.policy import Policy, faults, policy_of
from deployments.site.rules import rules_of
from deployments.site.site import Site
from flows.keys import KeyFileError, keyring

LOGIN = "PREFECT_API_AUTH_STRING"
# A ticket is issued at another clock; more than this and it may seem to come from the future.
MOST_SKEW_S = 10.0


@dataclass(frozen=True)
class Checked:
    """What was found: `faults` must be mended, `remarks` should be known."""

    site: str
    faults: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"site": self.site, "faults": list(self.faults), "remarks": list(self.remarks)}


def check(site: Site, *, with_hub: bool = True) -> Checked:
    """Look at everything that a worker and a watcher of this site need."""
    found = [*site.places(), *_own(site), *_files(site)]
    remarks = list(_remarks(site))
    hub_faults, hub_remarks = _hub(site) if with_hub else ([], [])
    return Checked(site.name, (*found, *hub_faults), (*remarks, *hub_remarks))


def _own(site: Site) -> Iterator[str]:
    if loose := site.folder.stat().st_mode & 0o022:
        yield f"others may write into {site.folder} (mode {loose:03o} for them): run chmod go-w {site.folder}"
    for what, place in {"the site's own folder": site.folder, "the results folder": site.results}.items():
        nearest = next(each for each in (place, *place.parents) if each.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            yield f"{what} {place} may not be written to; give it to the user that runs the worker"
    for name, path in site.roots.items():
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            yield f"root {name}: {path} may not be read; give the user that runs the worker the right to"
    try:
        checked(site.audit)
    except AuditBrokenError as error:
        yield str(error)


def _files(site: Site) -> Iterator[str]:
    try:
        policy = policy_of(site.folder)
        ring = keyring(site.trusted)
    except (ConfigurationError, KeyFileError) as error:
        yield str(error)
    else:
        yield from faults(policy, site.roots)
        yield from _keys(site, policy, {key.name: key.fingerprint for key in ring.values()})
    try:
        rules_of(site)
    except ConfigurationError as error:
        yield str(error)
    if site.fence_required and not fence.version():
        yield "this system cannot fence in reductions (Landlock), and site.yaml requires it"


def _keys(site: Site, policy: Policy, known: dict[str, str]) -> Iterator[str]:
    for each in policy.askers:
        if each.asker not in known:
            yield f"policy.yaml: {each.asker} has no key; put it into {site.trusted / each.asker}.pub"
        elif each.key not in (None, known[each.asker]):
            yield (
                f"policy.yaml: the key of {each.asker} is {known[each.asker]}, not {each.key}; "
                "ask them which is right"
            )


def _remarks(site: Site) -> Iterator[str]:
    if not site.fence_required and not fence.version():
        yield "this system has no Landlock, so reductions are not fenced in; Linux 5.13 or later has it"
    unused = site.folder.stat().st_mode & 0o055
    if unused:
        yield f"others may read {site.folder}, with its audit log: chmod 700 {site.folder} keeps it private"


def _hub(site: Site) -> tuple[list[str], list[str]]:
    api = site.hub or os.environ.get("PREFECT_API_URL")
    if api is None:
        return [], ["no hub is named in site.yaml, so there can be a watcher here, but no worker"]
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from deployments.site.link import Link, LinkError

    login = os.environ.get(LOGIN) or None
    remarks = _open_ways(api, login)
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        link = Link(api, login, site.name)
        try:
            skew = link.clock_skew_s()
            link.known()
        except LinkError as error:
            return [f"hub {api}: {error}"], remarks
        finally:
            link.close()
    if abs(skew) > MOST_SKEW_S:
        ahead = "ahead of" if skew > 0 else "behind"
        said = f"the clock of the hub is {abs(skew):.0f} s {ahead} ours; keep both by NTP, or tickets fail"
        return [said], remarks
    return [], remarks


def _open_ways(api: str, login: str | None) -> list[str]:
    plain = api.startswith("http://") and not api.startswith(("http://127.", "http://localhost"))
    remarks = [f"{api} is not encrypted; use https, or a tunnel"] if plain else []
    return remarks if login else [*remarks, f"{LOGIN} is not set, so the hub must ask for no login"]


def unreadable(folder: Path, error: ConfigurationError) -> Checked:
    """A site whose site.yaml cannot be read; more cannot be said of it."""
    return Checked(folder.name, (str(error),), ())
