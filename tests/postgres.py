"""A PostgreSQL of our own, which can be killed and begun again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port

USER = "halos"


class Postgres:
    """A running database server in a folder of its own; it loses nothing that it said is written."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found and shutil.which("initdb") is None:
            pytest.skip("PostgreSQL is not installed")
        self._programs = found[-1] if found else Path(shutil.which("initdb") or "").parent
        # It refuses to run as root, and must be able to reach its folder.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._home, self._port, self._names = Path(tempfile.mkdtemp(prefix="halos-pg-")), free_port(), count()
        if self._user is not None:
            os.chown(self._home, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "-D", f"{self._home}/data", "-A", "trust", "-E", "UTF8", "-U", USER)
        self.begin()

    def begin(self) -> None:
        """Start it; returns when it answers."""
        options = f"-p {self._port} -k {self._home} -c listen_addresses=127.0.0.1"
        data = ("-D", f"{self._home}/data")
        self._run("pg_ctl", *data, "-w", "-t", "120", "-l", f"{self._home}/log", "-o", options, "start")

    def kill(self) -> bool:
        """The server and all its processes, without a warning; then again, as an init system does."""
        first = psutil.Process(int((self._home / "data/postmaster.pid").read_text().split()[0]))
        for each in [first, *first.children(recursive=True)]:
            each.kill()
        psutil.wait_procs([first], timeout=10)
        self.begin()
        return True

    def end(self) -> None:
        """End it without letting it put anything in order; it can begin again."""
        self._run("pg_ctl", "-D", f"{self._home}/data", "-m", "immediate", "stop")

    def stop(self) -> None:
        """End it, and leave nothing of it."""
        self.end()
        shutil.rmtree(self._home)

    def database(self, scheme: str = "postgresql", *extensions: str) -> str:
        """URL of a new database."""
        name = f"halos_{next(self._names)}"
        at = ("-h", "127.0.0.1", "-p", str(self._port), "-U", USER)
        self._run("createdb", *at, name)
        for each in extensions:
            self._run("psql", *at, "-d", name, "-c", f"create extension if not exists {each}")
        return f"{scheme}://{USER}@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            user=self._user,
            cwd=self._home,
            # A pipe would be kept open by the server that pg_ctl starts.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        log = self._home / "log"
        assert done.returncode == 0, (program, words, log.read_text()[-2000:] if log.exists() else "")
