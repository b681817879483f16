"""SPEC files: scans of columns, some of them aborted, one file for a whole session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import scan_table, text
from adapters.formats.scan_table import Scan, TakesScan
from adapters.model import Flag, Measurement, Readiness
from adapters.protocol import Confidence, Probe

SCAN = re.compile(r"^#S +(\d+) *(.*)$")
FILE = re.compile(r"^#F ", re.MULTILINE)
LABELS = re.compile(r"^#[SDLNOE]\d* ", re.MULTILINE)
ABORTED = re.compile(r"^#C .*aborted", re.IGNORECASE)
RESUMED = re.compile(r"^#C .*resumed", re.IGNORECASE)
# Two blanks part labels, one may stand inside a label.
GAP = re.compile(r" {2,}|\t")


@dataclass(frozen=True)
class SpecFile(TakesScan):
    """The reader of SPEC files; of several scans with points one has to be named."""

    name: str = "spec"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first lines of a file and of a scan, SIGNATURE where the first scan comes late."""
        if not FILE.match(probe.text):
            return Confidence.NO
        if re.search(r"^#S \d+", probe.text, re.MULTILINE):
            return Confidence.CONTENT
        return Confidence.CONTENT if re.search(r"^#[EDO]\d* ", probe.text, re.MULTILINE) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it can be read and its last row is whole; the format says not how long a scan is."""
        try:
            content = text.text(path)
            if not any(scan.points for scan in scans(path, content)):
                return Readiness.broken(f"{path}: none of its scans has a point")
        except AdapterError as error:
            return Readiness.broken(str(error))
        last = content.rsplit("\n", 1)[-1]
        if last.strip():
            return Readiness.broken(f"{path} ends within a line: {last[:60]!r}")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The columns of one scan."""
        content = text.text(path)
        found, flags = scan_table.chosen(path, scans(path, content), self.scan)
        return scan_table.measurement(path, self.name, found, (*flags, *text.open_end(content)))


def scans(path: Path, content: str) -> list[Scan]:
    """All scans of a file, those without points too."""
    found = [_scan(path, part) for part in _parts(content.splitlines())]
    if not found:
        raise LayoutError(path, "there is no scan in it")
    return found


def _parts(lines: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for line in lines:
        if line.startswith("#S "):
            if part:
                yield part
            part = [line]
        elif line.startswith("#F ") and part:
            yield part
            part = []
        elif part:
            part.append(line)
    if part:
        yield part


def _scan(path: Path, lines: list[str]) -> Scan:
    head = SCAN.match(lines[0])
    if head is None:
        raise LayoutError(path, f"no scan number in {lines[0][:60]!r}")
    number = int(head[1])
    promised = next((text.number(line[3:].strip()) for line in lines if line.startswith("#N ")), None)
    labels = next((_labels(line, promised) for line in lines if line.startswith("#L ")), [])
    rows = [row for line in lines if not line.startswith(("#", "@")) and (row := text.row(line))]
    width = len(labels)
    whole = [row for row in rows if len(row) == width]
    values = np.array(whole, float).reshape(len(whole), width)
    flags = []
    if len(whole) < len(rows):
        said = f"scan {number}: {len(rows) - len(whole)} rows do not have {width} columns and are left out"
        flags.append(Flag.caution("rows_incomplete", said))
    stopped = [index for index, line in enumerate(lines) if ABORTED.match(line)]
    if stopped and not any(RESUMED.match(line) for line in lines[stopped[-1] :]):
        flags.append(Flag.caution("scan_aborted", f"scan {number} was aborted after {len(whole)} points"))
    columns = {label: values[:, index] for index, label in enumerate(labels)}
    seconds = next((line[3:].strip() for line in lines if line.startswith("#T ")), None)
    return Scan(number, head[2].strip(), columns, said={"count_time": seconds}, flags=tuple(flags))


def _labels(line: str, promised: float | None) -> list[str]:
    """Names of the columns, told apart where two are alike."""
    said = line[3:].strip()
    names = [name.strip() for name in GAP.split(said) if name.strip()]
    # Some programs leave one blank between names.
    if len(names) == 1 or (promised is not None and len(names) != promised):
        names = said.split()
    return [name if names.index(name) == place else f"{name} ({place})" for place, name in enumerate(names)]


SPEC = SpecFile()
