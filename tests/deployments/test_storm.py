"""Whatever is killed at hub and sites: each run has one product or a reason, and nothing stays held.

HALOS_STORM="RUNS KILLS" starts it, such as "60 30"; it takes about half a minute a run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import yaml

from adapters.testing.hdf5_images import write_cosaxs
from adapters.testing.samples import SampleCurve, sphere_curve, write_ascii
from deployments.audit import checked, entries
from deployments.server import client
from deployments.site.site import Site
from deployments.site.start import laid
from flows import keys
from flows.ledger.ledger import ledger_of
from flows.replay import numbers
from flows.saxs import SaxsParameters, saxs
from flows.site_request import FLOW, SiteRequest
from flows.states import DONE
from flows.ticket import signed
from tests.beamtime import BENCH, SOLUTION, images_of
from tests.deployments.conftest import serve_command, surroundings
from tests.deployments.services import Service
from tests.ports import free_port
from tests.postgres import Postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("HALOS_STORM" not in os.environ, reason="a storm takes long: set HALOS_STORM"),
]

RUNS, KILLS = map(int, os.environ.get("HALOS_STORM", "6 6").split())
SEED, SENDINGS, BROKEN_OF, TENTH = 20261128, 3, 6, 10
# Of ten runs, those that are frames: one at each site.
IMAGES = (2, 3)
SECONDS_AT_MOST = 240 + 60 * RUNS
LASTS_S = 3600
SECONDS_FOR_A_PART = 60.0


@dataclass
class Land:
    """A hub on its database, two sites with their workers, and the runs that lie at each."""

    home: Path
    database: Postgres
    hub: Service
    api: str
    sites: dict[str, Site]
    workers: dict[str, Service]
    signer: keys.Signer
    runs: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def killable(self) -> list[str]:
        here = [
            f"{what} at {name}" for name in self.workers for what in ("worker", "reduction", "dask worker")
        ]
        return sorted([*here, "hub", "database"])

    def kill(self, victim: str) -> bool:
        """Kill it, and whether it was there."""
        what, _, name = victim.partition(" at ")
        if what in ("hub", "database", "worker"):
            service = {"hub": self.hub, "database": self.database}.get(what) or self.workers[name]
            hit = service.kill()
        else:
            hit = any(ended(each) for each in self._awaited(what, name))
        self.killed[victim] += hit
        return hit

    def _awaited(self, what: str, name: str) -> list[psutil.Process]:
        """Those to kill: what lives for moments only is waited for, while there may be more of it."""
        until = time.monotonic() + SECONDS_FOR_A_PART
        while not (parts := self._parts(what, name)) and time.monotonic() < until:
            time.sleep(0.1)
        return parts

    def _parts(self, what: str, name: str) -> list[psutil.Process]:
        """The processes below a site's worker: its reductions, or what computes for them."""
        try:
            jobs = psutil.Process(self.workers[name].process.pid).children()
            below = [each for job in jobs for each in job.children(recursive=True)]
            return jobs if what == "reduction" else [each for each in below if computes(each)]
        except psutil.NoSuchProcess:
            return []


def computes(process: psutil.Process) -> bool:
    """Whether it is a worker of Dask, which is started as multiprocessing starts its children."""
    return any("spawn_main" in word for word in process.cmdline())


def ended(process: psutil.Process) -> bool:
    """Kill it without a warning; False if it had ended by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


@pytest.fixture
def land(tmp_path: Path) -> Iterator[Land]:
    database = Postgres()
    services: list[Service] = []
    try:
        port = free_port()
        api = f"http://127.0.0.1:{port}/api"
        incoming, key = tmp_path / "incoming", keys.laid(tmp_path / "keys", "anna")[0]
        books = database.database("postgresql+asyncpg", "pg_trgm")
        around = {**surroundings(), "PREFECT_SERVER_DATABASE_CONNECTION_URL": books}
        serve = [*serve_command(tmp_path / "hub", "--port", str(port)), "--incoming", str(incoming)]
        hub = Service("hub", serve, tmp_path / "hub.log", around)
        services.append(hub)
        sites = {name: site_of(tmp_path, name, api, incoming, key) for name in ("lund", "hamburg")}
        until(lambda: httpx.get(f"{api}/health", timeout=5).status_code == 200, 180)
        workers = {
            name: Service(
                name,
                [sys.executable, "-m", "halos", "site", "worker", str(site.folder)],
                tmp_path / f"{name}.log",
                surroundings(),
            )
            for name, site in sites.items()
        }
        services.extend(workers.values())
        yield Land(tmp_path, database, hub, api, sites, workers, keys.signer(key))
    finally:
        for each in reversed(services):
            each.stop()
        database.stop()


def site_of(home: Path, name: str, api: str, incoming: Path, key: Path) -> Site:
    raw = home / f"{name}-raw"
    raw.mkdir()
    (incoming / name).mkdir(parents=True)
    cluster = home / f"{name}-cluster.yaml"
    cluster.write_text(yaml.safe_dump({"kind": "local", "workers": 1, "threads_below_mib": 0}))
    site = laid(home / name, name, {"raw": raw}, api, str(cluster))
    shutil.copy(key.with_name("anna.pub"), site.trusted)
    policy = {
        "recipes": ["saxs"],
        "askers": [{"asker": "anna", "recipes": ["saxs"], "data": ["raw"]}],
        "ticket_lasts_at_most_s": LASTS_S,
        "leaving": [{"to": (incoming / name).as_uri()}],
    }
    site.policy.write_text(yaml.safe_dump(policy))
    return site


def measured(land: Land) -> None:
    """Runs at both sites: curves, some series of frames, and one in six that is broken."""
    for number in range(RUNS):
        site, name = ("lund", "hamburg")[number % 2], f"run-{number:03d}.dat"
        path = land.sites[site].roots["raw"] / name
        land.runs.setdefault(site, []).append(name)
        if number % BROKEN_OF == BROKEN_OF - 1:
            path.write_text("Dear diary,\nthe beam was down again.\n")
            land.broken.add(name)
            continue
        if number % TENTH in IMAGES:
            scan = write_cosaxs(path.parent, BENCH.expose(SOLUTION, 6, stream=number), number=number)
            land.runs[site][-1] = str(scan.relative_to(path.parent))
            land.images.add(land.runs[site][-1])
            continue
        truth = sphere_curve(200, first=0.01, step=0.0015, radius=20.0 + 0.2 * number)
        errors = 4 * truth.errors
        noise = np.random.default_rng(number).normal(0, errors)
        write_ascii(path, SampleCurve(truth.q, truth.intensity + noise, errors))


def until(true: Callable[[], Any], seconds: float) -> Any:
    """The first value that counts as true; while a service is down, it does not."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except (httpx.HTTPError, OSError) as error:
            last: Any = error
        else:
            last = "not yet"
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {last}"
        time.sleep(0.5)


def ask(land: Land, site: str, name: str) -> str:
    """Ask for a run once; while the hub is down, a person presses again."""
    from prefect.exceptions import ObjectNotFound

    request = SiteRequest(
        recipe="saxs", paths=(f"raw/{name}",), parameters=parameters_of(land, name), label=Path(name).name
    ).to_json()
    parameters = {"request": request, "ticket": signed(land.signer, site, request, lasts_s=LASTS_S)}

    def asked() -> str | None:
        with client(land.api, None) as server:
            try:
                known = server.read_deployment_by_name(f"{FLOW}/{site}")
            except ObjectNotFound:
                return None
            return str(server.create_flow_run_from_deployment(known.id, parameters=parameters, name=name).id)

    return str(until(asked, 240))


def parameters_of(land: Land, name: str) -> dict[str, Any]:
    return {"images": images_of(BENCH)} if name in land.images else {"shape": {"particle": "other"}}


def states(land: Land, asked: list[str]) -> Counter[str]:
    with client(land.api, None) as server:
        return Counter(str(server.read_flow_run(each).state.name) for each in asked)  # type: ignore[union-attr,arg-type]


def test_nothing_is_lost_doubled_or_held_whatever_is_killed(land, capsys):
    chance = random.Random(SEED)
    measured(land)
    triggers = [(site, name) for site, names in land.runs.items() for name in names] * SENDINGS
    chance.shuffle(triggers)
    moments = set(chance.sample(range(len(triggers)), k=min(KILLS, len(triggers))))
    asked = []
    for number, (site, name) in enumerate(triggers):
        asked.append(ask(land, site, name))
        if number in moments:
            time.sleep(chance.uniform(0.0, 6.0))
            land.kill(chance.choice(land.killable))
    while land.killed.total() < KILLS:
        time.sleep(chance.uniform(0.0, 6.0))
        land.kill(chance.choice(land.killable))
    with capsys.disabled():
        sys.stdout.write(f"\n{land.killed.total()} kills: {dict(land.killed)}\n")
    final = {"Completed", "Quarantined"}
    told = until(lambda: found if set(found := states(land, asked)) <= final else None, SECONDS_AT_MOST)

    ready = [name for names in land.runs.values() for name in names if name not in land.broken]
    assert told == {
        "Completed": SENDINGS * len(ready),
        **({"Quarantined": SENDINGS * len(land.broken)} if land.broken else {}),
    }
    results = land.home / "hub" / "results"
    until(lambda: len(list(results.glob("*/manifest.json"))) == len(ready), 120)
    assert not list(results.glob("*damaged*"))
    for name, site in land.sites.items():
        mine = [each for each in land.runs[name] if each not in land.broken]
        assert_once_and_free(site, len(mine))
        for each in mine:
            assert_equal_to_the_undisturbed(land, site, each, results)
        assert checked(site.audit) > 0
    assert_the_same_story(land)
    assert_no_slot_is_held(land)


def assert_once_and_free(site: Site, runs: int) -> None:
    """One committed product for each run, no computation after it, and nobody's turn any more."""
    ledger = ledger_of(site.results)
    products = ledger.products()

    assert len(products) == len(list(site.results.glob("*/manifest.json"))) == runs
    assert {(each["state"], each["owner"]) for each in products} == {(DONE, "")}
    for each in products:
        history = ledger.history(each["key"])
        done = min(line["number"] for line in history if line["state"] == DONE)
        assert not [line for line in history if line["number"] > done and "computes" in line["reason"]]


def assert_equal_to_the_undisturbed(land: Land, site: Site, name: str, results: Path) -> None:
    parameters = SaxsParameters.model_validate(parameters_of(land, name))
    calm = saxs.fn([site.roots["raw"] / name], parameters=parameters, results=land.home / "undisturbed")
    folder = results / Path(calm["product"]).parent.name
    first, second = (numbers(Path(each)) for each in (folder / "curve.nxs", calm["product"]))

    assert json.loads((folder / "manifest.json").read_text())["key"] == calm["key"]
    assert {each: first[each].tobytes() for each in first} == {
        each: second[each].tobytes() for each in second
    }


def assert_the_same_story(land: Land) -> None:
    """What left each site is what the hub took in."""
    sent = {
        (name, line["key"], line["sha256"])
        for name, site in land.sites.items()
        for line in entries(site.audit)
        if line["event"] == "product sent"
    }
    (audit,) = (land.home / "hub").glob("audit*.jsonl")
    taken = {
        (line["site"], line["key"], line["sha256"])
        for line in entries(audit)
        if line["event"] == "product taken in"
    }

    assert sent == taken


def assert_no_slot_is_held(land: Land) -> None:
    from prefect.client.schemas.filters import FlowRunFilter

    going = FlowRunFilter.model_validate(
        {"state": {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED", "CANCELLING"]}}}
    )
    with client(land.api, None) as server:
        assert server.read_flow_runs(flow_run_filter=going) == []
