"""FIO files of Sardana at PETRA III, read with patience: what is broken is told, the rest is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import scan_table, text
from adapters.formats.scan_table import Scan
from adapters.model import Flag, Measurement, Readiness
from adapters.protocol import Confidence, Probe

SECTIONS = re.compile(r"^%(c|p|d)\s*$", re.MULTILINE)
COLUMN = re.compile(r"^\s*Col\s+(\d+)\s+(.+?)\s+(DOUBLE|FLOAT|INTEGER|STRING|BOOLEAN)\s*$", re.IGNORECASE)
NUMBER = re.compile(r"_(\d+)\.fio$", re.IGNORECASE)
STARTED = re.compile(r"Acquisition started at (.+?)\s*$", re.MULTILINE)
ENDED = re.compile(r"^!\s*Acquisition ended", re.MULTILINE)
TRUE, FALSE = {"true", "1"}, {"false", "0"}
MOST_TOLD = 3


@dataclass
class _Parsed:
    """What a file says, section by section."""

    command: str = ""
    started: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    odd_parameters: list[str] = field(default_factory=list)
    short_rows: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class FioFile:
    """The reader of FIO files."""

    name: str = "petra3_fio"
    facility: str = "petra3"
    instrument: str = ""

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the sections and columns of the format."""
        marks = {mark[1] for mark in SECTIONS.finditer(probe.text)}
        if {"c", "d"} <= marks or {"p", "d"} <= marks or (marks and probe.suffix == ".fio"):
            return Confidence.CONTENT
        return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it can be read; one whose scan has not ended may still grow, and is judged by its age."""
        from adapters.formats import late

        try:
            content = text.text(path)
            parsed = _parsed(path, content)
        except AdapterError as error:
            return Readiness.broken(str(error))
        if not parsed.ended and late.younger_than(late.LATE_S, path):
            return Readiness.wait(f"{path} does not say that its scan ended, and is fresh", 30.0)
        last = content.rsplit("\n", 1)[-1]
        if not parsed.ended and last.strip() and not parsed.short_rows:
            return Readiness.broken(f"{path} ends within a line: {last[:60]!r}")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Every column over the points; the parameters as they stand."""
        parsed = _parsed(path, text.text(path))
        numbered = NUMBER.search(path.name)
        scan = Scan(
            number=int(numbered[1]) if numbered else 0,
            command=parsed.command,
            columns=_columns(path, parsed),
            said={"started": parsed.started, **text.impersonal(parsed.parameters)},
            flags=tuple(_flags(parsed)),
        )
        return scan_table.measurement(path, self.name, scan, (), facility=self.facility)


def _parsed(path: Path, content: str) -> _Parsed:
    found, section = _Parsed(ended=bool(ENDED.search(content))), ""
    comments: list[str] = []
    for line in content.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("!"):
            continue
        if mark := SECTIONS.match(stripped):
            section = mark[1]
        elif section == "c":
            comments.append(stripped)
        elif section == "p":
            _parameter(found, stripped)
        elif section == "d":
            _row(found, line)
    if not found.columns:
        raise LayoutError(path, "it has no columns")
    found.command = comments[0] if comments else ""
    started = STARTED.search("\n".join(comments))
    found.started = started[1] if started else ""
    return found


def _parameter(found: _Parsed, line: str) -> None:
    name, equals, value = line.partition("=")
    if not equals or not name.strip():
        found.odd_parameters.append(line[:60])
        return
    number = text.number(value.strip())
    found.parameters[name.strip()] = value.strip() if number is None else number


def _row(found: _Parsed, line: str) -> None:
    if column := COLUMN.match(line):
        # A later scan may be appended with its own list of columns; those are its rows' own.
        found.columns.append((column[2], column[3].upper()))
        return
    words = line.split()
    if len(words) == len(found.columns):
        found.rows.append(words)
    else:
        found.short_rows += 1


def _columns(path: Path, parsed: _Parsed) -> dict[str, np.ndarray[Any, Any]]:
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for place, (label, kind) in enumerate(parsed.columns):
        name = label if label not in columns else f"{label} ({place + 1})"
        columns[name] = _values([row[place] for row in parsed.rows], kind, path, label)
    return columns


def _values(words: list[str], kind: str, path: Path, label: str) -> np.ndarray[Any, Any]:
    if kind == "STRING":
        return np.array(words, dtype=object)
    if kind == "BOOLEAN":
        odd = {word for word in words if word.lower() not in TRUE | FALSE}
        if odd:
            raise LayoutError(
                path, f"the column {label!r} holds {sorted(odd)[0]!r}, which is not true or false"
            )
        return np.array([word.lower() in TRUE for word in words])
    # A counter that gave nothing stands as a word; that is missing, not zero.
    numbers = [text.number(word) for word in words]
    return np.array([np.nan if number is None else number for number in numbers], float)


def _flags(parsed: _Parsed) -> list[Flag]:
    flags = []
    if parsed.odd_parameters:
        listed = "; ".join(parsed.odd_parameters[:MOST_TOLD])
        said = f"{len(parsed.odd_parameters)} parameter lines are not name = value and are left out: {listed}"
        flags.append(Flag.caution("parameters_unreadable", said))
    if parsed.short_rows:
        said = f"{parsed.short_rows} rows do not have {len(parsed.columns)} columns and are left out"
        flags.append(Flag.caution("rows_incomplete", said))
    if not parsed.ended:
        said = f"the file does not say that its scan ended: it was aborted after {len(parsed.rows)} points"
        flags.append(Flag.caution("scan_aborted", said))
    return flags


FIO = FioFile()
