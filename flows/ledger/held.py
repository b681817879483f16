"""A lease that is kept alive while the product is computed, and found again where it is committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from flows.ledger.errors import LedgerError, StaleLeaseError
from flows.ledger.leases import Lease
from flows.ledger.ledger import Ledger

BEATS_PER_LEASE = 4


class Held:
    """A lease with a thread that says again and again that its owner is still there."""

    def __init__(self, ledger: Ledger, lease: Lease, request: str) -> None:
        self._ledger, self._lease, self._request = ledger, lease, request
        self._ended = threading.Event()

    def committing(self, product: Path) -> AbstractContextManager[None]:
        """Put the product in its place inside; StaleLeaseError if somebody else took over."""
        return self._ledger.committing(self._lease, product, self._request)

    def beat(self) -> None:
        """Renew until the end, or until somebody else took over."""
        while not self._ended.wait(self._ledger.lease_s / BEATS_PER_LEASE):
            try:
                self._ledger.renew(self._lease)
            except StaleLeaseError:
                return
            except LedgerError:
                # The database may be back before the lease expires; if not, the commit is refused.
                continue

    def end(self) -> None:
        """Stop saying so."""
        self._ended.set()


@contextmanager
def held(ledger: Ledger, lease: Lease, request: str) -> Iterator[Held]:
    """Keep the lease alive inside."""
    holds = Held(ledger, lease, request)
    beats = threading.Thread(target=holds.beat, name="lease", daemon=True)
    beats.start()
    try:
        yield holds
    finally:
        holds.end()
        beats.join()


_HOLDERS: dict[Path, Held] = {}


@contextmanager
def built_under(holds: Held, bench: Path) -> Iterator[None]:
    """What is built in `bench` is committed under this lease, by whichever step commits it."""
    _HOLDERS[bench] = holds
    try:
        yield
    finally:
        del _HOLDERS[bench]


def holder_of(bench: Path) -> Held:
    """The lease under which a bench is worked at."""
    return _HOLDERS[bench]
