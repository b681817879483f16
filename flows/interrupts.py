"""An interrupt that a library has turned into a complaint of its own."""

from __future__ import annotations


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt during whose handling `error` was raised, if there was one.

    Ctrl-C in the middle of a commit comes out of the database library as an AssertionError:
    to leave its transaction it asserts what an interrupted one does not hold.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
        error = error.__cause__ or error.__context__
    return None
