"""Files that HDF5 refuses are claimed with the reason, and only those."""

import h5py
import numpy as np
import pytest

from adapters.errors import TruncatedFileError
from adapters.formats.unreadable import UNREADABLE_HDF5
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.registry import registry
from adapters.testing.images import held_open


@pytest.fixture
def whole(tmp_path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["anything"] = np.arange(2000)
    return tmp_path / "run.h5"


def test_a_file_that_opens_is_left_to_others(whole):
    assert UNREADABLE_HDF5.probe(Probe(whole)) is Confidence.NO


def test_a_truncated_file_is_said_to_be_truncated(whole):
    whole.write_bytes(whole.read_bytes()[:3000])

    assert registry().find(whole)[0] is UNREADABLE_HDF5
    assert UNREADABLE_HDF5.check(whole).state is State.BROKEN
    with pytest.raises(TruncatedFileError):
        UNREADABLE_HDF5.open(whole)


def test_a_file_open_for_writing_is_waited_for(whole):
    with held_open(whole):
        readiness = registry().find(whole)[0].check(whole)

    assert readiness.state is State.WAIT
    assert "still being written" in readiness.reason
