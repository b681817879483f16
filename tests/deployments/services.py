"""Services as an init system keeps them: real ones, begun again when they were killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

# What a service manager waits before it begins anew.
PAUSE_S = 1.0


class Service:
    """A process that is begun again when it was killed or failed, as an init system does."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.command, self.log, self.environment = name, command, log, environment
        self.over = threading.Event()
        self.begin()
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def _keep(self) -> None:
        while True:
            self.process.wait()
            if self.over.wait(PAUSE_S):
                return
            self.begin()

    def kill(self) -> bool:
        """Without a warning; what it had begun must end by itself. False if it was not up."""
        up = self.process.poll() is None
        self.process.kill()
        return up

    def stop(self) -> None:
        self.over.set()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.keeper.join()


class Postgres:
    """A database server of our own, which loses nothing that it said is written."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            pytest.skip("PostgreSQL is not installed")
        self.name, self.programs = "database", found[-1]
        self.user = "postgres" if os.geteuid() == 0 else None
        self.home, self.port = Path(tempfile.mkdtemp(prefix="halos-storm-")), free_port()
        if self.user is not None:
            os.chown(self.home, pwd.getpwnam(self.user).pw_uid, -1)
        self._run("initdb", "-D", f"{self.home}/data", "-A", "trust", "-E", "UTF8", "-U", "halos")
        self.begin()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "halos", "prefect")
        self._run("psql", *self._at(), "-c", "create extension if not exists pg_trgm")

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://halos@127.0.0.1:{self.port}/prefect"

    def begin(self) -> None:
        options = f"-p {self.port} -k {self.home} -c listen_addresses=127.0.0.1"
        data = f"{self.home}/data"
        self._run("pg_ctl", "-D", data, "-w", "-t", "120", "-l", f"{self.home}/log", "-o", options, "start")

    def kill(self) -> bool:
        """The server and all its processes, without a warning; then again, as an init system does."""
        first = psutil.Process(int((self.home / "data/postmaster.pid").read_text().split()[0]))
        for each in [first, *first.children(recursive=True)]:
            each.kill()
        psutil.wait_procs([first], timeout=10)
        self.begin()
        return True

    def stop(self) -> None:
        self._run("pg_ctl", "-D", f"{self.home}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.home)

    def _at(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", "halos", "-d", "prefect")

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.programs / program, *words],
            user=self.user,
            cwd=self.home,
            # A pipe would be kept open by the server that pg_ctl starts.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, (program, words, (self.home / "log").read_text()[-2000:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
