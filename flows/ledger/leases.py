"""Who may compute a product: one at a time, for as long as he says that he is still there.

Each lease bears a token that is higher than all before it, and only the last one may commit;
so a process that was slow, or asleep while another took over, can do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from flows.ledger import moves
from flows.ledger.errors import StaleLeaseError
from flows.ledger.owner import called
from flows.ledger.tables import PRODUCTS
from flows.ledger.writing import added, noted
from flows.states import ASKED, DONE, RUNNING

LEASE_S = 60.0


@dataclass(frozen=True)
class Lease:
    """The right to compute the product of a key in a store, and to commit it."""

    store: str
    key: str
    token: int


@dataclass(frozen=True)
class Taken:
    """Why there is no lease: who computes it, or where the product lies already."""

    owner: str
    expires: float
    product: str


def claim(
    connection: Connection,
    at: float,
    *,
    store: str,
    key: str,
    recipe: str,
    owner: str,
    lease_s: float = LEASE_S,
    gone: Callable[[str], bool] = lambda _: False,
) -> Lease | Taken:
    """The lease of a key, unless its product is committed or somebody alive computes it."""
    added(connection, PRODUCTS, _fresh(store, key, recipe, at))
    row = _locked(connection, store, key)
    held = row.state == RUNNING and row.expires > at and not gone(row.owner)
    if row.state == DONE or held:
        return Taken(row.owner, row.expires, row.product)
    if row.state in moves.SETTLED:
        _moved(connection, at, row, ASKED, "asked for again")
    token = row.token + 1
    changes = {"owner": owner, "token": token, "expires": at + lease_s}
    _moved(connection, at, _locked(connection, store, key), RUNNING, f"{called(owner)} holds it", **changes)
    return Lease(store, key, token)


def begin(connection: Connection, at: float, lease: Lease) -> None:
    """Count a computation that begins now; StaleLeaseError if somebody else took over."""
    row = _mine(connection, lease)
    why = f"{called(row.owner)} computes it"
    _moved(connection, at, row, RUNNING, why, computations=row.computations + 1)


def renew(connection: Connection, at: float, lease: Lease, lease_s: float = LEASE_S) -> None:
    """Say that the owner is still there; StaleLeaseError if somebody else took over."""
    _mine(connection, lease)
    connection.execute(_one(lease).values(expires=at + lease_s))


def commit(connection: Connection, at: float, lease: Lease, product: str) -> None:
    """The product is there; StaleLeaseError if somebody else took over. Nobody can until this ends."""
    row = _mine(connection, lease)
    _moved(connection, at, row, DONE, "", owner="", expires=0.0, commits=row.commits + 1, product=product)


def fail(connection: Connection, at: float, lease: Lease, state: str, reason: str) -> None:
    """Give the lease back because it cannot be computed; StaleLeaseError if somebody else took over."""
    _moved(connection, at, _mine(connection, lease), state, reason, owner="", expires=0.0)


def found(connection: Connection, at: float, store: str, key: str, recipe: str, product: str) -> None:
    """A whole product lies in the store: whoever committed it was killed before he could say so."""
    added(connection, PRODUCTS, _fresh(store, key, recipe, at))
    row = _locked(connection, store, key)
    if row.state == DONE and row.product == product:
        return
    if row.state in moves.SETTLED:
        _moved(connection, at, row, ASKED, "its product was found in the store")
    # The token grows, so that who still computes it does not commit it once more.
    row = _locked(connection, store, key)
    _moved(connection, at, row, DONE, "", owner="", expires=0.0, token=row.token + 1, product=product)


def lost(connection: Connection, at: float, store: str, key: str) -> None:
    """The product is no longer in the store, or damaged: it may be computed again."""
    row = _locked(connection, store, key)
    if row.state == DONE:
        _moved(connection, at, row, ASKED, f"{row.product} is gone or damaged", product="")


def elsewhere(connection: Connection, key: str, owner: str) -> bool:
    """Whether somebody other than `owner` computes a key."""
    theirs = (PRODUCTS.c.key == key) & (PRODUCTS.c.state == RUNNING) & (PRODUCTS.c.owner != owner)
    return connection.execute(select(PRODUCTS.c.key).where(theirs)).first() is not None


def _fresh(store: str, key: str, recipe: str, at: float) -> dict[str, Any]:
    return {
        "store": store,
        "key": key,
        "recipe": recipe,
        "state": ASKED,
        "reason": "nobody computes it yet",
        "owner": "",
        "token": 0,
        "expires": 0.0,
        "computations": 0,
        "commits": 0,
        "product": "",
        "changed_at": at,
    }


def _locked(connection: Connection, store: str, key: str) -> Row[Any]:
    mine = (PRODUCTS.c.store == store) & (PRODUCTS.c.key == key)
    return connection.execute(select(PRODUCTS).where(mine).with_for_update()).one()


def _mine(connection: Connection, lease: Lease) -> Row[Any]:
    row = _locked(connection, lease.store, lease.key)
    if row.state != RUNNING or row.token != lease.token:
        raise StaleLeaseError(lease.key, lease.token)
    return row


def _moved(connection: Connection, at: float, row: Row[Any], state: str, reason: str, **changes: Any) -> None:
    moves.check(row.key[:20], row.state, state, reason)
    values = {"state": state, "reason": reason, "changed_at": at, **changes}
    connection.execute(_one(Lease(row.store, row.key, 0)).values(values))
    noted(connection, at, row.key, state, reason, values.get("token", row.token))


def _one(lease: Lease) -> Any:
    return update(PRODUCTS).where((PRODUCTS.c.store == lease.store) & (PRODUCTS.c.key == lease.key))
