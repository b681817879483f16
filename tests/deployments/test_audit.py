"""A log that was changed, shortened or mixed up afterwards is found out, at its first wrong line."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.audit import Audit, AuditBrokenError, checked, entries

LINES = 6


def log_in(folder: Path, lines: int = LINES) -> Path:
    audit = Audit(folder / "audit.jsonl")
    for number in range(lines):
        audit.written("asked", run=f"run-{number}", recipe="saxs")
    return audit.path


def broken_line(path: Path) -> int:
    with pytest.raises(AuditBrokenError) as caught:
        checked(path)
    return caught.value.line


def test_an_untouched_log_tells_what_was_written(tmp_path):
    path = log_in(tmp_path)

    assert checked(path) == LINES
    assert [each["run"] for each in entries(path)] == [f"run-{number}" for number in range(LINES)]
    assert path.stat().st_mode & 0o077 == 0


def test_no_log_yet_is_no_fault(tmp_path):
    assert checked(tmp_path / "audit.jsonl") == 0


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_flipped_bit_is_found_where_it_is(data):
    with tempfile.TemporaryDirectory() as folder:
        path = log_in(Path(folder))
        text = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(text) - 1))
        line = text[:place].count(b"\n") + 1
        text[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(text)

        assert broken_line(path) == line


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, LINES - 1), min_size=1, unique=True))
def test_any_lines_taken_away_are_found(gone):
    with tempfile.TemporaryDirectory() as folder:
        path = log_in(Path(folder))
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for number, line in enumerate(lines) if number not in gone))

        assert broken_line(path) == min(gone) + 1


def test_lines_in_another_order_are_found(tmp_path):
    path = log_in(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))

    assert broken_line(path) == 2


def test_a_log_whose_end_was_cut_is_not_written_further(tmp_path):
    path = log_in(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    with pytest.raises(AuditBrokenError, match="6 lines were written"):
        Audit(path).written("asked")


@pytest.mark.parametrize("torn", [b'{"line":7,"at":"20', b'{"li', b"\x00\x00"])
def test_a_line_that_a_killed_writer_left_half_is_set_right(tmp_path, torn):
    path = log_in(tmp_path)
    with path.open("ab") as file:
        file.write(torn)
    Audit(path).written("started")

    assert checked(path) == LINES + 1


def test_a_writer_killed_before_it_remembered_its_line_breaks_nothing(tmp_path):
    path = log_in(tmp_path)
    end = path.with_name("audit.jsonl.end")
    before = end.read_text()
    Audit(path).written("asked")
    end.write_text(before)
    Audit(path).written("asked")

    assert checked(path) == LINES + 2


def test_secrets_are_never_written(tmp_path):
    audit = Audit(tmp_path / "audit.jsonl", secrets=("halos:hunter2", None))
    audit.written("asked", hub="http://halos:hunter2@hub", inside={"halos:hunter2": ["x halos:hunter2"]})

    assert "hunter2" not in audit.path.read_text()


def test_odd_facts_are_kept_as_text(tmp_path):
    audit = Audit(tmp_path / "audit.jsonl")
    audit.written("asked", path=Path("a/b"), odd="\ud800\0\n", number=float("nan"), long="x" * 10_000)

    assert checked(audit.path) == 1
    assert len(audit.path.read_bytes().splitlines()) == 1
    assert next(entries(audit.path))["path"] == "a/b"


def test_a_fact_cannot_take_the_place_of_the_logs_own(tmp_path):
    with pytest.raises(ValueError, match="the log's own"):
        Audit(tmp_path / "audit.jsonl").written("asked", hash="0")


def _write_some(path: Path) -> None:
    for number in range(20):
        Audit(path).written("asked", number=number)


def test_several_processes_write_one_log(tmp_path):
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_some, args=(path,)) for _ in range(3)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()

    assert checked(path) == 60
    assert json.loads(path.read_text().splitlines()[0])["line"] == 1
