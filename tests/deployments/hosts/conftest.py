"""Three hosts on one machine: a hub and two sites, each a network namespace with its own address and folder.

The hub has a real PostgreSQL, a real Prefect server and a real OpenSSH with a user for each site, laid out
as `docs/how-to/deploy-a-site.md` says. The addresses exist inside the namespaces only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.testing.sftp import made_key, program

SHIPPED = Path(__file__).resolve().parents[3] / "deployments"
WIRE = Path(__file__).with_name("wire.py")
NEEDED = ("ip", "sshd", "ssh-keygen", "setpriv")
LOGIN = "hub:three-hosts"
PORT = 4200
SECONDS_TO_SERVE, SECONDS_TO_STOP = 300.0, 30.0
# Numbers that no real user has; the names exist inside the hub's namespace only.
GROUP, FIRST_USER = 64100, 64101


@dataclass
class Host:
    """A host: its namespace, its address there, its own folder, and its end of the switch."""

    name: str
    namespace: str
    address: str
    home: Path
    port: str


@dataclass
class Hosts:
    """A hub and two sites; everything started through it is stopped with it."""

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
            self._inside(host, argv),
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
                self._inside(host, argv),
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

    def _inside(self, host: Host, argv: Sequence[str | Path]) -> list[str]:
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
        found: dict[Any, bytes] = module.streams(self._kept(host))
        return found

    def _kept(self, host: Host) -> Path:
        return self.root / f"wire-{host.name}"

    # The parts of the hub, to be killed and started again ----------------------------------------------

    def start_database(self) -> None:
        """PostgreSQL on the hub, in its own folder; returns when it answers."""
        options = f"-p 5432 -k {self.root / 'pg'} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._as_postgres(
            "pg_ctl", "-D", self._data, "-w", "-l", self.root / "pg" / "log", "-o", options, "start"
        )

    def kill_database(self) -> None:
        """Kill PostgreSQL as a power failure would."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGKILL)
        _until(lambda: not Path(f"/proc/{main}").exists(), 10)
        # Its children notice by themselves; until then it does not start again.
        _until(lambda: "postgres" not in self._names(), 20)

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
                self._inside(self.hub, [*command, *folders]),
                env=self.environment(self.hub, HUB),
                cwd=self.hub.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        self.processes["hub"] = process
        try:
            _until(lambda: process.poll() is not None or self._served() is not None, SECONDS_TO_SERVE)
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
        _until(lambda: not self._guards(), SECONDS_TO_STOP)

    def _guards(self) -> list[int]:
        return [pid for pid in self.pids(self.hub) if b"deployments.guard" in _command(pid)]

    def start_sshd(self) -> None:
        """OpenSSH on the hub's port 22."""
        command = [str(program("sshd")), "-D", "-e", "-f", str(self.root / "ssh" / "config")]
        self.processes["sshd"] = self.popen(self.hub, command, log="sshd")
        _until(lambda: "Server listening" in (self.hub.home / "sshd.log").read_text(), 15)

    def stop_sshd(self) -> None:
        """Stop OpenSSH, and every session over it."""
        for pid in self.pids(self.hub):
            if _command(pid).startswith((b"sshd", str(program("sshd")).encode())):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.processes.pop("sshd").wait(SECONDS_TO_STOP)

    @property
    def _data(self) -> Path:
        return self.root / "pg" / "data"

    def _names(self) -> set[str]:
        return {_name(pid) for pid in self.pids(self.hub)}

    def _as_postgres(self, name: str, *arguments: str | Path) -> str:
        command = [postgres_program(name), *map(str, arguments)]
        user = pwd.getpwnam("postgres")
        who = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        # What it starts must not hold our ends of pipes.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(
                self._inside(self.hub, [*who, *command]),
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


HUB = {
    "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect:p@127.0.0.1:5432/prefect",
}


@pytest.fixture(scope="session")
def hosts() -> Iterator[Hosts]:
    """Three hosts that are up: hub served, sshd listening, every wire listened to."""
    if reason := lacking():
        pytest.skip(reason)
    # Every folder above one that a user is locked into must be root's alone, which /tmp is not.
    root = Path(tempfile.mkdtemp(prefix="halos-hosts-", dir="/srv"))
    root.chmod(0o755)
    up = laid(root)
    try:
        begin(up)
        yield up
    finally:
        end(up)


def lacking() -> str | None:
    """Why three hosts cannot be had here; None if they can."""
    if os.geteuid() != 0:
        return "three hosts need root"
    if missing := [name for name in NEEDED if program(name) is None]:
        return f"{missing[0]} is not installed"
    if postgres_program("initdb") == "":
        return "PostgreSQL is not installed"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "network namespaces are not installed: they are not allowed here" if tried.returncode else None


def laid(root: Path) -> Hosts:
    """The hosts as they will be; nothing is made yet."""
    names = [f"hx{os.getpid()}-{name}" for name in ("hub", "a", "b", "sw")]
    made = [
        Host(name, space, f"10.77.0.{number}", root / name, f"p{number}")
        for number, (name, space) in enumerate(zip(("hub", "site-a", "site-b"), names, strict=False), start=1)
    ]
    return Hosts(root, made[0], {"a": made[1], "b": made[2]}, names[3])


def begin(up: Hosts) -> None:
    """Make the network, then start what stands in it."""
    for host in up.all:
        host.home.mkdir()
    _make_network(up)
    _make_users(up)
    for host in up.all:
        _listen(up, host)
    _make_database(up)
    _make_ssh(up)
    up.start_sshd()
    up.start_hub()


def end(up: Hosts) -> None:
    """Stop everything by its number, then take the network away, whatever went wrong before."""
    with suppress(Exception):
        if "hub" in up.processes:
            up.stop_hub()
    for host in (*up.sites.values(), up.hub):
        _kill_all(host.namespace)
    _kill_all(up.switch)
    for process in (*up.processes.values(), *up.others):
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    for namespace in (*(host.namespace for host in up.all), up.switch):
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)
    with suppress(OSError):
        Path("/etc/netns").rmdir()
    shutil.rmtree(up.root, ignore_errors=True)


def _kill_all(namespace: str) -> None:
    for _ in range(50):
        done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
        if not (left := done.stdout.split()):
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.1)


def _make_network(up: Hosts) -> None:
    ip("netns", "add", up.switch)
    ip("-n", up.switch, "link", "add", "br0", "type", "bridge")
    ip("-n", up.switch, "link", "set", "br0", "up")
    for host in up.all:
        ip("netns", "add", host.namespace)
        there = ("peer", "name", host.port, "netns", up.switch)
        ip("-n", host.namespace, "link", "add", "eth0", "type", "veth", *there)
        ip("-n", up.switch, "link", "set", host.port, "master", "br0")
        ip("-n", up.switch, "link", "set", host.port, "up")
        ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
        ip("-n", host.namespace, "link", "set", "eth0", "up")
        ip("-n", host.namespace, "link", "set", "lo", "up")


def _make_users(up: Hosts) -> None:
    """Names and users that exist on these hosts only: `ip netns exec` lays these files over those of /etc."""
    names = "".join(f"{host.address} {host.name}\n" for host in up.all)
    for host in up.all:
        own = Path("/etc/netns") / host.namespace
        own.mkdir(parents=True)
        (own / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (own / "resolv.conf").write_text("")
    own = Path("/etc/netns") / up.hub.namespace
    users, groups = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for number, site in enumerate(up.sites, start=FIRST_USER):
        users += f"site-{site}:*:{number}:{GROUP}:products of site {site}:/:/usr/sbin/nologin\n"
    (own / "passwd").write_text(users)
    (own / "group").write_text(f"{groups}halos-sites:x:{GROUP}:\n")


def _make_database(up: Hosts) -> None:
    user = pwd.getpwnam("postgres")
    (up.root / "pg").mkdir()
    os.chown(up.root / "pg", user.pw_uid, user.pw_gid)
    up._as_postgres("initdb", "-D", up._data, "-A", "trust", "-E", "UTF8", "--no-sync")
    up.start_database()
    psql = ("psql", "-h", "127.0.0.1", "-q", "-d")
    up._as_postgres(*psql, "postgres", "-c", "create role prefect login password 'p'")
    up._as_postgres(*psql, "postgres", "-c", "create database prefect owner prefect")
    up._as_postgres(*psql, "prefect", "-c", "create extension if not exists pg_trgm")


def _make_ssh(up: Hosts) -> None:
    """A server as the shipped configuration has it, with a folder and a key for each site."""
    ssh = up.root / "ssh"
    (ssh / "authorized").mkdir(parents=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    vouched = made_key(ssh / "host").with_suffix(".pub").read_text().split()[:2]
    sites = (SHIPPED / "ssh" / "halos-sites.conf").read_text()
    sites = sites.replace("/srv/halos/incoming", str(up.incoming))
    sites = sites.replace("/etc/ssh/halos-sites", str(ssh / "authorized"))
    main = [
        "Port 22",
        f"ListenAddress {up.hub.address}",
        f"HostKey {ssh / 'host'}",
        "PidFile none",
        "UsePAM no",
    ]
    main += ["Subsystem sftp internal-sftp", "LogLevel VERBOSE"]
    (ssh / "config").write_text("\n".join([*main, sites]))
    up.incoming.mkdir(mode=0o751)
    for number, (name, host) in enumerate(up.sites.items(), start=FIRST_USER):
        (host.home / "keys").mkdir(mode=0o700)
        public = made_key(up.key(name)).with_suffix(".pub").read_text()
        (ssh / "authorized" / f"site-{name}").write_text(public)
        up.known_hosts(name).write_text(f"{up.hub.address} {' '.join(vouched)}\n")
        own = up.incoming / f"site-{name}"
        own.mkdir()
        os.chown(own, number, 0)
        own.chmod(0o2770)


def _listen(up: Hosts, host: Host) -> None:
    command = ["ip", "netns", "exec", up.switch, sys.executable, str(WIRE), host.port, str(up._kept(host))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    up.others.append(process)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"listening\n"


def ip(*arguments: str) -> str:
    """What `ip` says."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def postgres_program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps out of the way; empty if it is not there."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else shutil.which(name) or ""


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _until(truth: Callable[[], Any], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
