"""The processes that reduce for the hub: each is begun by the worker, and dies with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.site.caches import caches
from deployments.site.job import ANSWER, ORDER, PROGRESS, durably

# A reduction that is told to end has this long to leave no half-made product.
PATIENCE_S = 4.0
LOG = "log.txt"
# None of the hub's settings and no login reach a reduction.
KEPT_BACK = ("PREFECT", "PYTHON", "HALOS_KEY", "SSH_", "AWS_", "DBUS_")


class Jobs:
    """Reductions that are going on, by the id of their run."""

    def __init__(self, site: Path, folder: Path, cache: Path) -> None:
        self._site, self._folder, self._cache = site, folder, cache
        self._going: dict[str, subprocess.Popen[bytes]] = {}

    def __len__(self) -> int:
        return len(self._going)

    def __contains__(self, run: str) -> bool:
        return run in self._going

    def __iter__(self) -> Any:
        return iter(tuple(self._going))

    def start(self, run: str, order: Mapping[str, Any]) -> None:
        """Begin the reduction of a run; what an earlier one answered counts."""
        work = self._folder / run
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        durably(work / ORDER, order)
        job = [sys.executable, "-I", "-m", "deployments.site.job", str(self._site), run]
        guard = [sys.executable, "-I", "-m", "deployments.guard", str(PATIENCE_S)]
        with (work / LOG).open("ab") as log:
            self._going[run] = subprocess.Popen(
                [*guard, *job],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._surroundings(work),
                cwd=work,
                start_new_session=True,
            )

    def _surroundings(self, work: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(KEPT_BACK)}
        own = {
            "PREFECT_HOME": str(work / "prefect"),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "DO_NOT_TRACK": "1",
            "HOME": str(work),
            "TMPDIR": str(work),
            "XDG_CACHE_HOME": str(self._cache),
            "MPLBACKEND": "Agg",
        }
        return {**caches(self._cache), **kept, **own}

    def ended(self) -> list[tuple[str, int]]:
        """Runs whose process has ended, with its status; they are no longer counted as going on."""
        over = [
            (run, process.returncode) for run, process in self._going.items() if process.poll() is not None
        ]
        for run, _ in over:
            self._closed(self._going.pop(run))
        return over

    def answer(self, run: str) -> dict[str, Any] | None:
        """What came of a run, None where its process left no answer."""
        return self._left(run, ANSWER)

    def progress(self, run: str) -> dict[str, Any] | None:
        """How far a run has come, None where it has not told yet."""
        return self._left(run, PROGRESS)

    def again(self, run: str) -> None:
        """Forget what a run answered, so that it can be begun again."""
        (self._folder / run / ANSWER).unlink(missing_ok=True)

    def cleared(self, run: str, *, keep: bool) -> None:
        """Clear away what a run left; with `keep` its log stays for the site's people."""
        work = self._folder / run
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
            return
        for each in work.iterdir() if work.is_dir() else ():
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)

    def stop(self, run: str) -> None:
        """End the reduction of a run."""
        if (process := self._going.pop(run, None)) is not None:
            self._closed(process)
            self._waited(process)

    def close(self) -> None:
        """End all reductions."""
        processes = list(self._going.values())
        self._going.clear()
        for each in processes:
            self._closed(each)
        for each in processes:
            self._waited(each)

    def _closed(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # a pipe was asked for
        process.stdin.close()

    def _waited(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(PATIENCE_S + 5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _left(self, run: str, name: str) -> dict[str, Any] | None:
        try:
            said: dict[str, Any] = json.loads((self._folder / run / name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return said
