"""Hosts as places: what is where on each, what runs there, and the links between them."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deployments.hosts.process import ip

WIRE = Path(__file__).with_name("wire.py")
LOGIN = "hub:three-hosts"
PORT = 4200


@dataclass
class Host:
    """A host: its namespace, its address there, its own folder, and its end of the switch."""

    name: str
    namespace: str
    address: str
    home: Path
    port: str


@dataclass
class Land:
    """A hub and two sites, their programs and their links; what is started through it is stopped with it."""

    root: Path
    hub: Host
    sites: dict[str, Host]
    switch: str
    said: dict[str, Any] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # What is where -------------------------------------------------------------------------------------

    @property
    def all(self) -> tuple[Host, ...]:
        """The hub first."""
        return (self.hub, *self.sites.values())

    @property
    def api(self) -> str:
        """Of the hub, for PREFECT_API_URL; every host has it in its environment."""
        return f"http://{self.hub.address}:{PORT}/api"

    @property
    def results(self) -> Path:
        """The hub's products."""
        return self.hub.home / "results"

    @property
    def incoming(self) -> Path:
        """Where sites lay products; `incoming/site-a` is the folder of site a."""
        return self.root / "incoming"

    @property
    def audit(self) -> Path:
        """The hub's audit log."""
        return self.hub.home / "kept" / "audit.jsonl"

    def target(self, site: str) -> str:
        """The URL to which a site sends its products, for its policy.yaml."""
        return f"sftp://site-{site}@{self.hub.address}/site-{site}"

    def key(self, site: str) -> Path:
        """The private key by which a site gets in there."""
        return self.sites[site].home / "keys" / "transfer"

    def known_hosts(self, site: str) -> Path:
        """The file of a site that vouches for the hub's host key."""
        return self.sites[site].home / "keys" / "known_hosts"

    def equip(self, site: str, folder: Path) -> None:
        """Lay the site's key and its known hosts into a folder that `halos site init` made."""
        (folder / "keys").mkdir(exist_ok=True)
        for file in (self.key(site), self.known_hosts(site)):
            shutil.copy2(file, folder / "keys" / file.name)

    def environment(self, host: Host, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """What processes on a host are told: the hub's address and login, a home of their own."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return {
            **kept,
            "HOME": str(host.home),
            "PREFECT_HOME": str(host.home / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_API_AUTH_STRING": LOGIN,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "OMP_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }

    # Running things ------------------------------------------------------------------------------------

    def run(
        self,
        host: Host,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        timeout: float = 120,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host to its end; `halos` and `python` are those of this environment."""
        done = subprocess.run(
            self.inside(host, argv),
            env=self.environment(host, env),
            cwd=host.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{list(map(str, argv))}: {done.stdout}{done.stderr}"
        return done

    def popen(
        self,
        host: Host,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        log: str = "other",
    ) -> subprocess.Popen[bytes]:
        """Start a program on a host; what it prints is added to `host.home/LOG.log`."""
        with (host.home / f"{log}.log").open("ab") as file:
            process = subprocess.Popen(
                self.inside(host, argv),
                env=self.environment(host, env),
                cwd=host.home,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.others.append(process)
        return process

    def logs(self, host: Host) -> str:
        """How every log of a host ends, for the message of a test that failed."""
        found = sorted(host.home.rglob("*.log"))
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-1500:]}" for path in found)

    def pids(self, host: Host) -> list[int]:
        """Every process on a host."""
        return [int(each) for each in ip("netns", "pids", host.namespace).split()]

    def inside(self, host: Host, argv: Sequence[str | Path]) -> list[str]:
        """The command that runs another one on a host."""
        own = {"python": [sys.executable], "halos": [sys.executable, "-m", "halos"]}
        first, *rest = map(str, argv)
        return ["ip", "netns", "exec", host.namespace, *own.get(first, [first]), *rest]

    # The links -----------------------------------------------------------------------------------------

    def cut(self, host: Host) -> None:
        """Pull a host's plug."""
        ip("-n", self.switch, "link", "set", host.port, "down")

    def heal(self, host: Host) -> None:
        """Put it in again."""
        ip("-n", self.switch, "link", "set", host.port, "up")

    def bytes_sent(self, host: Host) -> int:
        """Everything that a host has put on its wire, with all headers, since the start."""
        return self._counted(host, "tx")

    def bytes_received(self, host: Host) -> int:
        """Everything that came to a host over its wire."""
        return self._counted(host, "rx")

    def _counted(self, host: Host, way: str) -> int:
        said = json.loads(ip("-n", host.namespace, "-s", "-j", "link", "show", "dev", "eth0"))
        return int(said[0]["stats64"][way]["bytes"])

    def seen(self, host: Host, needle: bytes) -> int:
        """How often `needle` crossed a host's wire in the open, in either direction."""
        return sum(content.count(needle) for content in self.streams(host).values())

    def streams(self, host: Host) -> dict[Any, bytes]:
        """What each connection over a host's wire carried: (from, port, to, port) to bytes."""
        wire = importlib.util.spec_from_file_location("wire", WIRE)
        assert wire is not None
        assert wire.loader is not None
        module = importlib.util.module_from_spec(wire)
        wire.loader.exec_module(module)
        found: dict[Any, bytes] = module.streams(self.heard(host))
        return found

    def heard(self, host: Host) -> Path:
        """The file of everything that crossed a host's wire."""
        return self.root / f"wire-{host.name}"
