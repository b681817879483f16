"""What all tests share: where the measured data lie, if they do, and a server to send products to."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.testing.sftp import Door, missing, served

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def measured() -> Path:
    """The folder of measured data; tests that need it skip, with this reason, where it is absent."""
    root = Path(os.environ.get("HALOS_DATA", BESIDE))
    if not root.is_dir():
        pytest.skip("measured data absent: set HALOS_DATA to their folder")
    return root


# Fixtures that take long to start; whoever uses one is tested where it runs already.
SHARED = ("hub", "prefect_db", "hosts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under xdist, tests of a module stay together, and so do those that share a server."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            names = getattr(item, "fixturenames", ())
            shared = next((name for name in SHARED if name in names), None)
            item.add_marker(pytest.mark.xdist_group(shared or str(item.path)))


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A real OpenSSH server on this machine."""
    if missing():
        pytest.skip("OpenSSH is not installed")
    with served(tmp_path_factory.mktemp("sshd")) as up:
        yield up


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
