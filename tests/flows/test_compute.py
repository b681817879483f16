"""Streaming blocks: threads, local processes and an address give each block once, whatever the order."""

import os

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import LocalCluster

from flows.cluster_errors import WorkersLostError
from flows.compute import Cluster, stream
from flows.states import WAITING, state_of

DATA = np.arange(7 * 3, dtype=float).reshape(7, 3)
ARRAY = da.from_array(DATA, chunks=(2, 3)) + 1.0


def gathered(cluster):
    found, starts = np.full_like(DATA, np.nan), []

    def arrived(start, block):
        starts.append(start)
        found[start : start + len(block)] = block

    stream(ARRAY, cluster, arrived, input_bytes=DATA.nbytes)
    return found, sorted(starts)


def test_threads_give_every_block_once():
    found, starts = gathered(Cluster(kind="threads", workers=2))

    np.testing.assert_array_equal(found, DATA + 1)
    assert starts == [0, 2, 4, 6]


def test_small_data_stay_in_threads_whatever_the_cluster():
    # An address where nothing listens would hang if it were asked.
    found, _ = gathered(Cluster(kind="address", address="tcp://127.0.0.1:1"))

    np.testing.assert_array_equal(found, DATA + 1)


def test_a_running_cluster_is_used_by_its_address():
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as running:
        cluster = Cluster(kind="address", address=running.scheduler_address, threads_below_mib=0)
        found, starts = gathered(cluster)

    np.testing.assert_array_equal(found, DATA + 1)
    assert starts == [0, 2, 4, 6]


def test_a_cluster_by_address_needs_one():
    with pytest.raises(ValueError, match="address"):
        gathered(Cluster(kind="address", threads_below_mib=0))


def test_no_blocks_give_nothing():
    rows = []
    stream(ARRAY[:0], Cluster(), lambda _, block: rows.extend(block), input_bytes=0)

    assert rows == []


def ends_its_process(block):
    os._exit(1)


def test_workers_that_die_are_a_fault_of_the_cluster_not_of_the_data():
    deadly = da.zeros((2, 2)).map_blocks(ends_its_process, dtype=float, meta=np.zeros((0, 0)))
    cluster = Cluster(kind="local", workers=1, threads_below_mib=0)

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(WorkersLostError, match="memory") as told,
    ):
        stream(deadly, cluster, lambda *_: None, input_bytes=32)
    assert state_of(told.value) == WAITING


def test_a_worker_that_dies_as_it_starts_is_told_the_same_way(monkeypatch):
    def dies(**_):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.LocalCluster", dies)

    with pytest.raises(WorkersLostError, match="Nanny"):
        gathered(Cluster(kind="local", threads_below_mib=0))
