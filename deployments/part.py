"""A part of the hub, such as its server: a process that ends when it is told to, or when the hub does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from deployments.errors import PartFailedError
from deployments.home import Home

# Beyond its own patience a guard needs a moment to kill what is left.
MARGIN = 5.0


@dataclass(frozen=True)
class Part:
    """A running part of the hub."""

    name: str
    home: Home
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """PartFailedError if it has ended."""
        if (status := self.process.poll()) is not None:
            raise self.failed(f"ended by itself with status {status}")

    def failed(self, reason: str) -> PartFailedError:
        """The error that tells how its log ends."""
        return PartFailedError(
            self.name, reason, str(self.home.log(self.name)), self.home.last_lines(self.name)
        )


@contextmanager
def running(
    name: str, home: Home, module: Sequence[str], environment: Mapping[str, str], *, patience: float
) -> Iterator[Part]:
    """A Python module with its arguments as a part of the hub, stopped at the end of the block.

    It stands in a session of its own, so that Ctrl-C in a terminal reaches the hub alone,
    which stops its parts in their order. It has `patience` seconds to finish by itself.
    """
    command = [sys.executable, "-m", "deployments.guard", str(patience), sys.executable, "-m", *module]
    with home.fresh_log(name).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=home.root,
            start_new_session=True,
        )
    try:
        yield Part(name, home, process)
    finally:
        _stopped(process, patience + MARGIN)


def _stopped(process: subprocess.Popen[bytes], patience: float) -> None:
    assert process.stdin is not None  # a pipe was asked for
    process.stdin.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
