"""What all tests share: where the measured data lie, if they do, and a server to send products to."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from adapters.testing.sftp import Door, missing, served
from tests.beamtime import Beamtime, written

# The same examples in every run, so that a failure is that of the change; the nightly run tries others.
settings.register_profile("steady", derandomize=True)
if "HALOS_NIGHTLY" not in os.environ:
    settings.load_profile("steady")

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def measured() -> Path:
    """The folder of measured data; tests that need it skip, with this reason, where it is absent."""
    root = Path(os.environ.get("HALOS_DATA", BESIDE))
    if not root.is_dir():
        pytest.skip("measured data absent: set HALOS_DATA to their folder")
    return root


# Tests in these folders share a server that takes long to start.
TOGETHER = ("tests/deployments/hosts/", "tests/deployments/worker/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several processes share the tests by file, in the order of the file, and some folders by folder."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::", 1)[0]
            return next((folder for folder in TOGETHER if path.startswith(folder)), path)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A real OpenSSH server on this machine."""
    if missing():
        pytest.skip("OpenSSH is not installed")
    with served(tmp_path_factory.mktemp("sshd")) as up:
        yield up


@pytest.fixture(scope="session")
def beamtime(tmp_path_factory: pytest.TempPathFactory) -> Beamtime:
    """Frames of a small detector with a known particle, its buffer and a calibrant, written once."""
    return written(tmp_path_factory.mktemp("beamtime"))


ABSENT = re.compile(
    r"measured data absent|could not import '(?P<module>[\w.]+)'|(?P<thing>[\w. -]+) is not installed"
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at the end what was not tested here, and for want of what."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        counted[_want(reason.removeprefix("Skipped: "))] += 1
    for want, count in sorted(counted.items()):
        terminalreporter.write_line(f"{want}: {count}")


def _want(reason: str) -> str:
    found = ABSENT.search(reason)
    if found is None:
        return f"skipped ({reason})"
    missing = found["module"] or found["thing"]
    if missing is None:
        return "skipped because measured data absent"
    return f"left out because {missing.strip()} is not installed"
