"""Where a step's Dask graph runs: threads or processes here, a cluster at an address, or Slurm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from configs.load import Values
from flows.cluster_errors import WorkersLostError
from flows.slurm import slurm_workers

if TYPE_CHECKING:
    import dask.array as da
    from distributed import Client

Kind = Literal["threads", "local", "address", "slurm"]


class Cluster(Values):
    """Which workers there are, and below which size of data they are not worth starting."""

    kind: Kind = Field(
        "threads", description="threads in this process, local processes, an address, or jobs of Slurm"
    )
    workers: PositiveInt | None = Field(
        None, description="Worker processes or threads; empty takes the cores"
    )
    threads_per_worker: PositiveInt = Field(1, description="Threads in each local worker process")
    memory_gib: PositiveFloat | None = Field(None, description="Memory limit of each local worker")
    address: str | None = Field(None, description="Address of a running Dask scheduler")
    partition: str | None = Field(None, description="Slurm partition; empty takes the cluster's default")
    account: str | None = Field(None, description="Slurm account; empty takes the user's default")
    walltime: str = Field("01:00:00", description="Longest time of a Slurm job, as HH:MM:SS")
    interface: str | None = Field(None, description="Network interface between Slurm jobs and this process")
    logs: Path | None = Field(None, description="Folder for the logs of Slurm jobs; empty keeps none")
    wait_s: PositiveFloat = Field(300.0, description="How long to wait for the first Slurm job to start")
    threads_below_mib: float = Field(256, ge=0, description="Data smaller than this stay in threads")


Arrived = Callable[[int, NDArray[Any]], None]


def stream(array: da.Array, cluster: Cluster, arrived: Arrived, *, input_bytes: int) -> None:
    """Compute `array` block by block along its first axis; `arrived(start, block)` takes each.

    Blocks may arrive in any order and are not kept, so memory does not grow with their
    number. Where they are computed is decided by `cluster` and by `input_bytes`.
    """
    starts = np.concatenate([[0], np.cumsum(array.chunks[0])[:-1]]).astype(int)
    blocks = [array.blocks[index] for index in range(array.numblocks[0])]
    with _client(cluster, input_bytes / 2**20) as client:
        if client is None:
            _in_threads(blocks, starts, cluster, arrived)
        else:
            _on_workers(client, blocks, starts, arrived)


def _in_threads(blocks: list[da.Array], starts: NDArray[np.int_], cluster: Cluster, arrived: Arrived) -> None:
    from dask.base import compute

    workers = cluster.workers or cores()
    # A few blocks a thread at once: enough to keep all busy, few enough to bound memory.
    step = 2 * workers
    for first in range(0, len(blocks), step):
        some = blocks[first : first + step]
        for start, block in zip(
            starts[first : first + step],
            compute(*some, scheduler="threads", num_workers=workers),
            strict=True,
        ):
            arrived(int(start), block)


def _on_workers(client: Client, blocks: list[da.Array], starts: NDArray[np.int_], arrived: Arrived) -> None:
    from distributed import as_completed
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    futures: list[Any] = client.compute(blocks)
    place = dict(zip((future.key for future in futures), starts, strict=True))
    waiting = as_completed(futures, loop=client.loop, with_results=True)
    del futures
    while True:
        try:
            future, block = next(waiting)
        except StopIteration:
            return
        except (KilledWorker, FutureCancelledError) as error:
            raise WorkersLostError(str(error)) from error
        arrived(int(place[future.key]), block)
        # Let go of the block on its worker now, not when all are done.
        future.release()


@contextmanager
def _client(cluster: Cluster, mib: float) -> Iterator[Client | None]:
    if cluster.kind == "threads" or mib < cluster.threads_below_mib:
        yield None
        return
    from distributed import Client

    if cluster.kind == "address":
        if cluster.address is None:
            raise ValueError("a cluster of kind 'address' needs the address of its scheduler")
        with Client(cluster.address, set_as_default=False) as client:
            yield client
        return
    if cluster.kind == "slurm":
        with slurm_workers(cluster) as client:
            yield client
        return
    with _local(cluster) as running, Client(running, set_as_default=False) as client:
        yield client


def _local(cluster: Cluster) -> Any:
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=cluster.workers or cores(),
            threads_per_worker=cluster.threads_per_worker,
            memory_limit=_memory(cluster) or "auto",
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        # Of a worker that was killed before it had begun.
        raise WorkersLostError(str(error)) from error


def _memory(cluster: Cluster) -> str | None:
    return f"{cluster.memory_gib}GiB" if cluster.memory_gib else None


def cores() -> int:
    """Cores this process may use, which a batch system may have cut below the machine's."""
    import os

    return len(os.sched_getaffinity(0))
