"""One ledger, opened: every method is one transaction, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from flows.ledger import database, leases, requests
from flows.ledger.errors import AmbiguousRequestError, NothingToRetryError, UnknownRequestError
from flows.ledger.layout import laid
from flows.ledger.leases import LEASE_S, Lease, Taken
from flows.ledger.moves import SETTLED
from flows.ledger.owner import gone, myself
from flows.ledger.requests import Request
from flows.ledger.tables import HISTORY, PRODUCTS
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, RUNNING, WAITING


class Ledger:
    """What was asked and what became of it; `now` is the database's clock unless a test says otherwise."""

    def __init__(
        self, engine: Engine, *, now: Callable[[Connection], float] = database.now, lease_s: float = LEASE_S
    ) -> None:
        self._engine = engine
        self._now = now
        self.lease_s = lease_s

    @property
    def place(self) -> str:
        """Where it is kept, without the password."""
        return database.place(self._engine)

    @contextmanager
    def _writes(self) -> Iterator[tuple[Connection, float]]:
        with database.begun(self._engine) as connection:
            yield connection, self._now(connection)

    # What is computed.

    def claim(self, store: str, key: str, recipe: str, owner: str | None = None) -> Lease | Taken:
        """The lease of a key; Taken if its product is there, or is being computed."""
        with self._writes() as (connection, at):
            return leases.claim(
                connection,
                at,
                store=store,
                key=key,
                recipe=recipe,
                owner=owner or myself(),
                lease_s=self.lease_s,
                gone=gone,
            )

    def begin(self, lease: Lease, request: str) -> None:
        """The computation that a request asked for begins now; it is counted."""
        with self._writes() as (connection, at):
            leases.begin(connection, at, lease)
            if requests.one(connection, request).state in SETTLED:
                requests.again(connection, at, request, "asked for again")
            requests.move(connection, at, request, RUNNING, "it is being computed", key=lease.key)

    def renew(self, lease: Lease) -> None:
        """Say that the owner is still there."""
        with self._writes() as (connection, at):
            leases.renew(connection, at, lease, self.lease_s)

    @contextmanager
    def committing(self, lease: Lease, product: Path, request: str) -> Iterator[None]:
        """Put the product in its place inside, where nobody can take over; a stale lease is refused."""
        with self._writes() as (connection, at):
            leases.commit(connection, at, lease, str(product))
            yield
            _done(connection, at, request, lease.key, product)

    def fail(self, lease: Lease, state: str, reason: str) -> None:
        """Give a lease back, saying why there is no product."""
        with self._writes() as (connection, at):
            leases.fail(connection, at, lease, state, reason)

    def found(self, request: str, store: str, key: str, recipe: str, product: Path) -> None:
        """The product that a request asked for lies whole in its store."""
        known = self.get(request)
        if known is not None and (known.state, known.product) == (DONE, str(product)):
            return
        with self._writes() as (connection, at):
            leases.found(connection, at, store, key, recipe, str(product))
            _done(connection, at, request, key, product)

    def lost(self, store: str, key: str) -> None:
        """Note that a product is no longer in its store, or damaged."""
        with self._writes() as (connection, at):
            leases.lost(connection, at, store, key)

    def products(self, key: str | None = None) -> list[dict[str, Any]]:
        """What is known of keys: state, reason, owner, token, computations, commits, product."""
        asked = select(PRODUCTS).order_by(PRODUCTS.c.changed_at)
        if key is not None:
            asked = asked.where(PRODUCTS.c.key == key)
        with database.begun(self._engine, reads=True) as connection:
            return [dict(row._mapping) for row in connection.execute(asked)]

    # What is asked.

    def ask(self, request: Request) -> Request:
        """The request as it is known; written down if it is new."""
        with self._writes() as (connection, at):
            return requests.ask(connection, at, request)

    def move(self, request: str, state: str, reason: str = "", **changes: Any) -> Request:
        """Take a request to a state that may follow."""
        with self._writes() as (connection, at):
            return requests.move(connection, at, request, state, reason, **changes)

    def give_up(self, request: str, state: str, reason: str, kind: str) -> None:
        """Say why a request is not done, unless somebody else computes it meanwhile."""
        with self._writes() as (connection, at):
            known = requests.one(connection, request)
            if known.state == RUNNING and leases.elsewhere(connection, known.key, myself()):
                return
            if known.state in SETTLED:
                requests.again(connection, at, request, "asked for again")
            requests.move(connection, at, request, state, reason, kind=kind)

    def again(self, request: str, reason: str, **changes: Any) -> Request:
        """Take a request back to the beginning."""
        with self._writes() as (connection, at):
            return requests.again(connection, at, request, reason, **changes)

    def note(self, request: str, **changes: Any) -> None:
        """Change what is remembered of a request, not its state."""
        with self._writes() as (connection, _):
            requests.note(connection, request, **changes)

    def strike(self, request: str, reason: str) -> None:
        """Forget a request; its history stays."""
        with self._writes() as (connection, at):
            requests.strike(connection, at, request, reason)

    def get(self, request: str) -> Request | None:
        """The request of an id."""
        with database.begun(self._engine, reads=True) as connection:
            return requests.get(connection, request)

    def requests(self, *, states: Iterable[str] = (), site: str | None = None) -> list[Request]:
        """Requests in these states, or all, the oldest first."""
        with database.begun(self._engine, reads=True) as connection:
            return requests.listed(connection, states=states, site=site)

    def called(self, said: str) -> Request:
        """The one request whose key or id begins with what is said, or whose run is called so."""
        with database.begun(self._engine, reads=True) as connection:
            found = requests.called(connection, said) if said else []
        if not found:
            raise UnknownRequestError(said, self.place)
        if len(found) > 1:
            raise AmbiguousRequestError(said, tuple(f"{each.id[:12]} ({each.run})" for each in found))
        return found[0]

    def retry(self, request: Request) -> Request:
        """Ask again for what waits, is in quarantine, or was refused."""
        if request.state not in (WAITING, QUARANTINED, REFUSED):
            raise NothingToRetryError(request.run, request.state)
        return self.again(request.id, "to be tried again, as somebody wished")

    def history(self, *subjects: str) -> list[dict[str, Any]]:
        """What became of requests and keys, in order."""
        asked = select(HISTORY).order_by(HISTORY.c.number)
        if subjects:
            asked = asked.where(HISTORY.c.subject.in_(subjects))
        with database.begun(self._engine, reads=True) as connection:
            return [dict(row._mapping) for row in connection.execute(asked)]


def _done(connection: Connection, at: float, request: str, key: str, product: Path) -> None:
    # Another who asked for the same may have given up meanwhile, which must not keep it from being done.
    if requests.one(connection, request).state not in (ASKED, RUNNING, DONE):
        requests.again(connection, at, request, "asked for again")
    requests.move(connection, at, request, DONE, key=key, product=str(product))


def ledger_of(results: Path) -> Ledger:
    """The ledger of a results folder, laid if it is new; LedgerError where it cannot be kept."""
    return ledger_at(database.place_of(results))


def ledger_at(url: str, **said: Any) -> Ledger:
    """The ledger at a URL, laid if it is new."""
    engine = database.engine_at(url)
    laid(engine)
    return Ledger(engine, **said)
