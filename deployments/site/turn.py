"""What is done about one run: judged, then reduced, or left alone with the reason why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployments.site.found import Run, stamps
from deployments.site.hand import BenchDiedError, Hand
from deployments.site.kept import Kept, Notes, notes_of
from deployments.site.roots import inside
from deployments.site.rules import Rule, Rules
from deployments.site.site import Site
from flows.ledger.moves import SETTLED
from flows.ledger.requests import Request
from flows.states import ASKED, DONE, QUARANTINED, RUNNING, WAITING

Say = Callable[[str], None]
LONGEST_WAIT_S = 600.0
# A reader that crashes on a run will crash again; a machine short of memory may not.
MOST_CRASHES = 3
SECONDS_TO_JUDGE = 300.0


def asked(site: Site, rule: Rule, sample: list[str], buffer: list[str], do: str) -> dict[str, Any]:
    """A request to the process that opens and reduces runs."""
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


@dataclass(frozen=True)
class Turn:
    """The means to act on a run, and the rule that fits it."""

    site: Site
    rules: Rules
    kept: Kept
    hand: Hand
    say: Say

    def take(self, run: Run, request: Request) -> None:
        """Judge a run and act on the judgement."""
        rule = self.rules.rules[run.rule]
        sample, buffer = [str(run.place)], self._buffer(run, rule)
        if outside := self._outside([*sample, *buffer]):
            self._end(request, QUARANTINED, f"it leads to {outside}, outside the data roots")
        elif absent := [each for each in buffer if not Path(each).exists()]:
            self._wait(request, f"its buffer {absent[0]} is not there", self.rules.every_s)
        else:
            self._judged(run, request, rule, asked(self.site, rule, sample, buffer, "judge"))

    def _buffer(self, run: Run, rule: Rule) -> list[str]:
        path = rule.buffer_of(run.path)
        return [] if path is None else [str(self.site.roots[run.root] / path)]

    def _outside(self, paths: list[str]) -> str | None:
        return next((each for each in paths if not inside(self.site.roots, Path(each))), None)

    def _judged(self, run: Run, request: Request, rule: Rule, question: dict[str, Any]) -> None:
        said = self._answer(request, question, SECONDS_TO_JUDGE)
        if said is None:
            return
        if "files" not in said:
            self._unready(run, request, said)
        elif outside := self._outside(said["files"]):
            self._end(request, QUARANTINED, f"it draws on {outside}, outside the data roots")
        elif said["files"] != question["sample"] and stamps(said["files"]) != notes_of(request).files:
            # Its other files were seen for the first time, or have changed.
            self._settle(request, stamps(said["files"]))
        else:
            self._reduced(run, request, rule, {**question, "do": "reduce", "request": request.id})

    def _answer(self, request: Request, question: dict[str, Any], patience_s: float) -> dict[str, Any] | None:
        try:
            return self.hand.ask(question, patience_s)
        except BenchDiedError as error:
            self._died(request, error)
            return None

    def _died(self, request: Request, error: BenchDiedError) -> None:
        now = self.kept.ledger.get(request.id)
        if now is not None and now.state == DONE:
            # It had committed before it died.
            return self._done(now, "done")
        notes = notes_of(request)
        crashed = replace(request, notes=replace(notes, crashes=notes.crashes + 1).to_json())
        if notes.crashes + 1 >= MOST_CRASHES:
            self._end(crashed, QUARANTINED, f"{error}, {notes.crashes + 1} times; see bench.log")
        else:
            self._wait(crashed, str(error), self.rules.every_s)
        return None

    def _reduced(self, run: Run, request: Request, rule: Rule, question: dict[str, Any]) -> None:
        if request.state in SETTLED:
            request = self.kept.ledger.again(request.id, "it became whole", notes=request.notes)
        recipe = Path(str(rule.recipe)).stem
        request = self.kept.ledger.move(
            request.id, RUNNING, f"it is being reduced by {recipe}", recipe=recipe, notes=request.notes
        )
        self.say(f"reducing     {run.name} by {recipe}")
        said = self._answer(request, question, self.rules.patience_s)
        if said is None:
            return
        if "key" not in said:
            self._unready(run, request, said)
            return
        how = "computed before" if said["cached"] else f"{said['seconds']:.1f} s, {said['flags']} flags"
        self._done(self.kept.ledger.called(request.id), how)

    def _done(self, request: Request, how: str) -> None:
        self.say(f"done         {request.run} ({how}): {request.product}")

    def _unready(self, run: Run, request: Request, said: dict[str, Any]) -> None:
        state, reason, kind = said["state"], said["reason"], said["kind"]
        if state == WAITING:
            self._wait(request, reason, said["again_s"], kind)
        elif state == QUARANTINED and self._unchanged_s(run, notes_of(request)) < self.rules.broken_after_s:
            self._wait(request, f"it may still be written: {reason}", self.rules.every_s, kind)
        else:
            self._end(request, state, reason, kind)

    def _unchanged_s(self, run: Run, notes: Notes) -> float:
        # The clock of a file server may be off; what we saw ourselves counts too.
        return time.time() - min(notes.since, run.newest_s)

    def _settle(self, request: Request, files: str) -> None:
        due = time.time() + self.rules.settle_s
        notes = replace(notes_of(request), files=files).to_json()
        self.kept.ledger.move(
            request.id, ASKED, "the files that it draws on may still change", due=due, notes=notes
        )

    def _wait(self, request: Request, reason: str, again_s: float, kind: str = "") -> None:
        notes = notes_of(request)
        looks = notes.looks if request.state == WAITING else 0
        longer = min(again_s * 2.0**looks, max(again_s, LONGEST_WAIT_S))
        if (WAITING, reason) != (request.state, request.reason):
            self.say(f"waiting      {request.run}: {reason}; again in {longer:.0f} s")
        noted = replace(notes, looks=min(looks + 1, 30)).to_json()
        self._opened(request)
        self.kept.ledger.move(request.id, WAITING, reason, kind=kind, due=time.time() + longer, notes=noted)

    def _end(self, request: Request, state: str, reason: str, kind: str = "") -> None:
        if (state, reason) != (request.state, request.reason):
            self.say(f"{state:<12} {request.run}: {reason}")
        noted = replace(notes_of(request), around=around(Path(request.paths[0])), crashes=0).to_json()
        if request.state != state:
            self._opened(request)
        self.kept.ledger.move(request.id, state, reason, kind=kind, notes=noted)

    def _opened(self, request: Request) -> None:
        if request.state in SETTLED:
            self.kept.ledger.again(request.id, "it is looked at again")


def around(place: Path) -> int:
    """Changes when something comes or goes beside a run."""
    return place.parent.stat().st_mtime_ns
