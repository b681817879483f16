"""Who holds a lease, said so that others on the same machine can tell whether he is still alive."""

from __future__ import annotations

import os
import socket
import uuid
from functools import cache
from pathlib import Path


def myself() -> str:
    """The process that asks: machine, start of the machine, process, start of the process."""
    return f"{_machine()} {os.getpid()} {_born(os.getpid())}"


def gone(owner: str) -> bool:
    """Whether the owner is known to have ended; of another machine nobody knows."""
    machine, _, process = owner.rpartition(" ")[0].rpartition(" ")
    if machine != _machine() or not process.isdecimal():
        return False
    return _born(int(process)) != owner.rpartition(" ")[2]


def called(owner: str) -> str:
    """An owner in few words."""
    parts = owner.split(" ")
    return f"process {parts[-2]} on {parts[0]}" if len(parts) > 2 else owner


@cache
def _machine() -> str:
    # Processes have numbers within one start of a machine, and within one container of it.
    return f"{socket.gethostname()} {_boot()} {_container()}"


def _boot() -> str:
    known = Path("/proc/sys/kernel/random/boot_id")
    return known.read_text().strip() if known.exists() else f"{uuid.getnode():x}"


def _container() -> str:
    known = Path("/proc/self/ns/pid")
    return str(known.readlink()) if known.is_symlink() else "-"


def _born(process: int) -> str:
    import psutil

    try:
        said = psutil.Process(process)
        # A zombie has ended; only its parent has not looked yet.
        return "ended" if said.status() == psutil.STATUS_ZOMBIE else f"{said.create_time():.2f}"
    except psutil.NoSuchProcess:
        return "ended"
