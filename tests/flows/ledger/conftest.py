"""Ledgers on both databases, with a clock that the test turns."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A PostgreSQL of our own; each call gives the URL of a new database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found and shutil.which("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    programs = found[-1] if found else Path(shutil.which("initdb") or "").parent
    # It refuses to run as root, and must be able to reach its folder.
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="halos-postgres-"))
    if user is not None:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)

    def run(program: str, *words: str) -> None:
        done = subprocess.run(
            [programs / program, *words], user=user, cwd=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    port = _free_port()
    run("initdb", "-D", f"{home}/data", "-A", "trust", "-E", "UTF8", "-U", "halos", "--no-sync")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50"
    # Its output must not be our pipe, which it would keep open.
    run("pg_ctl", "-D", f"{home}/data", "-w", "-l", f"{home}/log", "-o", options, "start")
    names = count()

    def database() -> str:
        name = f"ledger_{next(names)}"
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "halos", name)
        return f"postgresql://halos@127.0.0.1:{port}/{name}"

    yield database
    run("pg_ctl", "-D", f"{home}/data", "-m", "immediate", "stop")
    shutil.rmtree(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgres"))])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty ledger, on each database in turn."""
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    return Kept(request.getfixturevalue("postgres")())
