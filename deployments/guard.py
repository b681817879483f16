"""Runs one program and outlives it by a moment: whoever started it gone, nothing of it stays behind.

`python -m deployments.guard SECONDS PROGRAM...` starts the program and waits. When its
own standard input ends, which happens too when its parent is killed, it interrupts the
program, gives it SECONDS to finish, and kills what is left of it and of all it started.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
PAUSE = 0.25


def main(seconds: float, program: Sequence[str]) -> int:
    """Run `program` until it ends or our parent does; its exit status."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, _leave)
    # There are no threads here, which is what makes preexec_fn safe.
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: PLW1509
    try:
        while child.poll() is None and not _parent_left():
            pass
        return _finished(child, seconds)
    finally:
        sweep()


def _leave(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _parent_left() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], PAUSE)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


def _finished(child: subprocess.Popen[bytes], seconds: float) -> int:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def adopt_orphans() -> None:
    """What our descendants leave behind becomes our child, so that we can find it (Linux)."""
    _prctl(SET_CHILD_SUBREAPER, 1)


def _die_with_parent() -> None:
    # Even a guard can be killed; its program is then told to end by the system.
    _prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def sweep() -> None:
    """Kill everything below this process, until there is nothing."""
    import psutil

    while left := psutil.Process().children(recursive=True):
        for each in left:
            try:
                each.kill()
            except psutil.NoSuchProcess:  # it went by itself
                continue
        psutil.wait_procs(left, timeout=1.0)
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
