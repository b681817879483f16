"""What the watcher keeps of each run in the ledger, so that it survives being killed at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deployments.site.found import Run
from deployments.site.rules import Rule
from deployments.site.site import Site
from flows.ledger.ledger import Ledger
from flows.ledger.requests import Request, identity
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, RUNNING, WAITING

STATES = (ASKED, RUNNING, WAITING, DONE, QUARANTINED, REFUSED)


@dataclass(frozen=True)
class Notes:
    """What a run looked like when it was last seen; times are seconds since 1970.

    `stamp` and `files` tell whether the run or a file that it draws on changes, `rule`
    whether what is to be done with it does, `around` whether something came beside it.
    """

    stamp: str
    since: float
    rule: str
    files: str = ""
    around: int = 0
    looks: int = 0
    crashes: int = 0
    handed: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


def notes_of(request: Request) -> Notes:
    """What was noted of a run."""
    return Notes(**request.notes)


def told(rule: Rule) -> str:
    """Changes when a rule says something else."""
    return identity(rule.model_dump(mode="json"))[:16]


class Kept:
    """The runs of one site in its ledger."""

    def __init__(self, site: Site, ledger: Ledger) -> None:
        self._site, self.ledger = site, ledger

    def known(self) -> dict[str, Request]:
        """Everything that is known, by the name of the run."""
        return {each.run: each for each in self.ledger.requests(site=self._site.name)}

    def new(self, run: Run, rule: Rule, reason: str, now: float, due: float) -> Request:
        """Write a run down that is seen for the first time."""
        return self.ledger.ask(
            Request(
                id=identity(self._site.name, run.name),
                run=run.name,
                recipe=str(rule.recipe),
                site=self._site.name,
                paths=(str(run.place),),
                reason=reason,
                due=due,
                notes=Notes(run.stamp, now, told(rule)).to_json(),
            )
        )

    def take_up(self) -> int:
        """Make of runs that a killed watcher was reducing runs to be reduced; their number."""
        left = self.ledger.requests(states=[RUNNING], site=self._site.name)
        for each in left:
            self.ledger.move(each.id, ASKED, "the watcher was stopped in it", due=0.0)
        return len(left)

    def status(self) -> dict[str, Any]:
        """Every run with its state and reason, and how many there are of each."""
        return status_of(self._site.name, self.known())


def status_of(site: str, known: Mapping[str, Request]) -> dict[str, Any]:
    """Every run with its state and reason, and how many there are of each."""
    counts = Counter(each.state for each in known.values())
    told = ("run", "state", "reason", "recipe", "key", "product", "attempts", "due")
    return {
        "site": site,
        "counts": {state: counts[state] for state in STATES},
        "runs": [{name: getattr(each, name) for name in told} for _, each in sorted(known.items())],
    }
