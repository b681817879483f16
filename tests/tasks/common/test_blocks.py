"""Kernels over blocks: no chunking, scheduler or number of workers changes the answer."""

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.common.blocks import each_frame
from tasks.common.kernels.rings import RingPlan, ring_sums, ring_totals

FRAMES = np.random.default_rng(7).poisson(5, (11, 6, 8)).astype("u4")
WEIGHTS = np.random.default_rng(8).uniform(size=(6, 8))


def moments(frames, weights):
    return np.stack([(frames * weights).sum((1, 2)), frames.max((1, 2))], axis=1)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 11), rows=st.integers(1, 6), columns=st.integers(1, 8), more=st.integers(1, 11))
def test_any_chunking_gives_the_whole_answer(frames, rows, columns, more):
    array = da.from_array(FRAMES, chunks=(frames, rows, columns))
    other = da.from_array(FRAMES * 2, chunks=(more, 6, 8))

    found = each_frame(lambda a, plan, b: moments(a + b, plan), array, WEIGHTS, (2,), other)

    np.testing.assert_array_equal(found.compute(scheduler="sync"), moments(FRAMES * 3, WEIGHTS))


@pytest.fixture(scope="module")
def workers():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_threads_and_worker_processes_give_the_same_numbers(workers):
    rings = (np.arange(48) % 5).reshape(6, 8).astype("u2")
    plan = RingPlan(rings, WEIGHTS.astype("f4"), ring_totals(WEIGHTS, rings, 5), 0, 8)
    lazy = each_frame(ring_sums, da.from_array(FRAMES, chunks=(3, 6, 8)), plan, (3, 5))

    threaded = lazy.compute(scheduler="threads")
    distributed = workers.compute(lazy).result(timeout=60)

    np.testing.assert_array_equal(threaded, distributed)
    np.testing.assert_array_equal(threaded, ring_sums(FRAMES, plan))


def test_nothing_is_read_before_it_is_computed():
    class Source:
        shape, dtype, ndim, reads = FRAMES.shape, FRAMES.dtype, 3, 0

        def __getitem__(self, key):
            Source.reads += 1
            return FRAMES[key]

    array = da.from_array(Source(), chunks=(3, 6, 8), asarray=True, meta=np.empty((0, 0, 0), "u4"))
    lazy = each_frame(moments, array, WEIGHTS, (2,))
    before = Source.reads
    lazy.compute(scheduler="sync")

    assert before == 0
    assert Source.reads == 4
