"""Commands that serve stop when they are told to, also when the signal comes at a bad moment."""

import os
import signal
import time
from threading import Timer

import pytest

from halos.commands.stopping import stopped_by_signals

SECONDS_AT_MOST = 20.0


class Stopping:
    """Is told to stop while it is cleared away, where Python drops what is raised."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)


def until_stopped():
    end = time.monotonic() + SECONDS_AT_MOST
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops(stop):
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        os.kill(os.getpid(), stop)
        until_stopped()


def test_a_signal_that_falls_into_a_finalizer_stops():
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        told = Stopping()
        del told
        until_stopped()


def test_further_signals_do_not_cut_stopping_short():
    finished = []
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            until_stopped()
        finally:
            for each in (signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), each)
            finished.append(True)
    assert finished == [True]


def test_what_was_before_is_there_again():
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with stopped_by_signals():
        pass
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == before
