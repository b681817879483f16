"""How commands that serve are stopped: Ctrl-C and SIGTERM end them in good order."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = (signal.SIGINT, signal.SIGTERM)
SECONDS_TO_ASK_AGAIN = 0.01


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM interrupts like Ctrl-C; once stopping has begun, further ones do not cut it short."""
    with _never_lost():
        before = {each: signal.signal(each, _interrupt) for each in STOPS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _interrupt(*_: object) -> None:
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _never_lost() -> Iterator[None]:
    # Python drops an interrupt that falls into a finalizer, and goes on as if nobody had asked.
    ignored, alarmed = sys.unraisablehook, signal.signal(signal.SIGALRM, _interrupt)

    def again(told: sys.UnraisableHookArgs) -> None:
        if issubclass(told.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_ASK_AGAIN)
        else:
            ignored(told)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = ignored
        signal.signal(signal.SIGALRM, alarmed)
