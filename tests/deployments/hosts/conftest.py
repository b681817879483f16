"""Three hosts on one machine: a hub and two sites, each a network namespace with its own address and folder.

The hub has a real PostgreSQL, a real Prefect server and a real OpenSSH with a user for each site, laid out
as `docs/how-to/deploy-a-site.md` says. The addresses exist inside the namespaces only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.testing.sftp import program
from tests.deployments.hosts.database import make_database
from tests.deployments.hosts.hosts import Hosts
from tests.deployments.hosts.land import Host
from tests.deployments.hosts.network import kill_all, listen, make_network
from tests.deployments.hosts.process import postgres_program
from tests.deployments.hosts.ssh import make_ssh
from tests.deployments.hosts.users import make_users

NEEDED = ("ip", "sshd", "ssh-keygen", "setpriv")


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
    make_network(up)
    make_users(up)
    for host in up.all:
        listen(up, host)
    make_database(up)
    make_ssh(up)
    up.start_sshd()
    up.start_hub()


def end(up: Hosts) -> None:
    """Stop everything by its number, then take the network away, whatever went wrong before."""
    with suppress(Exception):
        if "hub" in up.processes:
            up.stop_hub()
    for host in (*up.sites.values(), up.hub):
        kill_all(host.namespace)
    kill_all(up.switch)
    for process in (*up.processes.values(), *up.others):
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    for namespace in (*(host.namespace for host in up.all), up.switch):
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)
    with suppress(OSError):
        Path("/etc/netns").rmdir()
    shutil.rmtree(up.root, ignore_errors=True)
