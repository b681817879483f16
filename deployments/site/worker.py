"""The site's worker: takes signed requests from the hub, decides by its own rules, and reduces here."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from configs.load import ConfigurationError
from deployments.audit import Audit
from deployments.site import job, judge
from deployments.site.errors import RefusedError, SiteFaultsError, WorkedAlreadyError
from deployments.site.jobs import Jobs
from deployments.site.journal import Journal, Row, Stage
from deployments.site.link import HEARTBEAT_S, REQUEST, TICKET, GoneError, Link, LinkError
from deployments.site.policy import Leave, leave
from deployments.site.site import Site

MOST_ATTEMPTS = 3
LONGEST_BACK_OFF_S, LONGEST_WAIT_S = 30.0, 600.0
SECONDS_BETWEEN_PROGRESS = 2.0
LOGIN = "PREFECT_API_AUTH_STRING"
REFUSED = {"type": "FAILED", "name": "Refused", "message": str(RefusedError())}
RUNNING = {"type": "RUNNING", "name": "Running"}
LOST = "the site knows nothing of this run; its books are younger: ask again"

Say = Callable[[str], None]
# Where a product goes that may leave: called with its folder and the URL that the policy names.
OnProduct = Callable[[Path, str], None]


@contextmanager
def working(site: Site, say: Say, on_product: OnProduct | None = None) -> Iterator[Worker]:
    """A worker of a site whose places and policy are in order; one at a time, WorkedAlreadyError else."""
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    api, login = hub_of(site), os.environ.get(LOGIN) or None
    with _alone(site), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        judge.sound_policy(site)
        if faults := site.places():
            raise SiteFaultsError(str(site.folder), tuple(faults))
        audit = Audit(site.audit, secrets=(login, *(login or "").split(":", 1)[1:]))
        link = Link(api, login, site.name)
        jobs = Jobs(site.folder, site.jobs, site.cache)
        audit.written("worker started", site=site.name, hub=api, process=os.getpid())
        try:
            yield Worker(site, link, Journal(site.journal), jobs, audit, say, on_product)
        finally:
            jobs.close()
            link.close()
            audit.written("worker stopped", site=site.name, process=os.getpid())


def hub_of(site: Site) -> str:
    """The API of the site's hub; SiteFaultsError if nobody says where it is."""
    if (api := site.hub or os.environ.get("PREFECT_API_URL")) is None:
        said = "the hub is not known: set hub in site.yaml, such as https://hub.example.org/api"
        raise SiteFaultsError(str(site.folder), (said,))
    return api


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    # The system drops the lock when its process ends, however it ends, so none is ever stale.
    with (site.folder / "worker.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            raise WorkedAlreadyError(str(site.folder), int(holder) if holder else None) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Worker:
    """Takes runs, has them reduced, and tells the hub; what it cannot tell it keeps and tells later."""

    def __init__(
        self,
        site: Site,
        link: Link,
        journal: Journal,
        jobs: Jobs,
        audit: Audit,
        say: Say,
        hand: OnProduct | None,
    ) -> None:
        self.site, self.link, self.journal, self.jobs = site, link, journal, jobs
        self.audit, self.say, self._hand = audit, say, hand
        self._failures, self._link_due, self._beat_due = 0, 0.0, 0.0
        self._registered = False
        self._shown: dict[str, tuple[str | None, float]] = {}

    def on(self) -> None:
        """Work until interrupted."""
        self.take_up()
        while True:
            self.turn()
            time.sleep(self.site.look_every_s)

    def take_up(self) -> None:
        """Make of runs that a killed worker was reducing runs to be reduced."""
        for row in self.journal.of(Stage.RUNNING):
            self.say(f"taken up     {row.run}")
            self.audit.written("taken up", run=row.run, ticket=row.order["ticket"])
            self.journal.write(replace(row, stage=Stage.TAKEN, due=time.time()))

    def turn(self) -> None:
        """One round: what has ended, what the hub has and hears, what can begin."""
        self._reap()
        if time.time() >= self._link_due:
            self._talk()
        self._begin()

    # --- with the hub

    def _talk(self) -> None:
        try:
            if not self._registered:
                self.link.register()
                self._registered = True
                self._settle_lost()
            if time.time() >= self._beat_due:
                self.link.heartbeat()
                self._beat_due = time.time() + HEARTBEAT_S
            self._look()
            for row in self.journal.of(Stage.SIGHTED):
                self._claim(row)
            self._heed_the_cancelled()
            self._report()
            self._show_progress()
        except LinkError as error:
            self._away(error)
        except GoneError:
            # The pool itself was taken away; the next round makes it anew.
            self._registered = False
        else:
            self._back()

    def _away(self, error: LinkError) -> None:
        self._failures += 1
        # A busy hub may be unable once; only twice in a row is an event.
        if self._failures == 2:
            self.say(f"{error}; work goes on, and is told when the hub is back")
            self.audit.written("link lost", reason=str(error))
        back_off = self.site.look_every_s * 2.0 ** min(self._failures, 20)
        self._link_due = time.time() + min(back_off, LONGEST_BACK_OFF_S)
        self._registered = False

    def _back(self) -> None:
        if self._failures > 1:
            self.say("the hub is back")
            self.audit.written("link back")
        self._failures, self._link_due = 0, 0.0

    def _settle_lost(self) -> None:
        """Say of runs that the hub gave this site, and that it knows nothing of, that they were lost."""
        for run, kind in self.link.going():
            row = self.journal.row(run)
            if row is None or (row.stage is Stage.OVER and row.report is None):
                self.audit.written("lost", run=run, reason=LOST)
                name = "Cancelled" if kind == "CANCELLING" else "Crashed"
                self.link.told(run, {"type": name.upper(), "name": name, "message": LOST})

    def _look(self) -> None:
        for run in self.link.scheduled():
            row = self.journal.row(str(run.id))
            if row is None or row.stage is Stage.OVER:
                self._judge(str(run.id), run)

    def _judge(self, name: str, run: Any) -> None:
        if ignored := self.link.ignored(run):
            self.audit.written("ignored", run=name, said=ignored)
        said, ticket = run.parameters.get(REQUEST), run.parameters.get(TICKET)
        # Whatever goes wrong in judging, a policy that cannot be read too, is a refusal.
        try:
            request, opened = judge.asked(self.site, said, ticket, time.time())
            judge.placed(self.site, judge.data_for(self.site, request.recipe, opened.key), request)
            order = {
                "request": request.to_json(),
                "ticket": opened.id,
                "asker": opened.asker,
                "key": opened.key,
            }
            self.journal.sighted(name, opened.id, order)
        except Exception as error:
            self._refuse(name, f"{type(error).__name__}: {error}", said)
            return
        self.audit.written(
            "accepted",
            run=name,
            asker=opened.asker,
            key=opened.key,
            ticket=opened.id,
            recipe=request.recipe,
            digest=opened.request,
        )
        self.say(f"accepted     {name}: {request.recipe} for {opened.asker}")

    def _refuse(self, name: str, reason: str, request: Any) -> None:
        self.audit.written("refused", run=name, reason=reason, request=str(request))
        self.say(f"refused      {name}: {reason}")
        now = time.time()
        self.journal.write(Row(name, Stage.ANSWERED, {}, now, now, 0, REFUSED))

    def _claim(self, row: Row) -> None:
        try:
            ours = self.link.claimed(row.run)
        except GoneError:
            ours = None
        if ours:
            self.journal.write(replace(row, stage=Stage.TAKEN))
        elif ours is None:
            self._over(row, "ended by the hub before it began")
        else:
            # It was not given to us this time, such as for a limit at the hub; it will be offered again.
            self.journal.forget(row.run)

    def _heed_the_cancelled(self) -> None:
        if not self.journal.of(Stage.TAKEN, Stage.RUNNING):
            return
        for run in [run for run, kind in self.link.going() if kind == "CANCELLING"]:
            row = self.journal.row(run)
            if row is not None and row.stage in (Stage.TAKEN, Stage.RUNNING):
                self.jobs.stop(run)
                self.audit.written("cancelled", run=run)
                self._answer(row, {"type": "CANCELLED", "name": "Cancelled", "message": "as was asked for"})

    def _report(self) -> None:
        for row in self.journal.untold():
            try:
                self.link.told(row.run, row.report or {})
            except GoneError:
                self._over(row, "the hub knows it no more")
                continue
            if row.stage is Stage.ANSWERED:
                self.audit.written("reported", run=row.run, state=(row.report or {})["name"])
                self.jobs.cleared(row.run, keep=(row.report or {})["type"] != "COMPLETED")
            stage = Stage.OVER if row.stage is Stage.ANSWERED else row.stage
            self.journal.write(replace(row, stage=stage, report=None))

    def _over(self, row: Row, reason: str) -> None:
        self.jobs.stop(row.run)
        self.audit.written("over", run=row.run, reason=reason)
        self.journal.write(replace(row, stage=Stage.OVER, report=None))
        self.jobs.cleared(row.run, keep=False)

    def _show_progress(self) -> None:
        for run in self.jobs:
            shown, last = self._shown.get(run, (None, 0.0))
            said = self.jobs.progress(run)
            if said is not None and time.time() - last >= SECONDS_BETWEEN_PROGRESS:
                percent = 100.0 * said["done"] / max(said["total"], 1)
                shown = self.link.progress(run, shown, said["what"], percent)
                self._shown[run] = (shown, time.time())

    # --- at the site

    def _begin(self) -> None:
        for row in self.journal.of(Stage.TAKEN):
            if len(self.jobs) >= self.site.at_once:
                return
            if row.due <= time.time():
                self.journal.write(replace(row, stage=Stage.RUNNING, report=RUNNING))
                self.audit.written("begun", run=row.run, ticket=row.order["ticket"])
                self.jobs.start(row.run, row.order)
                self.say(f"reducing     {row.run}")

    def _reap(self) -> None:
        for run, status in self.jobs.ended():
            self._shown.pop(run, None)
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
            self._answer(row, {"type": "CRASHED", "name": "Crashed", "message": reason})
        else:
            self.journal.write(
                replace(row, stage=Stage.TAKEN, attempts=attempts, due=time.time() + 2.0**attempts)
            )

    def _done(self, row: Row, answer: Mapping[str, Any]) -> None:
        folder = Path(answer["folder"])
        going = self._leave(folder)
        if going.to is not None and self._hand is None:
            going = Leave(None, "this site has no way out for products")
        if going.to is not None and not self._handed(row, folder, going.to):
            return
        facts = {"key": answer["key"], "recipe": answer["recipe"], "product": folder.name}
        said = {**facts, "cached": answer["cached"], "left": going.to is not None, "reason": going.reason}
        self.audit.written("reduced", run=row.run, **said, to=going.to, fenced=answer["fenced"])
        self.say(f"done         {row.run}: {folder.name}" + (f" ({going.reason})" if going.reason else ""))
        self._answer(row, {"type": "COMPLETED", "name": "Completed", "message": json.dumps(said)})

    def _handed(self, row: Row, folder: Path, to: str) -> bool:
        """Whether a product is on its way out; if not, such as on a full disk, it is tried again."""
        assert self._hand is not None  # asked before
        try:
            self._hand(folder, to)
        except OSError as error:
            self.audit.written("kept back", run=row.run, product=folder.name, reason=str(error))
            self.journal.write(replace(row, stage=Stage.TAKEN, due=time.time() + LONGEST_BACK_OFF_S))
            return False
        return True

    def _leave(self, folder: Path) -> Leave:
        from adapters.stores.products import read_manifest

        try:
            policy = judge.sound_policy(self.site)
        except ConfigurationError as error:
            self.audit.written("policy unusable", reason=str(error))
            return Leave(None, "the site's policy cannot be read")
        manifest = read_manifest(folder)
        return leave(
            policy,
            self.site.roots,
            technique=manifest.technique,
            recipe=manifest.recipe,
            inputs=[Path(each.path) for each in manifest.inputs],
            now=datetime.now(UTC),
        )

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
            self._answer(row, REFUSED)
        else:
            self.audit.written("quarantined", run=row.run, reason=reason)
            self.say(f"quarantined  {row.run}: {reason}")
            self._answer(row, {"type": "FAILED", "name": "Quarantined", "message": reason})

    def _answer(self, row: Row, state: Mapping[str, Any]) -> None:
        self.journal.write(replace(row, stage=Stage.ANSWERED, report=dict(state)))
