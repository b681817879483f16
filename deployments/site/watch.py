"""Watch the data roots: what is ready is reduced once, what is not waits, what is broken is told."""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from deployments.site.errors import SiteFaultsError, WatchedAlreadyError
from deployments.site.found import Run, found
from deployments.site.hand import BenchDiedError, Hand
from deployments.site.kept import Kept, Notes, notes_of, told
from deployments.site.policy import Leave
from deployments.site.rules import Rules, rules_of
from deployments.site.site import Site
from deployments.site.turn import MOST_CRASHES, SECONDS_TO_JUDGE, Say, Turn, around, asked
from flows.ledger.errors import LedgerAwayError
from flows.ledger.ledger import ledger_of
from flows.ledger.requests import Request
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, WAITING

NAP_S = 0.2
# Where products go that others wait for; called again after a restart until it has returned once, and
# at the end of an embargo if it says that there is one.
OnDone = Callable[[Path], Leave | None]


@contextmanager
def watching(site: Site, say: Say, on_done: OnDone | None = None) -> Iterator[Watch]:
    """A watcher of a site whose places and rules are in order; one at a time, WatchedAlreadyError else.

    `on_done(product)` is told of the folder of every product. It may be told of one twice if
    the watcher is killed in it.
    """
    with _alone(site):
        rules = rules_of(site)
        if faults := site.places():
            raise SiteFaultsError(str(site.folder), tuple(faults))
        kept = Kept(site, ledger_of(site.results))
        with _begun(site) as hand:
            if faults := rule_faults(site, rules, hand):
                raise SiteFaultsError(str(site.folder), tuple(faults))
            if left := kept.take_up():
                say(f"{left} runs were being reduced when the watcher was stopped; they are taken up again")
            try:
                yield Watch(Turn(site, rules, kept, hand, say), on_done)
            finally:
                hand.close()
                # Whoever looks at the ledger now must not read that something runs.
                kept.take_up()


@contextmanager
def _begun(site: Site) -> Iterator[Hand]:
    # Once it has begun, nobody else writes about this site's runs.
    hand = Hand(site.folder, site.cache)
    try:
        hand.begin()
        yield hand
    finally:
        hand.close()


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    # The system drops the lock when its process ends, however it ends, so none is ever stale.
    with (site.folder / "watch.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            raise WatchedAlreadyError(str(site.folder), int(holder) if holder else None) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def rule_faults(site: Site, rules: Rules, hand: Hand) -> list[str]:
    """What is wrong with the rules: unknown roots or recipes, parameters that no recipe takes."""
    faults = []
    for number, rule in enumerate(rules.rules, start=1):
        if rule.root is not None and rule.root not in site.roots:
            faults.append(f"rule {number}: no root is called {rule.root}; known are {', '.join(site.roots)}")
        if rule.recipe is None:
            continue
        pair = [str(site.folder)] if rule.buffer else []
        if fault := _fault(hand, asked(site, rule, [], pair, "check")):
            faults.append(f"rule {number}: {fault}")
    return faults


def _fault(hand: Hand, question: dict[str, Any]) -> str | None:
    died = ""
    # A machine short of memory may end the process once; a recipe that crashes it does so again.
    for _ in range(MOST_CRASHES):
        try:
            said = hand.ask(question, SECONDS_TO_JUDGE)
        except BenchDiedError as error:
            died = str(error)
        else:
            return None if said.get("ready") else f"{said['reason']}; correct watch.yaml"
    return f"while {question['recipe']} was loaded, {died}, {MOST_CRASHES} times; see bench.log"


@dataclass
class Watch:
    """Looks at all roots again and again, and acts on what it sees."""

    turn: Turn
    on_done: OnDone | None = None
    heard: set[str] = field(default_factory=set)
    embargoed: dict[str, date] = field(default_factory=dict)

    def once(self) -> None:
        """Look until every run is reduced, refused, in quarantine, or waits for something that is late."""
        self.look()
        while settling := self._states()[ASKED]:
            self.turn.say(f"{settling} runs may still change; looking again")
            time.sleep(max(NAP_S, self.turn.rules.settle_s))
            self.look()

    def on(self) -> None:
        """Look again and again, until interrupted; a database that is away for a while is waited for."""
        while True:
            try:
                self.look()
            except LedgerAwayError as error:
                self.turn.say(f"waiting      {error}")
            time.sleep(self.turn.rules.every_s)

    def look(self) -> None:
        """Look at every run once, and reduce those that are ready."""
        known = self.turn.kept.known()
        here = set()
        for run in found(self.turn.site, self.turn.rules, self._tell_once):
            here.add(run.name)
            self._consider(run, known.get(run.name))
        for name, request in known.items():
            if name not in here and request.state in (ASKED, WAITING):
                self.turn.say(f"gone         {name}")
                self.turn.kept.ledger.strike(request.id, "it is no longer there")
        if self.on_done is not None:
            for request in self.turn.kept.known().values():
                self._handed(request, self.on_done)

    def status(self) -> dict[str, Any]:
        """Every run with its state and reason, and how many there are of each."""
        return self.turn.kept.status()

    def _states(self) -> Counter[str]:
        return Counter(request.state for request in self.turn.kept.known().values())

    def _tell_once(self, line: str) -> None:
        if line not in self.heard:
            self.heard.add(line)
            self.turn.say(line)

    def _consider(self, run: Run, request: Request | None) -> None:
        now, rule = time.time(), self.turn.rules.rules[run.rule]
        due = now + self.turn.rules.settle_s
        if request is None:
            self.turn.kept.new(run, rule, "it is new and may still change", now, due)
            self.turn.say(f"new          {run.name}")
            return
        notes = notes_of(request)
        if notes.stamp != run.stamp:
            fresh = Notes(run.stamp, now, told(rule)).to_json()
            self.turn.kept.ledger.again(
                request.id, "it has changed and may still change", due=due, notes=fresh
            )
            self.turn.say(f"changed      {run.name}")
        elif request.state == DONE:
            return
        elif notes.rule != told(rule):
            ruled = replace(notes, rule=told(rule)).to_json()
            self.turn.take(run, self.turn.kept.ledger.again(request.id, "its rule has changed", notes=ruled))
        elif request.state in (QUARANTINED, REFUSED):
            # What was missing may have come beside it after all.
            if around(run.place) != notes.around:
                self.turn.take(run, request)
        elif now >= request.due:
            self.turn.take(run, request)

    def _handed(self, request: Request, on_done: OnDone) -> None:
        notes = notes_of(request)
        if request.state != DONE or notes.handed:
            return
        if request.id in self.embargoed and datetime.now(UTC).date() < self.embargoed[request.id]:
            return
        try:
            going = on_done(Path(request.product))
        except OSError as error:
            self._tell_once(f"cannot hand over {request.product} yet: {error}")
            return
        if going is not None and going.not_before is not None:
            self.embargoed[request.id] = going.not_before
            return
        self.turn.kept.ledger.note(request.id, notes=replace(notes, handed=True).to_json())
