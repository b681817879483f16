"""A request that stands in the ledger before anything is opened, so that what cannot be read is there too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.stores.errors import BesideRawDataError
from adapters.stores.products import refuse_among_raw
from flows.ledger.ledger import Ledger, ledger_of
from flows.ledger.record import on_behalf_of
from flows.ledger.requests import Request, called_after, identity
from flows.states import kind_of, reason_of, state_of


@contextmanager
def entered(results: Path, recipe: str, sample: Sequence[Path], asked: Mapping[str, Any]) -> Iterator[None]:
    """What is reduced inside is the answer to this request; what goes wrong is the reason why not.

    A file that is not there is a slip of the keyboard, and no request; and nothing is
    written among raw data, which the reduction itself refuses.
    """
    if not all(each.exists() for each in sample) or _among_raw(results, sample):
        yield
        return
    ledger, store = ledger_of(results), str(results.resolve())
    request = ledger.ask(
        Request(
            id=identity(store, recipe, asked),
            run=called_after(sample),
            recipe=recipe,
            paths=tuple(str(each.resolve()) for each in sample),
            asked=asked,
            reason="its turn has not come",
            notes={"store": store},
        )
    )
    with on_behalf_of(request.id), ending(ledger, request.id):
        yield


def _among_raw(results: Path, sample: Sequence[Path]) -> bool:
    try:
        refuse_among_raw(results, sample)
    except BesideRawDataError:
        return True
    return False


@contextmanager
def ending(ledger: Ledger, request: str) -> Iterator[None]:
    """What goes wrong inside is the reason why the request is not done."""
    try:
        yield
    except BaseException as error:
        ledger.give_up(request, state_of(error), reason_of(error), kind_of(error))
        raise
