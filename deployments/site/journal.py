"""What the worker took on, on the disk before it is done: being killed loses and doubles nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Stage(StrEnum):
    """How far a run has come at the site."""

    SIGHTED = "sighted"
    TAKEN = "taken"
    RUNNING = "running"
    ANSWERED = "answered"
    OVER = "over"


class ReplayError(Exception):
    """A ticket that was used for another run already; for the audit log, not for the asker."""

    def __init__(self, ticket: str, run: str) -> None:
        super().__init__(ticket, run)
        self.ticket, self.run = ticket, run

    def __str__(self) -> str:
        return f"the ticket {self.ticket} was used for run {self.run} already"


@dataclass(frozen=True)
class Row:
    """A run in the journal; times are seconds since 1970, `report` is the state still to be told."""

    run: str
    stage: Stage
    order: dict[str, Any]
    since: float
    due: float
    attempts: int
    report: dict[str, Any] | None


COLUMNS = ("run", "stage", '"order"', "since", "due", "attempts", "report")
LAID = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, stage TEXT NOT NULL, "order" TEXT NOT NULL, since REAL NOT NULL,
    due REAL NOT NULL, attempts INTEGER NOT NULL, report TEXT);
CREATE INDEX IF NOT EXISTS runs_of_stage ON runs (stage);
CREATE TABLE IF NOT EXISTS tickets (ticket TEXT PRIMARY KEY, run TEXT NOT NULL, used REAL NOT NULL);
"""


class Journal:
    """A small database in the site's folder; every change is on the disk before it counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as database:
            database.executescript(LAID)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as database, database:
            database.execute("PRAGMA synchronous = FULL")
            yield database

    def sighted(self, run: str, ticket: str, order: dict[str, Any]) -> None:
        """Take note of an allowed run, and bind its ticket to it; ReplayError if it is another's."""
        now = time.time()
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            used = database.execute("SELECT run FROM tickets WHERE ticket = ?", (ticket,)).fetchone()
            if used is not None and used[0] != run:
                raise ReplayError(ticket, used[0])
            database.execute("INSERT OR IGNORE INTO tickets VALUES (?, ?, ?)", (ticket, run, now))
            _put(database, Row(run, Stage.SIGHTED, order, now, now, 0, None))

    def write(self, row: Row) -> None:
        """Keep a row in place of what was known of its run."""
        with self._opened() as database:
            _put(database, row)

    def forget(self, run: str) -> None:
        """Strike a run that the hub did not give us; its ticket stays bound to it."""
        with self._opened() as database:
            database.execute("DELETE FROM runs WHERE run = ?", (run,))

    def row(self, run: str) -> Row | None:
        """What is known of a run."""
        return next(iter(self._rows("run = ?", run)), None)

    def of(self, *stages: Stage) -> list[Row]:
        """Every run in these stages, the oldest first."""
        return self._rows(f"stage IN ({', '.join('?' * len(stages))})", *(each.value for each in stages))

    def untold(self) -> list[Row]:
        """Every run with a state that the hub has not heard of."""
        return self._rows("report IS NOT NULL")

    def _rows(self, where: str, *values: str) -> list[Row]:
        with self._opened() as database:
            said = f"SELECT {', '.join(COLUMNS)} FROM runs WHERE {where} ORDER BY since, run"
            return [_row(each) for each in database.execute(said, values).fetchall()]


def _put(database: sqlite3.Connection, row: Row) -> None:
    report = None if row.report is None else json.dumps(row.report)
    order = json.dumps(row.order)
    values = (row.run, row.stage.value, order, row.since, row.due, row.attempts, report)
    marks = ", ".join("?" * len(COLUMNS))
    database.execute(f"INSERT OR REPLACE INTO runs ({', '.join(COLUMNS)}) VALUES ({marks})", values)


def _row(said: tuple[Any, ...]) -> Row:
    run, stage, order, since, due, attempts, report = said
    told = None if report is None else json.loads(report)
    return Row(run, Stage(stage), json.loads(order), since, due, attempts, told)
