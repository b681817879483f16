"""The hub on one machine: a server with its database, one worker, and a form for each recipe."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.environment import login, surroundings
from deployments.errors import AddressError
from deployments.forms import Form, forms
from deployments.home import Home, laid
from deployments.part import Part, running
from deployments.server import (
    POOL,
    WORKER,
    Offered,
    await_healthy,
    await_worker,
    client,
    lay_pool,
    now,
    offer,
    patiently,
    settle,
)

# Seconds each part may take to stop by itself; together they stay well below fifteen.
WORKER_PATIENCE, RECEIVER_PATIENCE, SERVER_PATIENCE = 5.0, 2.0, 4.0
PAUSE = 0.5
EVERYWHERE = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_LOGIN = (
    "caution: whoever reaches {host} can start analyses here as you; "
    "set PREFECT_SERVER_API_AUTH_STRING=user:password to ask for a login"
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What hub is wanted: where it listens, where it keeps things, how much it does at once.

    `incoming` is the folder in which each site has one of its own to lay products into.
    """

    home: Home
    host: str = "127.0.0.1"
    port: int = 4200
    at_once: int = 2
    incoming: Path | None = None


@dataclass(frozen=True)
class Hub:
    """A hub that is up."""

    url: str
    home: Home
    offered: tuple[Offered, ...]
    parts: tuple[Part, ...]
    incoming: Path | None = None

    def wait(self) -> None:
        """Go on until interrupted; PartFailedError if a part ends by itself."""
        while True:
            for part in self.parts:
                part.check()
            time.sleep(PAUSE)

    def to_json(self) -> dict[str, Any]:
        """What a program needs to use the hub."""
        return {
            "url": self.url,
            "api": f"{self.url}/api",
            "pool": POOL,
            "process": os.getpid(),
            "home": str(self.home.root),
            "results": str(self.home.results),
            "incoming": None if self.incoming is None else str(self.incoming),
            "audit": str(self.home.audit),
            "deployments": [each.to_json() for each in self.offered],
        }


def home_at(root: Path | None, results: Path | None, environment: Mapping[str, str]) -> Home:
    """The hub's folder and its results: as given, as the environment says, or below the user's home."""
    chosen = root or Path(environment.get("HALOS_HOME") or Path.home() / ".halos")
    products = results or Path(environment.get("HALOS_RESULTS") or chosen / "results")
    return Home(chosen.expanduser().resolve(), products.expanduser().resolve())


def incoming_at(folder: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Where sites lay their products: as given, or as the environment says; None takes in nothing."""
    said = folder or environment.get("HALOS_INCOMING")
    return Path(said).expanduser().resolve() if said else None


@contextmanager
def hub(plan: Plan, say: Say, environment: Mapping[str, str]) -> Iterator[Hub]:
    """A hub that is up inside; afterwards its worker has stopped, then its server, and nothing is left."""
    port = plan.port or free_port(plan.host)
    url = f"http://{_named(plan.host)}:{port}"
    near = f"http://{_near(plan.host)}:{port}"
    with plan.home.held(url):
        if plan.incoming is not None:
            laid(plan.incoming)
        refuse_taken(plan.host, port)
        if plan.host not in LOOPBACK and login(environment) is None:
            say(NO_LOGIN.format(host=url))
        around = surroundings(environment, plan.home, plan.host, inside=f"{near}/api", outside=f"{url}/api")
        wanted = forms()
        say("starting the server ...")
        address = ("--host", plan.host, "--port", str(port))
        command = ("prefect", "server", "start", *address)
        with running("server", plan.home, command, around, patience=SERVER_PATIENCE) as server:
            await_healthy(server, near)
            yield from _served(plan, url, wanted, server, around, say)


def _served(
    plan: Plan, url: str, wanted: list[Form], server: Part, around: Mapping[str, str], say: Say
) -> Iterator[Hub]:
    with client(around["PREFECT_API_URL"], login(around)) as known:
        patiently(lambda: lay_pool(known), server)
        offered = patiently(lambda: tuple(offer(known, form, url) for form in wanted), server)
        if left := patiently(lambda: settle(known), server):
            say(f"{left} runs of the session before were cut short; they say so now")
        say("starting the worker ...")
        since = now()
        start = ("prefect", "worker", "start", "--pool", POOL, "--type", "process")
        command = (*start, "--name", WORKER, "--limit", str(plan.at_once))
        with ExitStack() as parts:
            receiver = [parts.enter_context(part) for part in _receiving(plan, around)]
            worker = parts.enter_context(
                running("worker", plan.home, command, around, patience=WORKER_PATIENCE)
            )
            await_worker(known, worker, since, server)
            yield Hub(url, plan.home, offered, (server, worker, *receiver), plan.incoming)


def _receiving(plan: Plan, around: Mapping[str, str]) -> list[AbstractContextManager[Part]]:
    """What takes in the products of sites, where a folder for them is named."""
    if plan.incoming is None:
        return []
    folders = (str(plan.incoming), str(plan.home.results), str(plan.home.audit))
    command = ("deployments.receiving", *folders)
    return [running("receiver", plan.home, command, around, patience=RECEIVER_PATIENCE)]


def refuse_taken(host: str, port: int) -> None:
    """AddressError if nobody could listen there."""
    try:
        with _listening(host, port):
            return
    except OSError as error:
        taken = "something listens there already" if error.errno == errno.EADDRINUSE else error.strerror
        raise AddressError(host, port, taken or str(error)) from error


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    try:
        with _listening(host, 0) as listener:
            port: int = listener.getsockname()[1]
            return port
    except OSError as error:
        raise AddressError(host, 0, error.strerror or str(error)) from error


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # A port that a finished server has just left is free for the next one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)
        yield listener


def _near(host: str) -> str:
    """The name under which this machine finds itself, though its own name may be known to nobody."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host) or _named(host)


def _named(host: str) -> str:
    """The name under which a browser finds this host."""
    name = socket.gethostname() if host in EVERYWHERE else host
    return f"[{name}]" if ":" in name else name
