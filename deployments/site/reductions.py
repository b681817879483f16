"""The reductions of a worker: begun when there is room, their answers kept until the hub has heard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.stores.errors import StoreError
from deployments.audit import Audit
from deployments.site import job
from deployments.site.errors import RefusedError
from deployments.site.jobs import Jobs
from deployments.site.journal import Journal, Row, Stage
from deployments.site.policy import Leave
from deployments.site.site import Site
from deployments.site.ways import Ways, decided

MOST_ATTEMPTS = 3
SECONDS_TO_HAND_ON_AGAIN, LONGEST_WAIT_S = 30.0, 600.0
REFUSED = {"type": "FAILED", "name": "Refused", "message": str(RefusedError())}
RUNNING = {"type": "RUNNING", "name": "Running"}

Say = Callable[[str], None]


class Reductions:
    """What is done at the site, whether the hub can be reached or not."""

    def __init__(self, site: Site, journal: Journal, jobs: Jobs, audit: Audit, say: Say, ways: Ways) -> None:
        self.site, self.journal, self.jobs = site, journal, jobs
        self.audit, self.say, self._ways = audit, say, ways

    def take_up(self) -> None:
        """Make of runs that a killed worker was reducing runs to be reduced."""
        for row in self.journal.of(Stage.RUNNING):
            self.say(f"taken up     {row.run}")
            self.audit.written("taken up", run=row.run, ticket=row.order["ticket"])
            self.journal.write(replace(row, stage=Stage.TAKEN, due=time.time()))

    def begin(self) -> None:
        """Begin what is due, as far as there is room."""
        for row in self.journal.of(Stage.TAKEN):
            if len(self.jobs) >= self.site.at_once:
                return
            if row.due <= time.time():
                self.journal.write(replace(row, stage=Stage.RUNNING, report=RUNNING))
                self.audit.written("begun", run=row.run, ticket=row.order["ticket"])
                self.jobs.start(row.run, row.order)
                self.say(f"reducing     {row.run}")

    def reap(self) -> None:
        """Take note of what has ended."""
        for run, status in self.jobs.ended():
            row = self.journal.row(run)
            if row is None or row.stage is not Stage.RUNNING:
                continue
            answer = self.jobs.answer(run)
            if answer is None:
                self._died(row, status)
            else:
                {job.DONE: self._done, job.WAITING: self._wait}.get(answer["state"], self._failed)(
                    row, answer
                )

    def _died(self, row: Row, status: int) -> None:
        attempts = row.attempts + 1
        self.audit.written("died", run=row.run, status=status, attempt=attempts)
        if attempts >= MOST_ATTEMPTS:
            reason = f"the reduction ended {attempts} times without an answer; the site keeps its log"
            self.answer(row, {"type": "CRASHED", "name": "Crashed", "message": reason})
        else:
            self.journal.write(
                replace(row, stage=Stage.TAKEN, attempts=attempts, due=time.time() + 2.0**attempts)
            )

    def _done(self, row: Row, answer: Mapping[str, Any]) -> None:
        folder = Path(answer["folder"])
        try:
            going = self._on_its_way(folder)
        except (OSError, StoreError) as error:
            self._not_yet(row, folder, error)
            return
        facts = {"key": answer["key"], "recipe": answer["recipe"], "product": folder.name}
        said = {**facts, "cached": answer["cached"], "left": going.to is not None, "reason": going.reason}
        self.audit.written("reduced", run=row.run, **said, to=going.to, fenced=answer["fenced"])
        self.say(f"done         {row.run}: {folder.name}" + (f" ({going.reason})" if going.reason else ""))
        self.answer(row, {"type": "COMPLETED", "name": "Completed", "message": json.dumps(said)})

    def _on_its_way(self, folder: Path) -> Leave:
        going = decided(self.site, folder)
        if going.to is not None:
            self._ways.hand_on(folder, going.to)
        return going

    def _not_yet(self, row: Row, folder: Path, error: Exception) -> None:
        """A full disk may be emptied; a product that was taken away meanwhile is made again."""
        if isinstance(error, StoreError):
            self.jobs.again(row.run)
        self.audit.written("kept back", run=row.run, product=folder.name, reason=str(error))
        self.journal.write(replace(row, stage=Stage.TAKEN, due=time.time() + SECONDS_TO_HAND_ON_AGAIN))

    def _wait(self, row: Row, answer: Mapping[str, Any]) -> None:
        reason, now = answer["reason"], time.time()
        if now - row.since > self.site.waits_at_most_s:
            self._failed(row, {"reason": f"not ready after {self.site.waits_at_most_s:g} s: {reason}"})
            return
        self.jobs.again(row.run)
        attempts = row.order.get("waited", 0)
        due = now + min(answer["again_s"] * 2.0 ** min(attempts, 20), LONGEST_WAIT_S)
        told = {
            "type": "SCHEDULED",
            "name": "AwaitingRetry",
            "message": reason,
            "state_details": {"scheduled_time": datetime.fromtimestamp(due, UTC).isoformat()},
        }
        self.audit.written("waiting", run=row.run, reason=reason)
        self.say(f"waiting      {row.run}: {reason}")
        order = {**row.order, "waited": attempts + 1}
        self.journal.write(replace(row, stage=Stage.TAKEN, due=due, order=order, report=told))

    def _failed(self, row: Row, answer: Mapping[str, Any]) -> None:
        reason = answer["reason"]
        if answer.get("state") == job.REFUSED:
            self.audit.written("refused", run=row.run, reason=reason)
            self.say(f"refused      {row.run}: {reason}")
            self.answer(row, REFUSED)
        else:
            self.audit.written("quarantined", run=row.run, reason=reason)
            self.say(f"quarantined  {row.run}: {reason}")
            self.answer(row, {"type": "FAILED", "name": "Quarantined", "message": reason})

    def answer(self, row: Row, state: Mapping[str, Any]) -> None:
        """The run is over here; its state is told as soon as the hub can hear it."""
        self.journal.write(replace(row, stage=Stage.ANSWERED, report=dict(state)))
