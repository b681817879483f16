"""Ledgers on both databases, with a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.ledger.ledger import Ledger, ledger_at
from tests.postgres import Postgres


@dataclass
class Clock:
    """Stands until it is turned."""

    at: float = 1000.0

    def __call__(self, _: Any) -> float:
        return self.at


@dataclass
class Kept:
    """A ledger with its clock, and where it is."""

    url: str
    clock: Clock = field(default_factory=Clock)

    @property
    def ledger(self) -> Ledger:
        return ledger_at(self.url, now=self.clock, lease_s=10.0)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server; skips where there is none to run."""
    pytest.importorskip("psycopg")
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty ledger, on each database in turn."""
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    return Kept(request.getfixturevalue("postgres").database())
