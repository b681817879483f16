"""What can be wrong with a cluster: none of it is the fault of the data, so a run is tried again."""

from __future__ import annotations

from pathlib import Path


class ClusterAwayError(Exception):
    """A cluster does not work now; the data are not to blame."""


class NoWorkersError(ClusterAwayError):
    """Slurm started no job in the time allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return (
            f"Slurm started no job within {self.seconds:g} s; look with squeue, "
            "and raise wait_s or choose another partition"
        )


class JobsEndedError(ClusterAwayError):
    """Slurm started the jobs, and they ended before they worked."""

    def __init__(self, logs: Path | None) -> None:
        super().__init__(logs)
        self.logs = logs

    def __str__(self) -> str:
        where = (
            f"their logs in {self.logs} say why" if self.logs else "set logs in the cluster's file to see why"
        )
        return (
            f"the jobs that Slurm started ended before they did anything; {where} "
            "(often HALOS is not installed on the nodes, or they cannot reach this process over `interface`)"
        )


class NotTakenError(ClusterAwayError):
    """Slurm does not take the job."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return f"Slurm does not take a job with what the cluster's file says: {self.said}"


class WorkersLostError(ClusterAwayError):
    """Workers could not be started, or ended while they computed."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return (
            f"workers of the cluster were lost ({self.said}); they were killed or ran out of memory: "
            "try again, with more memory_gib or fewer workers if it happens again"
        )
