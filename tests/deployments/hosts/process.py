"""Programs and processes of this machine: what they say, what they are called, and waiting for them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def ip(*arguments: str) -> str:
    """What `ip` says."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def postgres_program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps out of the way; empty if it is not there."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else shutil.which(name) or ""


def command_of(pid: int) -> bytes:
    """The words a process was started with; empty if there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def name_of(pid: int) -> str:
    """The name of a process; empty if there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def until(truth: Callable[[], Any], seconds: float) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
