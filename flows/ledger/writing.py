"""The two ways in which rows come into the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from flows.ledger.tables import HISTORY

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def added(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Add a row unless there is one; who comes second finds the row of the first."""
    new = INSERTS[connection.dialect.name](table).values(**values)
    connection.execute(new.on_conflict_do_nothing())


def noted(connection: Connection, at: float, subject: str, state: str, reason: str, token: int = 0) -> None:
    """Write down what became of a request or a key."""
    row = {"subject": subject, "at": at, "state": state, "reason": reason, "token": token}
    connection.execute(insert(HISTORY).values(row))
