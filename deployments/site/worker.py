"""The site's worker: takes signed requests from the hub, decides by its own rules, and reduces here."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deployments.audit import Audit
from deployments.site import judge
from deployments.site.errors import SiteFaultsError, WorkedAlreadyError
from deployments.site.jobs import Jobs
from deployments.site.journal import Journal, Row, Stage
from deployments.site.link import HEARTBEAT_S, REQUEST, TICKET, GoneError, Link, LinkError
from deployments.site.reductions import REFUSED, Reductions, Say
from deployments.site.site import Site
from deployments.site.ways import ways_out

LONGEST_BACK_OFF_S = 30.0
SECONDS_BETWEEN_PROGRESS = 2.0
LOGIN = "PREFECT_API_AUTH_STRING"
LOST = "the site knows nothing of this run; its books are younger: ask again"


@contextmanager
def working(site: Site, say: Say) -> Iterator[Worker]:
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
            with ways_out(site, audit, say) as ways:
                here = Reductions(site, Journal(site.journal), jobs, audit, say, ways)
                yield Worker(site, link, here)
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

    def __init__(self, site: Site, link: Link, here: Reductions) -> None:
        self.site, self.link, self._here = site, link, here
        self.journal, self.jobs, self.audit, self.say = here.journal, here.jobs, here.audit, here.say
        self._failures, self._link_due, self._beat_due = 0, 0.0, 0.0
        self._registered = False
        self._shown: dict[str, tuple[str | None, float]] = {}

    def on(self) -> None:
        """Work until interrupted."""
        self._here.take_up()
        while True:
            self.turn()
            time.sleep(self.site.look_every_s)

    def turn(self) -> None:
        """One round: what has ended, what the hub has and hears, what can begin."""
        self._here.reap()
        if time.time() >= self._link_due:
            self._talk()
        self._here.begin()

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
                self._here.answer(
                    row, {"type": "CANCELLED", "name": "Cancelled", "message": "as was asked for"}
                )

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
        self._shown = {run: shown for run, shown in self._shown.items() if run in self.jobs}
        for run in self.jobs:
            shown, last = self._shown.get(run, (None, 0.0))
            said = self.jobs.progress(run)
            if said is not None and time.time() - last >= SECONDS_BETWEEN_PROGRESS:
                percent = 100.0 * said["done"] / max(said["total"], 1)
                shown = self.link.progress(run, shown, said["what"], percent)
                self._shown[run] = (shown, time.time())
