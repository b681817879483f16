"""The folder a hub keeps its books in: one hub at a time, its logs, its results."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.errors import HomeInUseError, HomeUnusableError

LAST_LINES = 15


@dataclass(frozen=True)
class Home:
    """Where a hub's database and logs lie, and where its products go."""

    root: Path
    results: Path

    @property
    def server(self) -> Path:
        """The folder of the server's own database and settings."""
        return self.root / "server"

    @property
    def audit(self) -> Path:
        """What came in, one line each, in a log that shows when it was changed."""
        return self.root / "audit.jsonl"

    def log(self, part: str) -> Path:
        """Where a part of the hub writes its log."""
        return self.root / "logs" / f"{part}.log"

    def fresh_log(self, part: str) -> Path:
        """An empty log; that of the session before is kept beside it."""
        log = self.log(part)
        if log.exists():
            log.replace(log.with_suffix(".before.log"))
        return log

    def last_lines(self, part: str) -> str:
        """How the log of a part ends."""
        lines = self.log(part).read_text(errors="replace").splitlines() if self.log(part).exists() else []
        return "\n".join([line for line in lines if line.strip()][-LAST_LINES:])

    @contextmanager
    def held(self, url: str) -> Iterator[None]:
        """Inside, the home is ours; HomeInUseError where it is another hub's.

        The system drops the lock when its process ends, however it ends, so none is ever stale.
        """
        self._laid()
        with (self.root / "hub.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                process, place = self._holder()
                raise HomeInUseError(str(self.root), process, place) from error
            lock.truncate(0)
            lock.write(json.dumps({"process": os.getpid(), "url": url}))
            lock.flush()
            try:
                yield
            finally:
                lock.truncate(0)

    def _laid(self) -> None:
        for folder in (self.root, self.server, self.root / "logs", self.results):
            laid(folder)
            if not os.access(folder, os.W_OK):
                raise HomeUnusableError(str(folder), "it may not be written to")

    def _holder(self) -> tuple[int | None, str | None]:
        try:
            said = json.loads((self.root / "hub.lock").read_text())
            return int(said["process"]), str(said["url"])
        except (ValueError, KeyError):  # the other hub is just writing it
            return None, None


def laid(folder: Path) -> None:
    """Make a folder, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusableError(str(folder), error.strerror or str(error)) from error
