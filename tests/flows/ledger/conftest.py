"""Ledgers on both databases, with a clock that the test turns."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from flows.ledger.ledger import Ledger, ledger_at


@dataclass
class Clock:
    """Stands until it is turned."""

    at: float = 1000.0

    def __call__(self, _: Any) -> float:
        return self.at


@dataclass
class Kept:
    """A ledger with its clock, and where it is."""

    url: str
    clock: Clock = field(default_factory=Clock)

    @property
    def ledger(self) -> Ledger:
        return ledger_at(self.url, now=self.clock, lease_s=10.0)


class Server:
    """A PostgreSQL of our own."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.programs, self.home, self.port = programs, home, _free_port()
        # It refuses to run as root, and must be able to reach its folder.
        self.user = "postgres" if os.geteuid() == 0 else None
        self.names = count()
        if self.user is not None:
            os.chown(home, pwd.getpwnam(self.user).pw_uid, -1)
        self.run("initdb", "-D", f"{home}/data", "-A", "trust", "-E", "UTF8", "-U", "halos", "--no-sync")

    def run(self, program: str, *words: str) -> None:
        command = [self.programs / program, *words]
        done = subprocess.run(
            command, user=self.user, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -k {self.home} -c listen_addresses=127.0.0.1 -c max_connections=50"
        # Its output must not be our pipe, which it would keep open.
        self.run("pg_ctl", "-D", f"{self.home}/data", "-w", "-l", f"{self.home}/log", "-o", options, "start")

    def kill(self) -> None:
        """End it without letting it put anything in order."""
        self.run("pg_ctl", "-D", f"{self.home}/data", "-m", "immediate", "stop")

    def database(self) -> str:
        """URL of a new database."""
        name = f"ledger_{next(self.names)}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "halos", name)
        return f"postgresql://halos@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server; skips where there is none to run."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found and shutil.which("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    home = Path(tempfile.mkdtemp(prefix="halos-postgres-"))
    server = Server(found[-1] if found else Path(shutil.which("initdb") or "").parent, home)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty ledger, on each database in turn."""
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    return Kept(request.getfixturevalue("postgres").database())
