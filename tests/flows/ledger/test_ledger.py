"""Requests, the history, how a ledger is found, laid and told to be out of reach."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import RootTransaction, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from flows.ledger.database import kept_apart, place_of
from flows.ledger.errors import (
    AmbiguousRequestError,
    LedgerAwayError,
    LedgerError,
    LedgerNewerError,
    LedgerPlaceError,
    NothingToRetryError,
    UnknownRequestError,
)
from flows.ledger.ledger import ledger_at, ledger_of
from flows.ledger.requests import Request
from flows.ledger.tables import METADATA
from flows.states import DONE, QUARANTINED, RUNNING, WAITING

SECONDS_TO_OPEN = 0.05


def asked(ledger, name="abc1", run="run", **more):
    return ledger.ask(Request(id=name, run=run, recipe="saxs", **more))


def test_the_same_request_sent_again_is_one(kept):
    first = asked(kept.ledger)
    kept.ledger.move("abc1", RUNNING, "it is being computed")
    kept.clock.at += 5
    second = asked(kept.ledger)

    assert (first.state, second.state) == ("asked", "running")
    assert second.asked_at == 1000.0
    assert len(kept.ledger.requests()) == 1


def test_a_request_keeps_what_is_said_of_it(kept):
    asked(kept.ledger, site="lund", paths=("/a", "/b"), asked={"reduction": "saxs"}, notes={"stamp": "x"})
    kept.ledger.move("abc1", WAITING, "a file is late", due=2000.0, kind="module:Kind")
    found = kept.ledger.get("abc1")

    assert found.paths == ("/a", "/b")
    assert (found.asked, found.notes) == ({"reduction": "saxs"}, {"stamp": "x"})
    assert (found.due, found.kind, found.reason) == (2000.0, "module:Kind", "a file is late")


def test_attempts_count_how_often_it_ran(kept):
    asked(kept.ledger)
    for _ in range(2):
        kept.ledger.move("abc1", RUNNING, "it is being computed")
        kept.ledger.move("abc1", WAITING, "the disk is full")

    assert kept.ledger.get("abc1").attempts == 2
    assert kept.ledger.again("abc1", "sent again").attempts == 0


def test_the_database_itself_refuses_a_state_without_its_reason(kept):
    asked(kept.ledger)
    engine = create_engine(kept.url.replace("postgresql:", "postgresql+psycopg:"))

    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("UPDATE requests SET state = 'waiting', reason = ''"))
    engine.dispose()


def test_the_beginning_of_a_key_or_the_name_of_a_run_is_enough(kept):
    asked(kept.ledger, "abc1", run="one")
    asked(kept.ledger, "abd2", run="two", key="f" * 64)

    assert kept.ledger.called("abc").run == "one"
    assert kept.ledger.called("fff").run == "two"
    assert kept.ledger.called("two").id == "abd2"


def test_what_could_be_several_is_not_guessed(kept):
    asked(kept.ledger, "abc1", run="one")
    asked(kept.ledger, "abd2", run="two")

    with pytest.raises(AmbiguousRequestError, match=r"one.*two"):
        kept.ledger.called("ab")
    for nothing in ("x", "", "%", "a_c"):
        with pytest.raises(UnknownRequestError):
            kept.ledger.called(nothing)


def test_what_is_in_quarantine_can_be_tried_again_and_what_is_done_cannot(kept):
    asked(kept.ledger)
    kept.ledger.move("abc1", QUARANTINED, "it is broken")
    kept.ledger.retry(kept.ledger.called("abc1"))
    kept.ledger.move("abc1", DONE)

    with pytest.raises(NothingToRetryError, match="done"):
        kept.ledger.retry(kept.ledger.called("abc1"))
    assert [each["state"] for each in kept.ledger.history("abc1")] == [
        "asked",
        "quarantined",
        "asked",
        "done",
    ]


def test_the_same_state_and_reason_again_is_no_news(kept):
    asked(kept.ledger)
    for due in (1.0, 2.0, 3.0):
        kept.ledger.move("abc1", WAITING, "a file is late", due=due)

    assert len(kept.ledger.history("abc1")) == 2
    assert kept.ledger.get("abc1").due == 3.0


def test_a_run_that_is_forgotten_is_new_when_it_comes_again(kept):
    asked(kept.ledger)
    kept.ledger.strike("abc1", "its file is gone")

    assert kept.ledger.requests() == []
    assert asked(kept.ledger).attempts == 0


def test_the_layout_is_the_one_that_the_code_knows(kept):
    kept.ledger  # noqa: B018 (lays it)
    engine = create_engine(kept.url.replace("postgresql:", "postgresql+psycopg:"))
    found = {name: {each["name"] for each in inspect(engine).get_columns(name)} for name in METADATA.tables}
    indexes = {name: {each["name"] for each in inspect(engine).get_indexes(name)} for name in METADATA.tables}
    engine.dispose()

    assert found == {name: set(table.columns.keys()) for name, table in METADATA.tables.items()}
    assert indexes == {name: {each.name for each in table.indexes} for name, table in METADATA.tables.items()}


def test_many_that_open_a_new_ledger_at_once_lay_it_once(kept):
    failed = []

    def look():
        try:
            kept.ledger.requests()
        except LedgerError as error:
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_two_processes_lay_a_new_ledger_once(tmp_path):
    code = f"from flows.ledger.ledger import ledger_at; ledger_at('sqlite:///{tmp_path}/ledger.sqlite')"
    begun = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]

    assert [(each.communicate()[1], each.returncode) for each in begun] == [(b"", 0)] * 3


def test_a_ledger_of_a_newer_halos_is_left_alone(kept):
    kept.ledger  # noqa: B018 (lays it)
    engine = create_engine(kept.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(LedgerNewerError, match="9999"):
        kept.ledger.requests()


def test_opening_a_ledger_takes_moments(tmp_path):
    ledger_of(tmp_path)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        ledger_of(tmp_path)
        took.append(time.perf_counter() - began)

    assert min(took) < SECONDS_TO_OPEN


def test_a_ledger_lies_beside_the_products_unless_somebody_says_where(tmp_path, monkeypatch):
    monkeypatch.delenv("HALOS_LEDGER", raising=False)
    own = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    assert place_of(tmp_path) == own

    monkeypatch.setenv("HALOS_LEDGER", "postgresql://h/d")
    assert place_of(tmp_path) == "postgresql://h/d"
    with kept_apart():
        assert place_of(tmp_path) == own


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("sqlite:////proc/nowhere/ledger.sqlite", LedgerPlaceError, "cannot be written"),
        ("sqlite://", LedgerPlaceError, "names no file"),
        ("mysql://host/x", LedgerPlaceError, "only sqlite"),
        ("ledger.sqlite", LedgerPlaceError, "is no URL"),
        ("postgresql://u:secret@127.0.0.1:1/x", LedgerAwayError, "does not answer"),
    ],
)
def test_a_ledger_that_cannot_be_is_told_in_one_sentence(url, error, said):
    with pytest.raises(error, match=said) as caught:
        ledger_at(url)
    assert "secret" not in str(caught.value)
    assert "HALOS_LEDGER" in str(caught.value) or "database" in str(caught.value)


def test_a_file_that_is_no_ledger_is_told(tmp_path):
    (tmp_path / "ledger.sqlite").write_text("Dear diary, the beam was down again. " * 50)

    with pytest.raises(LedgerPlaceError, match="not a database"):
        ledger_of(tmp_path)


def test_a_database_that_is_killed_loses_nothing(postgres):
    ledger = ledger_at(postgres.database())
    asked(ledger)
    lease = ledger.claim("/store", "a" * 64, "saxs")
    ledger.begin(lease, "abc1")
    postgres.end()
    try:
        with pytest.raises(LedgerAwayError, match="does not answer"):
            ledger.renew(lease)
    finally:
        postgres.begin()
    with ledger.committing(lease, Path("/store/p"), "abc1"):
        pass

    assert ledger.get("abc1").state == DONE
    assert [each["commits"] for each in ledger.products()] == [1]


def test_an_interrupt_in_the_middle_of_a_commit_is_an_interrupt(kept, monkeypatch):
    ledger, leave = kept.ledger, RootTransaction._deactivate_from_connection
    interrupts = [KeyboardInterrupt()]

    def interrupted(transaction):
        # As Ctrl-C does that comes just as the commit has been made.
        if interrupts:
            raise interrupts.pop()
        leave(transaction)

    asked(ledger, "abc1")
    monkeypatch.setattr(RootTransaction, "_deactivate_from_connection", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.requests()

    assert [each.id for each in ledger.requests()] == ["abc1"]
