"""A reduction of a moment, for tests that ask for it many times, at once, and are killed in it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.model import Input
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.ledger.held import Held
from flows.order import Order
from flows.results import Outcome, committed, once


def order(what: str = "run") -> Order:
    inputs = [Input("sample", f"/raw/{what}.h5", what, 1, "reader 1")]
    return orders.place("saxs", "saxs", inputs, {}, {"sample": [f"/raw/{what}.h5"]})


def reduced(results: Path, inside: Callable[[], None], what: str = "run") -> Outcome:
    """The outcome of an order; `inside` is called while it is computed."""
    store, asked = ProductStore(results), order(what)

    def make(bench: Path, started: float) -> Outcome:
        inside()
        (bench / "curve.txt").write_text(what)
        return committed(
            store, bench, asked, product="curve.txt", findings=(), flags=(), plots=(), started=started
        )

    return once(store, asked, make)


def killed_in_commit(self: Held, product: Path) -> Iterator[None]:
    """The product is moved to its place, and the process dies before the ledger knows."""
    with WHOLE(self, product):
        yield
        os._exit(9)


WHOLE = Held.committing


def main(results: str, how: str) -> None:
    """Say when the computation begins, then take so long, or die in the commit."""

    def inside() -> None:
        sys.stdout.write("computing\n")
        sys.stdout.flush()
        time.sleep(0.0 if how == "killed-in-commit" else float(how))

    if how == "killed-in-commit":
        Held.committing = contextmanager(killed_in_commit)  # type: ignore[method-assign]
    reduced(Path(results), inside)


if __name__ == "__main__":
    main(*sys.argv[1:])
