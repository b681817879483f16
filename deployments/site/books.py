"""What the watcher knows of each run, kept so that it survives being killed at any moment."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any


class Stage(StrEnum):
    """How far a run has come."""

    SETTLING = "settling"
    WAITING = "waiting"
    REDUCING = "reducing"
    DONE = "done"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Entry:
    """A run in the books; times are seconds since 1970."""

    root: str
    path: str
    stage: Stage
    stamp: str
    since: float
    due: float
    reason: str = ""
    files: str = ""
    around: int = 0
    looks: int = 0
    attempts: int = 0
    recipe: str = ""
    key: str = ""
    product: str = ""

    def to_json(self) -> dict[str, Any]:
        """What people want to know of it."""
        return {
            "run": f"{self.root}/{self.path}",
            "state": self.stage.value,
            "reason": self.reason,
            "recipe": self.recipe,
            "key": self.key,
            "product": self.product,
        }


COLUMNS = tuple(field.name for field in fields(Entry))
LAID = f"""CREATE TABLE IF NOT EXISTS runs (
    {", ".join(f"{name} NOT NULL" for name in COLUMNS)}, PRIMARY KEY (root, path))"""


class Books:
    """A small database in the site's folder; every change is on the disk before it counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as database:
            database.execute(LAID)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as database, database:
            database.execute("PRAGMA synchronous = FULL")
            yield database

    def write(self, entry: Entry) -> None:
        """Keep an entry in place of what was known of the run."""
        marks = ", ".join("?" * len(COLUMNS))
        values = [str(each) if isinstance(each, StrEnum) else each for each in asdict(entry).values()]
        with self._opened() as database:
            database.execute(f"INSERT OR REPLACE INTO runs ({', '.join(COLUMNS)}) VALUES ({marks})", values)

    def strike(self, entry: Entry) -> None:
        """Forget a run, so that it is looked at as new."""
        with self._opened() as database:
            database.execute("DELETE FROM runs WHERE root = ? AND path = ?", (entry.root, entry.path))

    def entries(self) -> dict[tuple[str, str], Entry]:
        """Everything known, by root and path."""
        with self._opened() as database:
            rows = database.execute(f"SELECT {', '.join(COLUMNS)} FROM runs ORDER BY root, path").fetchall()
        known = (_entry(row) for row in rows)
        return {(entry.root, entry.path): entry for entry in known}

    def take_up(self) -> int:
        """Make of runs that a killed watcher was reducing runs to be reduced; their number."""
        with self._opened() as database:
            return database.execute(
                "UPDATE runs SET stage = ?, due = ?, reason = ? WHERE stage = ?",
                (Stage.SETTLING.value, time.time(), "the watcher was stopped in it", Stage.REDUCING.value),
            ).rowcount


def _entry(row: tuple[Any, ...]) -> Entry:
    values = dict(zip(COLUMNS, row, strict=True))
    return Entry(**{**values, "stage": Stage(values["stage"])})
