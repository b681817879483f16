"""Watch the data roots: what is ready is reduced once, what is not waits, what is broken is told."""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployments.site.books import Books, Entry, Stage
from deployments.site.errors import SiteFaultsError, WatchedAlreadyError
from deployments.site.found import Run, found, stamps
from deployments.site.hand import BenchDiedError, Hand
from deployments.site.roots import inside
from deployments.site.rules import Rule, Rules, rules_of
from deployments.site.site import Site

Say = Callable[[str], None]
LONGEST_WAIT_S = 600.0
# A reader that crashes on a run will crash again; a machine short of memory may not.
MOST_ATTEMPTS = 3
SECONDS_TO_JUDGE = 300.0
NAP_S = 0.2


@contextmanager
def watching(site: Site, say: Say) -> Iterator[Watch]:
    """A watcher of a site whose places and rules are in order; one at a time, WatchedAlreadyError else."""
    with _alone(site):
        rules = rules_of(site)
        hand = Hand(site.folder / "bench.log")
        try:
            if faults := [*site.places(), *rule_faults(site, rules, hand)]:
                raise SiteFaultsError(str(site.folder), tuple(faults))
            watch = Watch(site, rules, Books(site.books), hand, say)
            if left := watch.books.take_up():
                say(f"{left} runs were being reduced when the watcher was stopped; they are taken up again")
            yield watch
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
        import os

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
        said = hand.ask(_asked(site, rule, [], pair, "check"), SECONDS_TO_JUDGE)
        if not said.get("ready"):
            faults.append(f"rule {number}: {said.get('broken') or said.get('wait')}; correct watch.yaml")
    return faults


def _asked(site: Site, rule: Rule, sample: list[str], buffer: list[str], do: str) -> dict[str, Any]:
    return {
        "do": do,
        "folder": str(site.folder),
        "recipe": rule.recipe,
        "parameters": rule.parameters,
        "sample": sample,
        "buffer": buffer,
        "results": str(site.results),
        "cluster": site.cluster,
    }


@dataclass
class Watch:
    """Looks at all roots again and again, and acts on what it sees."""

    site: Site
    rules: Rules
    books: Books
    hand: Hand
    say: Say
    told: set[str] = field(default_factory=set)

    def once(self) -> None:
        """Look until every run is reduced, in quarantine, or waiting for something that is not there."""
        self.look()
        while settling := self._stages()[Stage.SETTLING]:
            self.say(f"{settling} runs may still change; looking again")
            time.sleep(max(NAP_S, self.rules.settle_s))
            self.look()

    def on(self) -> None:
        """Look again and again, until interrupted."""
        while True:
            self.look()
            time.sleep(self.rules.every_s)

    def look(self) -> None:
        """Look at every run once, and reduce those that are ready."""
        known = self.books.entries()
        here = set()
        for run in found(self.site, self.rules, self._tell_once):
            here.add((run.root, run.path))
            self._consider(run, known.get((run.root, run.path)))
        for place, entry in known.items():
            if place not in here and entry.stage in (Stage.SETTLING, Stage.WAITING):
                self.say(f"gone         {entry.root}/{entry.path}")
                self.books.strike(entry)

    def status(self) -> dict[str, Any]:
        """Every run with its state and reason, and how many there are of each."""
        return status_of(self.site.name, self.books)

    def _stages(self) -> Counter[Stage]:
        return Counter(entry.stage for entry in self.books.entries().values())

    def _tell_once(self, line: str) -> None:
        if line not in self.told:
            self.told.add(line)
            self.say(line)

    def _consider(self, run: Run, entry: Entry | None) -> None:
        now = time.time()
        if entry is None or entry.stamp != run.stamp:
            fresh = Entry(run.root, run.path, Stage.SETTLING, run.stamp, now, now + self.rules.settle_s)
            self.books.write(fresh)
            self.say(f"{'new' if entry is None else 'changed':<12} {run.name}")
        elif entry.stage is Stage.QUARANTINED:
            # What was missing may have come beside it after all.
            if _around(run) != entry.around:
                self._judged(run, entry)
        elif entry.stage is not Stage.DONE and now >= entry.due:
            self._judged(run, entry)

    def _judged(self, run: Run, entry: Entry) -> None:
        rule = self.rules.rules[run.rule]
        sample, buffer = [str(run.place)], self._buffer(run, rule)
        if outside := [each for each in (*sample, *buffer) if not inside(self.site.roots, Path(each))]:
            self._quarantine(run, entry, f"it leads to {outside[0]}, outside the data roots")
        elif absent := [each for each in buffer if not Path(each).exists()]:
            self._wait(run, entry, f"its buffer {absent[0]} is not there", self.rules.every_s)
        else:
            self._readied(run, entry, rule, sample, buffer)

    def _buffer(self, run: Run, rule: Rule) -> list[str]:
        path = rule.buffer_of(run.path)
        return [] if path is None else [str(self.site.roots[run.root] / path)]

    def _readied(self, run: Run, entry: Entry, rule: Rule, sample: list[str], buffer: list[str]) -> None:
        said = self._answer(run, entry, _asked(self.site, rule, sample, buffer, "judge"))
        if said is None:
            return
        if "files" not in said:
            self._unready(run, entry, said)
        elif outside := [each for each in said["files"] if not inside(self.site.roots, Path(each))]:
            self._quarantine(run, entry, f"it draws on {outside[0]}, outside the data roots")
        elif (files := stamps(said["files"])) != entry.files and said["files"] != sample:
            # Its other files were seen for the first time, or have changed.
            self._settle(entry, files)
        else:
            self._reduce(run, entry, rule, _asked(self.site, rule, sample, buffer, "reduce"))

    def _answer(self, run: Run, entry: Entry, request: dict[str, Any]) -> dict[str, Any] | None:
        judging = request["do"] == "judge"
        try:
            return self.hand.ask(request, SECONDS_TO_JUDGE if judging else self.rules.patience_s)
        except BenchDiedError as error:
            tried = replace(entry, attempts=entry.attempts + 1)
            if tried.attempts >= MOST_ATTEMPTS:
                self._quarantine(run, tried, f"{error}, {tried.attempts} times; see bench.log")
            else:
                self._wait(run, tried, str(error), self.rules.every_s)
            return None

    def _reduce(self, run: Run, entry: Entry, rule: Rule, request: dict[str, Any]) -> None:
        self.books.write(replace(entry, stage=Stage.REDUCING, reason="", recipe=str(rule.recipe)))
        self.say(f"reducing     {run.name} by {rule.recipe}")
        said = self._answer(run, entry, request)
        if said is None:
            return
        if "key" not in said:
            self._unready(run, entry, said)
            return
        self.books.write(
            replace(
                entry,
                stage=Stage.DONE,
                reason="",
                recipe=str(rule.recipe),
                key=said["key"],
                product=said["product"],
            )
        )
        how = "computed before" if said["cached"] else f"{said['seconds']:.1f} s, {said['flags']} flags"
        self.say(f"done         {run.name} ({how}): {said['product']}")

    def _unready(self, run: Run, entry: Entry, said: dict[str, Any]) -> None:
        if "wait" in said:
            self._wait(run, entry, said["wait"], said["again_s"])
        elif self._unchanged_s(run, entry) < self.rules.broken_after_s:
            self._wait(run, entry, f"it may still be written: {said['broken']}", self.rules.every_s)
        else:
            self._quarantine(run, entry, said["broken"])

    def _unchanged_s(self, run: Run, entry: Entry) -> float:
        # The clock of a file server may be off; what we saw ourselves counts too.
        return time.time() - min(entry.since, run.newest_s)

    def _settle(self, entry: Entry, files: str) -> None:
        due = time.time() + self.rules.settle_s
        self.books.write(replace(entry, stage=Stage.SETTLING, files=files, due=due, reason=""))

    def _wait(self, run: Run, entry: Entry, reason: str, again_s: float) -> None:
        longer = min(again_s * 2.0**entry.looks, max(again_s, LONGEST_WAIT_S))
        due = time.time() + longer
        if (Stage.WAITING, reason) != (entry.stage, entry.reason):
            self.say(f"waiting      {run.name}: {reason}; again in {longer:.0f} s")
        waiting = replace(entry, stage=Stage.WAITING, reason=reason, due=due, looks=min(entry.looks + 1, 30))
        self.books.write(waiting)

    def _quarantine(self, run: Run, entry: Entry, reason: str) -> None:
        if (Stage.QUARANTINED, reason) != (entry.stage, entry.reason):
            self.say(f"quarantined  {run.name}: {reason}")
        around = _around(run)
        self.books.write(replace(entry, stage=Stage.QUARANTINED, reason=reason, around=around, attempts=0))


def status_of(name: str, books: Books) -> dict[str, Any]:
    """Every run in the books with its state and reason, and how many there are of each."""
    entries = books.entries().values()
    counts = Counter(entry.stage.value for entry in entries)
    return {
        "site": name,
        "counts": {stage.value: counts[stage.value] for stage in Stage},
        "runs": [entry.to_json() for entry in entries],
    }


def _around(run: Run) -> int:
    """Changes when something comes or goes beside the run."""
    return run.place.parent.stat().st_mtime_ns
