"""What can be wrong with a ledger, or with what is asked of it."""

from __future__ import annotations


class LedgerError(Exception):
    """Root of what a ledger may raise."""


class LedgerPlaceError(LedgerError):
    """The ledger cannot be kept where it should be."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return (
            f"the ledger {self.place} cannot be written: {self.reason}; "
            "give results a folder that can be, or the ledger its own place by HALOS_LEDGER"
        )


class LedgerAwayError(LedgerError):
    """The database of the ledger does not answer, or is busy for too long."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return f"the ledger {self.place} does not answer: {self.reason}; look whether its database runs"


class LedgerNewerError(LedgerError):
    """A newer HALOS has laid the ledger."""

    def __init__(self, place: str, version: str) -> None:
        super().__init__(place, version)
        self.place, self.version = place, version

    def __str__(self) -> str:
        return (
            f"the ledger {self.place} has the layout {self.version} of a newer HALOS; "
            "use that one, or give another place by HALOS_LEDGER"
        )


class NoDriverError(LedgerError):
    """The package that speaks with the database is not installed."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place

    def __str__(self) -> str:
        install = "pip install 'halos[postgres]'"
        return f"the ledger {self.place} needs the package psycopg; install it with: {install}"


class UnknownRequestError(LedgerError):
    """The ledger holds nothing by that key."""

    def __init__(self, said: str, place: str) -> None:
        super().__init__(said, place)
        self.said, self.place = said, place

    def __str__(self) -> str:
        return f"nothing in the ledger {self.place} is called {self.said}; `halos ledger list` shows what is"


class AmbiguousRequestError(LedgerError):
    """Several requests begin with what was given."""

    def __init__(self, said: str, names: tuple[str, ...]) -> None:
        super().__init__(said, tuple(names))
        self.said, self.names = said, tuple(names)

    def __str__(self) -> str:
        return f"{self.said} could be any of {', '.join(self.names)}; give more of it"


class NothingToRetryError(LedgerError):
    """A request is in a state in which trying again makes no sense."""

    def __init__(self, name: str, state: str) -> None:
        super().__init__(name, state)
        self.name, self.state = name, state

    def __str__(self) -> str:
        return f"{self.name} is {self.state}; what waits, is in quarantine or was refused can be tried again"


class IllegalMoveError(LedgerError):
    """A state that does not follow from the one before, or one without its reason: a fault of ours."""

    def __init__(self, name: str, before: str, after: str) -> None:
        super().__init__(name, before, after)
        self.name, self.before, self.after = name, before, after

    def __str__(self) -> str:
        return f"{self.name} cannot go from {self.before} to {self.after}"


class StaleLeaseError(LedgerError):
    """Somebody else took over a key in the meantime, so what was computed here is not committed."""

    def __init__(self, key: str, token: int) -> None:
        super().__init__(key, token)
        self.key, self.token = key, token

    def __str__(self) -> str:
        return f"the lease {self.token} of {self.key[:20]} is no longer held; another process took over"
