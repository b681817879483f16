"""Our own errors are told in words, faults with their traceback."""

from __future__ import annotations

import logging

import pytest

from adapters.errors import NoSuchRunError
from flows.telling import InWords, tell_in_words


def told(error: Exception) -> str:
    record = logging.LogRecord(
        "run", logging.ERROR, "", 0, "failed: %r", (error,), (type(error), error, None)
    )
    assert InWords().filter(record)
    return logging.Formatter().format(record)


def test_an_error_of_ours_is_its_words():
    error = NoSuchRunError("/data/nowhere.dat")

    assert told(error) == str(error)


@pytest.mark.parametrize("error", [ValueError("odd"), ZeroDivisionError("by nothing")])
def test_a_fault_keeps_its_traceback(error):
    assert f"{type(error).__name__}: {error}" in told(error)


def test_telling_twice_is_telling_once():
    tell_in_words()
    tell_in_words()

    filters = logging.getLogger("prefect.flow_runs").filters

    assert sum(isinstance(each, InWords) for each in filters) == 1
