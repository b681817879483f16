"""A real Slurm of one node, started by hand and without systemd, and stopped afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

NEEDED = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch")
SECONDS_TO_START = 40

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge/munge.sock
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2
MinJobAge=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=3000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be none here."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if any(shutil.which(name, path=path) is None for name in NEEDED):
        return "Slurm is not installed"
    return None if os.geteuid() == 0 else "Slurm is not installed for users: needs root"


@contextmanager
def slurm_node(home: Path) -> Iterator[dict[str, str]]:
    """A controller and a node of two cores; inside, what must stand in the environment to use it."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    _laid(home)
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "SLURM_CONF": f"{home}/slurm.conf"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    run(*_munged(home))
    try:
        run("slurmctld")
        run("slurmd")
        deadline = time.monotonic() + SECONDS_TO_START
        while "idle" not in run("sinfo", "--noheader", "--format=%T"):
            assert time.monotonic() < deadline, (home / "log" / "slurmctld.log").read_text()[-2000:]
            time.sleep(0.5)
        yield environment
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            pid = home / f"{name}.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text().strip()], check=False)
                time.sleep(1)


def _laid(home: Path) -> None:
    for name in ("state", "spool", "log", "munge"):
        (home / name).mkdir()
    # The daemon of munge refuses a key that others could replace.
    for folder in (home, *list(home.parents)[:-1]):
        folder.chmod(folder.stat().st_mode & ~0o022 | (0o1022 if folder.name == "tmp" else 0))
    key = home / "munge" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    (home / "munge").chmod(0o755)
    host = socket.gethostname().split(".")[0]
    ports = {"port": free_port(), "node_port": free_port()}
    (home / "slurm.conf").write_text(CONF.format(home=home, host=host, **ports))


def _munged(home: Path) -> list[str]:
    return [
        "munged",
        "--force",
        f"--key-file={home}/munge/munge.key",
        f"--socket={home}/munge/munge.sock",
        f"--pid-file={home}/munged.pid",
        f"--log-file={home}/log/munged.log",
        f"--seed-file={home}/munge/seed",
    ]
