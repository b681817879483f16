"""A run is as ready as its opening says: whole, still being written, or broken with the reason."""

from pathlib import Path

import pytest

from adapters.errors import StillWritingError, TruncatedFileError
from adapters.model import State
from adapters.protocol import ready_if

RUN = Path("run.dat")


def raising(error):
    def opens():
        raise error

    return opens


@pytest.mark.parametrize(
    ("opens", "state", "said"),
    [
        (lambda: None, State.READY, ""),
        (raising(StillWritingError(RUN, "its last frame grows")), State.WAIT, "its last frame grows"),
        (raising(TruncatedFileError(RUN, "half of it is there")), State.BROKEN, "half of it is there"),
    ],
)
def test_readiness_is_what_the_opening_says(opens, state, said):
    found = ready_if(opens)

    assert found.state is state
    assert said in found.reason


def test_what_is_no_error_of_a_reader_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        ready_if(lambda: 1 / 0)
