"""Which state may follow which; every state but `done` says why."""

from __future__ import annotations

from flows.ledger.errors import IllegalMoveError
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, RUNNING, WAITING

# What is settled is taken up only by asking again, so that nobody does it unasked.
LEGAL: dict[str, frozenset[str]] = {
    ASKED: frozenset({RUNNING, WAITING, QUARANTINED, REFUSED, DONE}),
    RUNNING: frozenset({ASKED, WAITING, QUARANTINED, REFUSED, DONE}),
    WAITING: frozenset({ASKED, RUNNING, QUARANTINED, REFUSED}),
    QUARANTINED: frozenset({ASKED}),
    REFUSED: frozenset({ASKED}),
    DONE: frozenset({ASKED}),
}
SETTLED = frozenset({QUARANTINED, REFUSED, DONE})


def check(name: str, before: str, after: str, reason: str) -> None:
    """Raise IllegalMoveError unless `after` may follow; the same state may be said again."""
    if after not in LEGAL or (after != before and after not in LEGAL[before]):
        raise IllegalMoveError(name, before, after)
    if (after == DONE) == bool(reason):
        raise IllegalMoveError(name, before, f"{after} with reason {reason!r}")
