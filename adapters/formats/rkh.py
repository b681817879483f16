"""Curves in the RKH text layout of neutron instruments: four lines, a format, counted rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import AdapterError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import TakesQUnit, by_convention, by_label, settled
from adapters.formats.text import Floats
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe

HEADER_LINES = 5
FORMAT = re.compile(r"^\s*\d+ \(F12\.5,2E16\.6\)\s*$")
MAP = re.compile(r"^\s*\d+ q.*\n\s*\d+ q.*\n\s*0 ", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class RkhCurve(TakesQUnit):
    """A reader of one-dimensional RKH files; an instrument's own is this with a marker."""

    name: str = "rkh"
    technique: str = "sans"
    facility: str | None = None
    marker: str | None = None
    writes_q_in: str | None = None

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the marker in the first line, else CONTENT by the format line."""
        lines = probe.text.splitlines()[:HEADER_LINES]
        one_dimensional = len(lines) == HEADER_LINES and FORMAT.match(lines[4]) is not None
        if not one_dimensional and not MAP.search("\n".join(lines)):
            return Confidence.NO
        if self.marker is None:
            return Confidence.CONTENT
        return Confidence.INSTRUMENT if re.search(self.marker, lines[0]) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether there are as many rows as the third line says."""
        try:
            _rows(path, text.text(path).splitlines())
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The curve; the unit of q by label or by the instrument's convention."""
        lines = text.text(path).splitlines()
        values = _rows(path, lines)
        instrument = lines[0].split()[0] if lines[0].split() else None
        writer = instrument or self.name
        evidence = (by_label("\n".join(lines[:HEADER_LINES])), by_convention(self.writes_q_in, writer))
        columns = Columns(*values[:, :4].T)
        read = Read(
            technique=self.technique,
            facility=self.facility,
            instrument=instrument,
            raw={"title": lines[1].strip()},
        )
        return measurement(path, self.name, columns, settled(path, evidence, self.q_unit), read)


def _rows(path: Path, lines: Sequence[str]) -> Floats:
    if MAP.search("\n".join(lines[:HEADER_LINES])):
        raise LayoutError(path, "a map over qx and qy in RKH text; save it as NXcanSAS to read it here")
    if len(lines) < HEADER_LINES:
        raise TruncatedFileError(path, f"{len(lines)} of {HEADER_LINES} header lines are there")
    counts = text.row(lines[2])
    if not counts or counts[0] < 1:
        raise LayoutError(path, f"its third line does not count the points: {lines[2]!r}")
    promised = int(counts[0])
    rows = [found for line in lines[HEADER_LINES:] if (found := text.row(line)) is not None]
    whole = [each for each in rows if len(each) == len(rows[0]) and len(each) >= 2]
    if len(whole) < promised:
        raise TruncatedFileError(path, f"{len(whole)} of {promised} points are there")
    return np.array(whole[:promised], np.float64)


RKH = RkhCurve()
