"""A hub and sites on one machine, each in processes of its own, as they would stand in several institutes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from deployments.environment import login
from deployments.home import Home
from deployments.hub import Hub, Plan, Say, hub
from deployments.part import Part, running
from deployments.server import client
from deployments.site.site import Site, site_at
from deployments.site.start import laid
from flows import keys
from flows.site_request import FLOW

# A worker stops its reductions before it stops.
PATIENCE_S = 6.0
SECONDS_TO_REPORT = 120.0
PAUSE_S = 0.3
ASKER = "demo"


@dataclass(frozen=True)
class Neighbour:
    """A site to be: its data by the names of its roots, the recipes it allows, and its cluster."""

    name: str
    roots: Mapping[str, Path]
    recipes: Sequence[str]
    cluster: str | None = None


@dataclass(frozen=True)
class Around:
    """A hub with its sites up, the key with which to ask them, and what the hub's users are told."""

    hub: Hub
    sites: tuple[Site, ...]
    key: Path
    environment: Mapping[str, str]


@contextmanager
def neighbours(
    folder: Path, wanted: Sequence[Neighbour], say: Say, environment: Mapping[str, str]
) -> Iterator[Around]:
    """Inside, a hub and the sites are up; afterwards none of their processes is left.

    Everything lies below `folder`; a later call finds the same sites and their products.
    """
    folder = folder.resolve()
    home = Home(folder / "hub", folder / "hub" / "results")
    incoming, key = folder / "hub" / "incoming", _key(folder / "keys")
    sites = tuple(_laid(folder, each, incoming, key) for each in wanted)
    with ExitStack() as parts:
        up = parts.enter_context(hub(Plan(home, port=0, incoming=incoming), say, environment))
        around = {**environment, "PREFECT_API_URL": f"{up.url}/api", "PREFECT_HOME": str(home.server)}
        say(f"starting the workers of {' and '.join(site.name for site in sites)} ...")
        workers = [parts.enter_context(_worker(site, home, around)) for site in sites]
        _await_reports(around, sites, workers)
        yield Around(up, sites, key, {**around, "HALOS_KEY": str(key), "HALOS_RESULTS": str(home.results)})


def _key(folder: Path) -> Path:
    return folder / ASKER if (folder / ASKER).exists() else keys.laid(folder, ASKER)[0]


def _laid(folder: Path, wanted: Neighbour, incoming: Path, key: Path) -> Site:
    place = folder / wanted.name
    if not (place / "site.yaml").exists():
        site = laid(place, wanted.name, wanted.roots, None, wanted.cluster)
        shutil.copy(key.with_name(f"{key.name}{keys.PUBLIC}"), site.trusted)
        site.policy.write_text(_policy(wanted, incoming / wanted.name))
    (incoming / wanted.name).mkdir(parents=True, exist_ok=True)
    return site_at(place)


def _policy(wanted: Neighbour, incoming: Path) -> str:
    said = {
        "recipes": list(wanted.recipes),
        "askers": [{"asker": ASKER, "recipes": ["*"], "data": list(wanted.roots)}],
        "leaving": [{"to": incoming.as_uri()}],
    }
    return yaml.safe_dump(said, sort_keys=False)


def _worker(site: Site, home: Home, around: Mapping[str, str]) -> AbstractContextManager[Part]:
    command = ("halos", "site", "worker", str(site.folder))
    return running(f"worker-{site.name}", home, command, around, patience=PATIENCE_S)


def _await_reports(around: Mapping[str, str], sites: Sequence[Site], workers: Sequence[Part]) -> None:
    """Return when each site has told the hub of itself; PartFailedError when one ends or stays silent."""
    from prefect.exceptions import ObjectNotFound

    until = time.monotonic() + SECONDS_TO_REPORT
    with client(around["PREFECT_API_URL"], login(around)) as known:
        for site, worker in zip(sites, workers, strict=True):
            while True:
                worker.check()
                try:
                    known.read_deployment_by_name(f"{FLOW}/{site.name}")
                    break
                except ObjectNotFound:
                    if time.monotonic() > until:
                        raise worker.failed(f"did not report within {SECONDS_TO_REPORT:.0f} s") from None
                    time.sleep(PAUSE_S)
