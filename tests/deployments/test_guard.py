"""Nothing that a part of the hub started outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deployments.errors import PartFailedError
from deployments.home import Home
from deployments.part import running

SLEEPS = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)
DETACHES = (
    "import subprocess, sys, time;"
    f"p = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}], start_new_session=True);"
    "print('up', flush=True); time.sleep(60)"
)


def guarded(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deployments.guard", "0.5", sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def family_when_up(guard: subprocess.Popen[str]) -> list[psutil.Process]:
    assert guard.stdout is not None
    guard.stdout.readline()
    return psutil.Process(guard.pid).children(recursive=True)


def ended(guard: subprocess.Popen[str], family: list[psutil.Process]) -> list[psutil.Process]:
    guard.wait(10)
    for pipe in (guard.stdin, guard.stdout):
        assert pipe is not None
        pipe.close()
    return psutil.wait_procs(family, timeout=5)[1]


@pytest.mark.parametrize("code", [STUBBORN, DETACHES])
def test_when_the_parent_goes_the_whole_family_goes(code):
    guard = guarded(code)
    family = family_when_up(guard)
    assert guard.stdin is not None

    guard.stdin.close()

    assert family
    assert ended(guard, family) == []


def test_a_guard_told_to_end_takes_the_family_along():
    guard = guarded(DETACHES)
    family = family_when_up(guard)

    guard.terminate()

    assert len(family) == 2
    assert ended(guard, family) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_guard_that_is_killed_takes_its_program_along():
    guard = guarded("print('up', flush=True);" + SLEEPS)
    family = family_when_up(guard)

    guard.kill()

    assert len(family) == 1
    assert ended(guard, family) == []


@pytest.fixture
def home(tmp_path):
    (tmp_path / "logs").mkdir()
    return Home(tmp_path, tmp_path / "results")


def test_a_part_that_ends_by_itself_is_told_with_the_end_of_its_log(home):
    with running("talker", home, ["this"], dict(os.environ), patience=1.0) as part:
        part.process.wait(10)

        with pytest.raises(PartFailedError) as failed:
            part.check()

    assert "the talker ended by itself with status 0" in str(failed.value)
    assert "Namespaces are one honking great idea" in str(failed.value)
    assert str(home.log("talker")) in str(failed.value)


def test_the_log_of_the_session_before_is_kept(home):
    for _ in range(2):
        with running("talker", home, ["this"], dict(os.environ), patience=1.0) as part:
            part.process.wait(10)

    assert sorted(each.name for each in (home.root / "logs").iterdir()) == [
        "talker.before.log",
        "talker.log",
    ]


def test_a_part_is_gone_after_its_block(home):
    with running("waiter", home, ["http.server", "0"], dict(os.environ), patience=2.0) as part:
        until_up(home.log("waiter"))
        family = psutil.Process(part.process.pid).children(recursive=True)

    assert len(family) == 1
    assert not family[0].is_running()
    assert part.process.returncode != -signal.SIGKILL


def until_up(log: Path) -> None:
    end = time.monotonic() + 10
    while not log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
