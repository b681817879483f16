"""Workers of Dask as jobs of Slurm, which begin for one reduction and end with it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adapters.errors import MissingExtraError
from flows.cluster_errors import JobsEndedError, NotTakenError, NoWorkersError

if TYPE_CHECKING:
    from distributed import Client

    from flows.compute import Cluster

# Jobs that end at once should be told soon.
LOOK_S = 5.0


@contextmanager
def slurm_workers(cluster: Cluster) -> Iterator[Client]:
    """A client of workers in jobs, at least one of which works; the jobs end with the block.

    Raises
    ------
    ClusterAwayError
        Slurm does not take the jobs, or they do not start or end before they work.
    MissingExtraError
        dask-jobqueue is not installed.
    """
    from distributed import Client

    with _jobs_of(cluster) as running:
        _require_taken(running.job_script())
        running.scale(jobs=cluster.workers or 1)
        with Client(running, set_as_default=False) as client:
            _await_jobs(client, running, cluster)
            yield client


def _jobs_of(cluster: Cluster) -> Any:
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise MissingExtraError("dask-jobqueue", "slurm") from error

    return SLURMCluster(
        queue=cluster.partition,
        account=cluster.account,
        cores=cluster.threads_per_worker,
        processes=1,
        memory=f"{cluster.memory_gib}GiB" if cluster.memory_gib else "4GiB",
        walltime=cluster.walltime,
        interface=cluster.interface,
        log_directory=str(cluster.logs) if cluster.logs else None,
        job_extra_directives=[] if cluster.logs else ["--output=/dev/null", "--error=/dev/null"],
        scheduler_options={"dashboard_address": ":0", "interface": cluster.interface},
        silence_logs="CRITICAL",
    )


def _require_taken(script: str) -> None:
    """Ask Slurm about a job without submitting it; later its refusal would only be logged."""
    try:
        said = subprocess.run(
            ["sbatch", "--test-only"], input=script, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise NotTakenError("sbatch is not installed here") from error
    if said.returncode != 0:
        raise NotTakenError(said.stderr.strip())


def _await_jobs(client: Client, running: Any, cluster: Cluster) -> None:
    until = time.monotonic() + cluster.wait_s
    while True:
        left = until - time.monotonic()
        try:
            client.wait_for_workers(1, timeout=max(min(left, LOOK_S), 0.01))
        except TimeoutError as error:
            if left <= LOOK_S:
                raise NoWorkersError(cluster.wait_s) from error
            if not _known_jobs(running):
                raise JobsEndedError(cluster.logs) from error
        else:
            return


def _known_jobs(running: Any) -> list[str]:
    """The jobs of this cluster that Slurm still knows as waiting or running."""
    numbers = ",".join(str(job.job_id) for job in running.workers.values() if job.job_id)
    asked = subprocess.run(
        ["squeue", "--noheader", "--format=%i", f"--jobs={numbers}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.split()
