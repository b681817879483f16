"""How far long work has come: told to whoever listens, on a terminal or in the browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.engine import in_flow_run

Listener = Callable[[str, int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("halos_progress", default=None)

# Each report to the server is a request; more often than this nobody can follow.
SECONDS_BETWEEN_REPORTS = 1.0


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Inside, `listener(what, done, total)` hears every report."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def reported(what: str, total: int, slug: str) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the number of parts done; `slug` names it in the browser."""
    artifact = _artifact(what, slug)
    last = time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        if (listener := _listener.get()) is not None:
            listener(what, done, total)
        now = time.monotonic()
        if artifact is not None and (done >= total or now - last >= SECONDS_BETWEEN_REPORTS):
            last = now
            update_progress_artifact(artifact, progress=100.0 * done / max(total, 1))

    yield report


def _artifact(what: str, slug: str) -> UUID | None:
    if not in_flow_run():
        return None
    created = create_progress_artifact(progress=0.0, key=slug, description=what)
    assert isinstance(created, UUID)  # the synchronous form returns the id itself
    return created
