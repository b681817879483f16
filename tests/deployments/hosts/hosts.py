"""Three hosts, with the parts of their hub: PostgreSQL, `halos serve` and OpenSSH."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from adapters.testing.sftp import program
from tests.deployments.hosts.land import LOGIN, PORT, Land
from tests.deployments.hosts.process import command_of, name_of, postgres_program, until

SECONDS_TO_SERVE, SECONDS_TO_STOP = 300.0, 30.0
HUB = {
    "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect:p@127.0.0.1:5432/prefect",
}


class Hosts(Land):
    """The hosts, with the parts of the hub to be killed and started again."""

    def start_database(self) -> None:
        """PostgreSQL on the hub, in its own folder; returns when it answers."""
        options = f"-p 5432 -k {self.root / 'pg'} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.as_postgres(
            "pg_ctl", "-D", self.data, "-w", "-l", self.root / "pg" / "log", "-o", options, "start"
        )

    def kill_database(self) -> None:
        """Kill PostgreSQL as a power failure would."""
        main = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{main}").exists(), 10)
        # Its children notice by themselves; until then it does not start again.
        until(lambda: "postgres" not in self._names(), 20)

    def start_hub(self) -> dict[str, Any]:
        """`halos serve` on the hub; returns what it says when it is ready."""
        command = ["halos", "serve", "--json", "--host", self.hub.address, "--port", str(PORT)]
        folders = ["--home", "kept", "--results", "results", "--incoming", str(self.incoming)]
        (self.hub.home / "serve.json").unlink(missing_ok=True)
        with (
            (self.hub.home / "serve.json").open("wb") as out,
            (self.hub.home / "serve.log").open("ab") as log,
        ):
            process = subprocess.Popen(
                self.inside(self.hub, [*command, *folders]),
                env=self.environment(self.hub, HUB),
                cwd=self.hub.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        self.processes["hub"] = process
        try:
            until(lambda: process.poll() is not None or self._served() is not None, SECONDS_TO_SERVE)
        except AssertionError as late:
            raise AssertionError(f"the hub is not up: {self.logs(self.hub)}") from late
        assert process.poll() is None, (self.hub.home / "serve.log").read_text()[-2000:]
        said = self._served()
        assert said is not None
        assert "error" not in said, said["error"]["message"]
        self.said = said
        return said

    def _served(self) -> dict[str, Any] | None:
        try:
            said: dict[str, Any] = json.loads((self.hub.home / "serve.json").read_text())
        except ValueError:
            return None
        return said

    def stop_hub(self, how: int = signal.SIGINT) -> None:
        """Stop `halos serve`, by SIGKILL if wanted; its parts follow by themselves."""
        process = self.processes.pop("hub")
        process.send_signal(how)
        process.wait(SECONDS_TO_STOP)
        until(lambda: not self._guards(), SECONDS_TO_STOP)

    def _guards(self) -> list[int]:
        return [pid for pid in self.pids(self.hub) if b"deployments.guard" in command_of(pid)]

    def start_sshd(self) -> None:
        """OpenSSH on the hub's port 22."""
        command = [str(program("sshd")), "-D", "-e", "-f", str(self.root / "ssh" / "config")]
        self.processes["sshd"] = self.popen(self.hub, command, log="sshd")
        until(lambda: "Server listening" in (self.hub.home / "sshd.log").read_text(), 15)

    def stop_sshd(self) -> None:
        """Stop OpenSSH, and every session over it."""
        for pid in self.pids(self.hub):
            if command_of(pid).startswith((b"sshd", str(program("sshd")).encode())):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.processes.pop("sshd").wait(SECONDS_TO_STOP)

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.root / "pg" / "data"

    def _names(self) -> set[str]:
        return {name_of(pid) for pid in self.pids(self.hub)}

    def as_postgres(self, name: str, *arguments: str | Path) -> str:
        """Run a program of PostgreSQL on the hub as its user, and return what it says."""
        command = [postgres_program(name), *map(str, arguments)]
        user = pwd.getpwnam("postgres")
        who = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        # What it starts must not hold our ends of pipes.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(
                self.inside(self.hub, [*who, *command]),
                env=self.environment(self.hub),
                cwd=self.root / "pg",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=60,
                check=False,
            )
            out.seek(0)
            said = out.read().decode(errors="replace")
        assert done.returncode == 0, f"{command}: {said}"
        return said
