"""The same numbers from jobs of a real Slurm, started here for the test and stopped after it."""

import dask.array as da
import numpy as np
import pytest

from flows.cluster_errors import JobsEndedError, NotTakenError, NoWorkersError
from flows.compute import Cluster, stream
from tests.slurm import slurm_node

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    home = tmp_path_factory.mktemp("slurm")
    with slurm_node(home) as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        yield home


def asked(home, **more):
    values = {
        "kind": "slurm",
        "partition": "main",
        "workers": 1,
        "memory_gib": 1.0,
        "walltime": "00:05:00",
        "interface": "lo",
        "wait_s": 60.0,
        "threads_below_mib": 0,
    }
    return Cluster(**{**values, **more})


def test_jobs_of_slurm_give_every_block_once(slurm):
    data = np.arange(7 * 3, dtype=float).reshape(7, 3)
    array = da.from_array(data, chunks=(2, 3)) + 1.0
    found, starts = np.full_like(data, np.nan), []

    def arrived(start, block):
        starts.append(start)
        found[start : start + len(block)] = block

    stream(array, asked(slurm), arrived, input_bytes=data.nbytes)

    np.testing.assert_array_equal(found, data + 1)
    assert sorted(starts) == [0, 2, 4, 6]


def test_a_job_that_does_not_start_in_time_is_an_error_with_the_way_out(slurm):
    array = da.zeros((2, 2))

    # Slurm looks for jobs every second or two, so none is there so soon.
    with pytest.raises(NoWorkersError, match="squeue"):
        stream(array, asked(slurm, wait_s=0.05), lambda *_: None, input_bytes=32)


def test_jobs_that_end_at_once_are_told_at_once(slurm, monkeypatch):
    from dask_jobqueue.slurm import SLURMCluster

    class Broken(SLURMCluster):
        def __init__(self, **more):
            super().__init__(**more, python="/nowhere/python")

    monkeypatch.setattr("dask_jobqueue.slurm.SLURMCluster", Broken)

    with pytest.raises(JobsEndedError, match="set logs"):
        stream(da.zeros((2, 2)), asked(slurm), lambda *_: None, input_bytes=32)


def test_a_job_that_slurm_refuses_is_told_in_its_words(slurm):
    with pytest.raises(NotTakenError, match="nowhere"):
        stream(da.zeros((2, 2)), asked(slurm, partition="nowhere"), lambda *_: None, input_bytes=32)
