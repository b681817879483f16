"""A hub's Prefect server, and a site with its worker as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.testing import samples
from deployments.audit import entries
from deployments.hub import free_port
from deployments.server import client
from deployments.site.site import Site, site_at
from deployments.site.start import laid
from flows.keys import Signer, keyring, signer
from flows.keys import laid as keys_laid
from flows.site_request import SiteRequest
from flows.ticket import signed

# A busy machine takes its time.
SECONDS = 180
LOGIN = "hub:secret-of-the-hub"


def until(truth: Callable[[], Any], seconds: float = SECONDS) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if said := truth():
            return said
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


@dataclass
class Hub:
    """A Prefect server of its own, that asks for a login."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def client(self) -> Any:
        return client(self.api, LOGIN)

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        told = {
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_HOME": str(self.folder),
            "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
            "PREFECT_API_AUTH_STRING": LOGIN,
            "PREFECT_API_URL": self.api,
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=kept | told, stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        assert self.process is not None
        # Its own processes stand in its session.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("server"), free_port("127.0.0.1"))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


@dataclass
class Place:
    """A site with its data, its worker, and somebody who may ask."""

    hub: Hub
    site: Site
    anna: Signer
    beam: Path
    secret: Path
    cache: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        told = {
            "PREFECT_API_AUTH_STRING": LOGIN,
            "PREFECT_HOME": str(self.site.folder.parent / "prefect"),
            "OMP_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
            "NUMBA_CACHE_DIR": str(self.cache),
        }
        command = [sys.executable, "-m", "halos", "site", "worker", str(self.site.folder)]
        with (self.site.folder.parent / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env=kept | told, stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGINT)
        for worker in self.workers:
            worker.wait(30)

    def request(self, *paths: str, recipe: str = "saxs", **parameters: Any) -> dict[str, Any]:
        asked = SiteRequest(recipe=recipe, paths=paths, parameters=parameters, label="a test")
        return asked.to_json()

    def good(self, name: str = "a.dat") -> dict[str, Any]:
        return self.request(f"beam/{name}")

    def ask(self, request: Any, ticket: str | None = None, **more: Any) -> str:
        """A run at the hub; its id. Without a ticket, one that anna signs now."""
        if ticket is None:
            ticket = signed(self.anna, self.site.name, request)
        with self.hub.client() as server:
            found = server.read_deployment_by_name(f"reduce-at-site/{self.site.name}")
            run = server.create_flow_run_from_deployment(
                found.id, parameters={"request": request, "ticket": ticket}, **more
            )
        return str(run.id)

    def state(self, run: str) -> Any:
        with self.hub.client() as server:
            return server.read_flow_run(run).state

    def final(self, run: str, seconds: float = SECONDS) -> Any:
        def over() -> Any:
            state = self.state(run)
            return state if state.is_final() else None

        return until(over, seconds)

    def answer(self, run: str) -> dict[str, Any]:
        state = self.final(run)
        assert state.is_completed(), f"{state.name}: {state.message}\n{self.log()}"
        said: dict[str, Any] = json.loads(state.message)
        return said

    def registered(self) -> bool:
        with self.hub.client() as server:
            return any(each.name == self.site.name for each in server.read_deployments())

    def audit(self, run: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        return [
            each
            for each in entries(self.site.audit)
            if (run is None or each.get("run") == run) and (event is None or each["event"] == event)
        ]

    def log(self) -> str:
        logs = [self.site.folder.parent / "worker.log", *self.site.jobs.glob("*/log.txt")]
        return "\n".join(path.read_text()[-3000:] for path in logs if path.exists())


@pytest.fixture(scope="session")
def place_for(
    prefect_server: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Place]]:
    """Lay a site that allows anna to ask for saxs of what lies below beam."""
    made: list[Place] = []
    cache = tmp_path_factory.mktemp("numba")

    def make(name: str, hub: Hub = prefect_server, **more: Any) -> Place:
        folder = tmp_path_factory.mktemp(name)
        beam, outside = folder / "data" / "beam", folder / "data" / "outside"
        for each in (beam, outside, folder / "data" / "clinic"):
            each.mkdir(parents=True)
        for number, each in enumerate(("a.dat", "b.dat", "c.dat"), start=1):
            samples.write_bioxtas(beam / each, samples.sphere_curve(200, radius=20.0 + number))
        samples.write_bioxtas(outside / "secret.dat", samples.sphere_curve(200, radius=50.0))
        samples.write_bioxtas(folder / "data" / "clinic" / "p.dat", samples.sphere_curve(200, radius=40.0))
        site = laid(folder / "site", name, {"beam": beam, "clinic": folder / "data" / "clinic"}, hub.api)
        private, public = keys_laid(folder / "people", "anna")
        public.rename(site.trusted / "anna.pub")
        policy = {
            "recipes": ["saxs", "structure"],
            "askers": [{"asker": "anna", "recipes": ["saxs"], "data": ["beam"]}],
        }
        site.policy.write_text(yaml.safe_dump(policy))
        said = yaml.safe_load((site.folder / "site.yaml").read_text()) | {"look_every_s": 0.5} | more
        (site.folder / "site.yaml").write_text(yaml.safe_dump(said))
        place = Place(hub, site_at(site.folder), signer(private), beam, outside / "secret.dat", cache)
        assert keyring(site.trusted)
        made.append(place)
        return place

    yield make
    for place in made:
        place.stop()


@pytest.fixture(scope="session")
def place(place_for: Callable[[str], Place]) -> Place:
    """A site whose worker is at work, for all tests that do not disturb it."""
    place = place_for("site-a")
    place.start()
    until(place.registered)
    return place
