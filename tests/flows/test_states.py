"""States: which errors pass by themselves, which wait for a person, which are final."""

import pytest

from adapters.errors import CorruptFileError, MissingMetadataError, NotReadyError, StillWritingError
from adapters.stores.errors import BesideRawDataError
from flows.states import QUARANTINED, REFUSED, WAITING, kind_of, state_of
from tasks.saxs.curve import CurveError


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotReadyError("run", "a file is late", 10.0), WAITING),
        (StillWritingError("run"), WAITING),
        (OSError("no space left"), WAITING),
        (MissingMetadataError("distance_m", "bench"), REFUSED),
        (BesideRawDataError("out", "raw"), REFUSED),
        (CorruptFileError("run"), QUARANTINED),
        (CurveError("no errors"), QUARANTINED),
        (ZeroDivisionError(), QUARANTINED),
    ],
)
def test_an_error_leads_to_its_state(error, state):
    assert state_of(error) == state


def test_a_kind_names_module_and_class():
    assert kind_of(CurveError("x")) == "tasks.saxs.curve:CurveError"
