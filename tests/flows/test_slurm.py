"""The same numbers from jobs of a real Slurm, started here for the test and stopped after it."""

import os
import shutil
import socket
import subprocess
import time

import dask.array as da
import numpy as np
import pytest

from flows.compute import Cluster, NoWorkersError, stream

NEEDED = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch")

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge/munge.sock
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2
MinJobAge=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=3000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A controller and a node of two cores, by hand and without systemd."""
    missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing or os.geteuid() != 0:
        pytest.skip("Slurm is not installed" if missing else "Slurm is not installed for users: needs root")
    home = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool", "log", "munge"):
        (home / name).mkdir()
    # The daemon of munge refuses a key that others could replace.
    for folder in (home, *list(home.parents)[:-1]):
        folder.chmod(folder.stat().st_mode & ~0o022 | (0o1022 if folder.name == "tmp" else 0))
    key = home / "munge" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    (home / "munge").chmod(0o755)
    (home / "slurm.conf").write_text(CONF.format(home=home, host=socket.gethostname().split(".")[0]))
    environment = {
        **os.environ,
        "PATH": f"{os.environ['PATH']}:/usr/sbin",
        "SLURM_CONF": f"{home}/slurm.conf",
    }

    def run(*command):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    run(
        "munged",
        "--force",
        f"--key-file={key}",
        f"--socket={home}/munge/munge.sock",
        f"--pid-file={home}/munged.pid",
        f"--log-file={home}/log/munged.log",
        f"--seed-file={home}/munge/seed",
    )
    try:
        run("slurmctld")
        run("slurmd")
        deadline = time.monotonic() + 40
        while "idle" not in run("sinfo", "--noheader", "--format=%T"):
            assert time.monotonic() < deadline, (home / "log" / "slurmctld.log").read_text()[-2000:]
            time.sleep(0.5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
            yield home
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            pid = home / f"{name}.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text().strip()], check=False)
                time.sleep(1)


def asked(home, **more):
    values = {
        "kind": "slurm",
        "partition": "main",
        "workers": 1,
        "memory_gib": 1.0,
        "walltime": "00:05:00",
        "interface": "lo",
        "logs": home / "log",
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
