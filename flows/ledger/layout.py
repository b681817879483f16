"""Bring the tables of a ledger to the layout that this HALOS knows, whoever opens it first."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, Engine, inspect, text

from flows.ledger.database import begun, place
from flows.ledger.errors import LedgerNewerError

HEAD = "0001"
# Any number that all who share a database agree on.
TURN = 4270211


def laid(engine: Engine) -> None:
    """Lay the tables, or take them to the newest layout; two that do it at once do it once."""
    with begun(engine, reads=True) as connection:
        version = _version(connection)
    if version == HEAD:
        return
    with begun(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({TURN})"))
        version = _version(connection)
        if version is not None and version > HEAD:
            raise LedgerNewerError(place(engine), version)
        if version != HEAD:
            _upgraded(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    said: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return said


def _upgraded(connection: Connection) -> None:
    # Half a second that only the first who opens a ledger has to wait for.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("flows.ledger.migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
