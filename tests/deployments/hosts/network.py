"""The network of the hosts: a switch, a wire to each, and an ear on every wire."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from tests.deployments.hosts.land import WIRE, Host, Land
from tests.deployments.hosts.process import ip


def make_network(up: Land) -> None:
    """A namespace for each host and for the switch, and the links between them."""
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


def listen(up: Land, host: Host) -> None:
    """Keep what crosses the wire of a host from now on; returns when somebody listens."""
    command = ["ip", "netns", "exec", up.switch, sys.executable, str(WIRE), host.port, str(up.heard(host))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    up.others.append(process)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"listening\n"


def kill_all(namespace: str) -> None:
    """Kill every process in a namespace, and those they start meanwhile."""
    for _ in range(50):
        done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
        if not (left := done.stdout.split()):
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.1)
