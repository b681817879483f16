"""What was asked for, by whom, and what became of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from flows.ledger import moves
from flows.ledger.tables import REQUESTS
from flows.ledger.writing import added, noted
from flows.states import ASKED, RUNNING


@dataclass(frozen=True)
class Request:
    """A reduction asked for: `id` is the same however often the same is asked.

    `asked` is how to ask for it again, `notes` what its asker wants to remember, `due` when
    to look again; times are seconds since 1970.
    """

    id: str
    run: str
    recipe: str
    site: str = ""
    paths: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    state: str = ASKED
    reason: str = "nobody has looked at it yet"
    kind: str = ""
    attempts: int = 0
    due: float = 0.0
    key: str = ""
    product: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    asked_at: float = 0.0
    changed_at: float = 0.0

    @property
    def name(self) -> str:
        """What stands for it on the command line: the key of its product, or else its own."""
        return self.key or self.id

    def to_json(self) -> dict[str, Any]:
        """What people want to know of it."""
        told = ("site", "run", "recipe", "paths", "state", "reason", "attempts", "due", "product")
        said = {name: getattr(self, name) for name in told}
        return {"id": self.id, "key": self.key, **said, "asked": self.asked_at, "changed": self.changed_at}


def identity(*said: Any) -> str:
    """The id of a request for what is said."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def called_after(sample: Sequence[Path]) -> str:
    """How people call a request for these files."""
    names = [each.name for each in sample] or ["nothing"]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def ask(connection: Connection, at: float, request: Request) -> Request:
    """The request as the ledger knows it; written down if it is new."""
    values = {name: getattr(request, name) for name in Request.__dataclass_fields__}
    times = {"asked_at": at, "changed_at": at}
    had = get(connection, request.id)
    if had is not None:
        return had
    added(connection, REQUESTS, {**values, **times, "paths": list(request.paths)})
    noted(connection, at, request.id, request.state, request.reason)
    return one(connection, request.id)


def move(
    connection: Connection, at: float, request: str, state: str, reason: str = "", **changes: Any
) -> Request:
    """Take a request to a state, with whatever else changes; IllegalMoveError if it may not."""
    before = one(connection, request)
    moves.check(before.run, before.state, state, reason)
    begins = state == RUNNING and before.state != RUNNING
    values: dict[str, Any] = {"attempts": before.attempts + 1} if begins else {}
    values |= {"state": state, "reason": reason, "kind": "", "changed_at": at, **changes}
    connection.execute(update(REQUESTS).where(REQUESTS.c.id == request).values(values))
    if (before.state, before.reason) != (state, reason):
        noted(connection, at, request, state, reason)
    return one(connection, request)


def again(connection: Connection, at: float, request: str, reason: str, **changes: Any) -> Request:
    """Take a request back to the beginning, from any state."""
    return move(connection, at, request, ASKED, reason, **{"attempts": 0, "due": at, **changes})


def note(connection: Connection, request: str, **changes: Any) -> None:
    """Change what is remembered of a request, not its state."""
    connection.execute(update(REQUESTS).where(REQUESTS.c.id == request).values(changes))


def strike(connection: Connection, at: float, request: str, reason: str) -> None:
    """Forget a request; its history stays."""
    connection.execute(delete(REQUESTS).where(REQUESTS.c.id == request))
    noted(connection, at, request, "gone", reason)


def get(connection: Connection, request: str) -> Request | None:
    """The request of an id, None if there is none."""
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.id == request).with_for_update()).one_or_none()
    return None if row is None else _request(row)


def one(connection: Connection, request: str) -> Request:
    """The request of an id that is known to be there."""
    found = get(connection, request)
    if found is None:
        raise LookupError(request)
    return found


def listed(connection: Connection, *, states: Iterable[str] = (), site: str | None = None) -> list[Request]:
    """Requests in these states, or all, the oldest first."""
    asked = select(REQUESTS).order_by(REQUESTS.c.asked_at, REQUESTS.c.run)
    if wanted := list(states):
        asked = asked.where(REQUESTS.c.state.in_(wanted))
    if site is not None:
        asked = asked.where(REQUESTS.c.site == site)
    return [_request(row) for row in connection.execute(asked)]


def called(connection: Connection, said: str) -> list[Request]:
    """Requests whose key or id begins with what is said, or whose run is called so."""
    fits = (
        REQUESTS.c.id.startswith(said, autoescape=True)
        | REQUESTS.c.key.startswith(said, autoescape=True)
        | (REQUESTS.c.run == said)
    )
    return [
        _request(row) for row in connection.execute(select(REQUESTS).where(fits).order_by(REQUESTS.c.run))
    ]


def _request(row: Row[Any]) -> Request:
    values = dict(row._mapping)
    return Request(**{**values, "paths": tuple(values["paths"])})
