"""The states of a reduction, and which of them an error leads to."""

from __future__ import annotations

from adapters.errors import MissingMetadataError, NotReadyError, StillWritingError
from adapters.stores.errors import BesideRawDataError
from flows.cluster_errors import ClusterAwayError
from flows.ledger.errors import LedgerAwayError

ASKED, RUNNING, DONE = "asked", "running", "done"
WAITING, QUARANTINED, REFUSED = "waiting", "quarantined", "refused"

# What may pass by itself: files that arrive, a cluster that is down, a disk that is full, a person
# who pressed Ctrl-C.
PASSING = (
    *(NotReadyError, StillWritingError, LedgerAwayError, ClusterAwayError),
    *(OSError, MemoryError, KeyboardInterrupt),
)
# What we decline to do until someone says more.
DECLINED = (MissingMetadataError, BesideRawDataError)


def state_of(error: BaseException) -> str:
    """The state of a reduction that ended in `error`."""
    if isinstance(error, DECLINED):
        return REFUSED
    return WAITING if isinstance(error, PASSING) else QUARANTINED


def reason_of(error: BaseException) -> str:
    """Why it ended so, never empty."""
    if isinstance(error, KeyboardInterrupt):
        return "it was stopped"
    return str(error) or type(error).__name__


def kind_of(error: BaseException) -> str:
    """Module and class of an error, as MODULE:CLASS."""
    return f"{type(error).__module__}:{type(error).__qualname__}"
