"""The database under a ledger: SQLite in a file, or PostgreSQL by its URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from flows.interrupts import interrupt_in
from flows.ledger.errors import LedgerAwayError, LedgerError, LedgerPlaceError, NoDriverError
from flows.ledger.filesystem import shared

FILE = "ledger.sqlite"
SECONDS_TO_ANSWER = 30
NOW = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::double precision",
}
KINDS = ("sqlite:///FILE", "postgresql://USER:PASSWORD@HOST/DATABASE")


_APART: ContextVar[bool] = ContextVar("apart", default=False)


@contextmanager
def kept_apart() -> Iterator[None]:
    """What is reduced inside, only to be looked at, does not go into the ledger that all share."""
    before = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(before)


def place_of(results: Path) -> str:
    """URL of the ledger of a results folder: HALOS_LEDGER, else a file in the folder."""
    shared = None if _APART.get() else os.environ.get("HALOS_LEDGER")
    return shared or f"sqlite:///{Path(results).resolve() / FILE}"


def missing(url: str) -> Path | None:
    """The file of a ledger, if it would be a file and there is none."""
    try:
        said = make_url(url)
    except ArgumentError:
        return None
    file = Path(said.database or "") if said.get_backend_name() == "sqlite" else None
    return file if file is not None and not file.exists() else None


def engine_at(url: str) -> Engine:
    """An engine whose connections are opened when needed and closed at once, so that forks are safe."""
    try:
        said = make_url(url)
    except ArgumentError as error:
        raise LedgerPlaceError(url, f"it is no URL; known are {' and '.join(KINDS)}") from error
    place = said.render_as_string(hide_password=True)
    if said.get_backend_name() not in NOW:
        raise LedgerPlaceError(place, f"only {' and '.join(KINDS)} are known")
    if said.get_backend_name() == "sqlite":
        return _sqlite(said.database, place)
    try:
        options = {"connect_timeout": 10, "application_name": "halos"}
        return create_engine(
            said.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=options
        )
    except (ImportError, NoSuchModuleError) as error:
        raise NoDriverError(place) from error


def _sqlite(file: str | None, place: str) -> Engine:
    if not file or file == ":memory:":
        raise LedgerPlaceError(place, "it names no file")
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerPlaceError(place, error.strerror or str(error)) from error
    # A write-ahead log wants memory that all share, which machines do not.
    journal = "DELETE" if shared(Path(file).parent) else "WAL"
    engine = create_engine(
        f"sqlite:///{file}", poolclass=NullPool, connect_args={"timeout": SECONDS_TO_ANSWER}
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself: it would begin them too late.
        connection.isolation_level = None
        # A process that is killed loses nothing; a power cut may lose the last moments, which the
        # products on disk tell again.
        connection.execute(f"PRAGMA journal_mode={journal}").close()
        connection.execute("PRAGMA synchronous=NORMAL").close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # Whoever will write waits for its turn now, not in the middle.
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def begun(engine: Engine, *, reads: bool = False) -> Iterator[Connection]:
    """One transaction; what the driver complains about is told as LedgerError."""
    try:
        with engine.connect().execution_options(reads=reads) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise translated(engine, error) from error
    except AssertionError as error:
        if interrupt := interrupt_in(error):
            raise interrupt from None
        raise


def now(connection: Connection) -> float:
    """Seconds since 1970 by the clock of the database, the only one that all who share it agree on."""
    return float(connection.execute(text(NOW[connection.dialect.name])).scalar_one())


def place(engine: Engine) -> str:
    """How people call the ledger: its URL without the password."""
    return engine.url.render_as_string(hide_password=True)


def translated(engine: Engine, error: DBAPIError) -> LedgerError:
    """A complaint of the driver as an error that says what to do."""
    reason = " ".join(str(error.orig).split())
    if engine.dialect.name == "sqlite" and "locked" not in reason and "busy" not in reason:
        return LedgerPlaceError(place(engine), reason)
    return LedgerAwayError(place(engine), reason)
