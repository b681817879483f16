"""How one reduction goes through the ledger: asked, our turn, running, done or the reason why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from flows.engine import logger
from flows.ledger.errors import StaleLeaseError
from flows.ledger.held import Held, held
from flows.ledger.leases import Lease, Taken
from flows.ledger.ledger import Ledger
from flows.ledger.owner import called
from flows.ledger.requests import Request, called_after, identity
from flows.order import Order
from flows.states import ASKED, kind_of, reason_of, state_of

SHORTEST_NAP_S, LONGEST_NAP_S = 0.05, 1.0
# Whoever asked under a name of his own (a watcher, for a run) is told under that name.
_ON_BEHALF: ContextVar[str | None] = ContextVar("on_behalf", default=None)


@contextmanager
def on_behalf_of(request: str) -> Iterator[None]:
    """What is reduced inside is the answer to this request, which is in the ledger already."""
    before = _ON_BEHALF.set(request)
    try:
        yield
    finally:
        _ON_BEHALF.reset(before)


@dataclass(frozen=True)
class Record:
    """A request and the key that it led to, in the ledger."""

    ledger: Ledger
    order: Order
    store: str
    request: str
    ours: bool

    def found(self, product: Path) -> None:
        """Its product lies in the store."""
        self.ledger.found(self.request, self.store, self.order.key, self.order.recipe, product)

    def lost(self) -> None:
        """Its product was in the store, and is not, or not whole."""
        self.ledger.lost(self.store, self.order.key)

    def turn(self) -> Lease | Taken:
        """Our turn to compute, unless somebody else does, or did a moment ago."""
        return self.ledger.claim(self.store, self.order.key, self.order.recipe)

    @contextmanager
    def working(self, lease: Lease) -> Iterator[Held]:
        """Compute inside; what goes wrong is the reason why there is no product."""
        try:
            with held(self.ledger, lease, self.request) as holds:
                self.ledger.begin(lease, self.request)
                yield holds
        except StaleLeaseError:
            raise
        except BaseException as error:
            self._failed(lease, error)
            raise

    def _failed(self, lease: Lease, error: BaseException) -> None:
        try:
            self.ledger.fail(lease, state_of(error), reason_of(error))
        except StaleLeaseError:
            # Who took over says how it ends.
            return
        # Who asked under a name of his own says himself how it ends.
        if self.ours:
            self.ledger.give_up(self.request, state_of(error), reason_of(error), kind_of(error))


def looks() -> Iterator[Callable[[Taken], None]]:
    """Look after look, each with a way to wait for the next: at first moments, then longer."""
    nap = SHORTEST_NAP_S
    told: set[str] = set()

    def wait(taken: Taken) -> None:
        nonlocal nap
        if taken.owner not in told:
            told.add(taken.owner)
            logger().info("%s computes it already; waiting for it", called(taken.owner))
        time.sleep(nap)
        nap = min(nap * 1.5, LONGEST_NAP_S)

    while True:
        yield wait


def recorded(ledger: Ledger, store: Path, order: Order) -> Record:
    """The record of an order in the ledger, under the name of who asked."""
    home = store.resolve()
    theirs = _ON_BEHALF.get()
    request = ledger.ask(_request(order, home)).id if theirs is None else theirs
    return Record(ledger, order, str(home), request, ours=theirs is None)


def _request(order: Order, store: Path) -> Request:
    paths = tuple(dict.fromkeys(str(each) for each in order.asked.get("sample", ())))
    return Request(
        id=identity(str(store), order.key),
        run=called_after([Path(each) for each in paths]),
        recipe=order.recipe,
        paths=paths,
        asked=dict(order.asked),
        state=ASKED,
        reason="its turn has not come",
        key=order.key,
        notes={"store": str(store)},
    )
