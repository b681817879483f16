"""Hand requests to the process that opens and reduces runs, and start it again when it has died."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from deployments.site.caches import caches
from deployments.site.errors import WatchedAlreadyError

SECONDS_TO_LEAVE = 8.0
# A process that was left behind ends by itself within a few seconds.
SECONDS_FOR_THE_LAST = 30.0


class BenchDiedError(Exception):
    """The process ended in the middle of a request, or was ended because it took too long."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Hand:
    """One working process, begun when it is first needed; what it prints goes to `bench.log`."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self._log, self._lock = folder / "bench.log", folder / "bench.lock"
        self._environment = os.environ if cache is None else {**caches(cache), **os.environ}
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
        """The answer to a request, or BenchDiedError."""
        process = self._process if self._process is not None else self._begun()
        assert process.stdin is not None  # pipes were asked for
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._lost("")
        if not select.select([process.stdout], [], [], patience_s)[0]:
            process.kill()
            self._lost(f"it took longer than {patience_s:g} s")
        if not (line := process.stdout.readline()):
            self._lost("")
        said: dict[str, Any] = json.loads(line)
        return said

    def begin(self) -> None:
        """Start the process; one that a killed watcher left is waited for until it has ended."""
        if self._process is None:
            self._begun()

    def _begun(self) -> subprocess.Popen[str]:
        # The process keeps the lock for as long as it lives, and the system drops it however it ends.
        with self._log.open("ab") as log, self._lock.open("ab") as lock:
            self._locked(lock.fileno())
            # A session of its own: Ctrl-C in a terminal reaches the watcher, which ends it in order.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "deployments.site.bench"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                text=True,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
        return self._process

    def _locked(self, lock: int) -> None:
        patience = time.monotonic() + SECONDS_FOR_THE_LAST
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    raise WatchedAlreadyError(str(self._lock.parent), None) from error
                time.sleep(0.1)
            else:
                return

    def _lost(self, why: str) -> NoReturn:
        assert self._process is not None  # it was just asked
        status = self._process.wait()
        self.close()
        raise BenchDiedError(why or _ended(status))

    def close(self) -> None:
        """End the process; it leaves no half-made product."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _closed(pipe)
        try:
            process.wait(SECONDS_TO_LEAVE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _closed(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        # What was not sent yet was for a process that is gone.
        return


def _ended(status: int) -> str:
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with status {status}"
