"""Peak tables of NMRPipe: a line of variables, a line of formats, one line a peak, heights of a series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance, text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
VARIABLES = re.compile(r"^VARS[ \t]+INDEX\b(?=[^\n]*\bX_PPM\b).*$", re.MULTILINE)
FORMAT = re.compile(r"^FORMAT\b.*$", re.MULTILINE)
# Heights at the points of a series stand as shares of the first of these that is there.
REFERENCE = ("HEIGHT", "VOL")
SERIES = re.compile(r"Z_A(\d+)")


@dataclass(frozen=True)
class PipeTable:
    """A reader of tables of peak detection (`.tab`) and of series (`.ser`)."""

    name: str = "nmrpipe_table"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the line of variables."""
        return Confidence.CONTENT if VARIABLES.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every line is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Heights (row, peak), one row for each spectrum of a series; the fast axis is the last."""
        columns = _columns(Path(path))
        label = "VOL" if any(map(SERIES.fullmatch, columns)) else REFERENCE[0]
        label = label if label in columns else "VOL"
        one = _numbers(path, columns, label)
        shares = sorted((int(found[1]), name) for name in columns if (found := SERIES.fullmatch(name)))
        rows = [one * _numbers(path, columns, name) for _, name in shares] or [one]
        axes = [name for name in ("Z_PPM", "Y_PPM", "X_PPM") if name in columns]
        position = np.stack([_numbers(path, columns, name) for name in axes], axis=1)
        data = resonance.peaks(np.stack(rows), position, _names(columns, len(one)))
        return Measurement(data, Metadata("nmr"), Provenance(str(path), self.name, VERSION))


def _columns(path: Path) -> dict[str, list[str]]:
    content = text.text(path)
    if not content.endswith("\n"):
        raise TruncatedFileError(path, "its last line has no end")
    head, form = VARIABLES.search(content), FORMAT.search(content)
    if head is None or form is None:
        raise LayoutError(path, "it lacks its line of variables or of formats")
    labels = head.group().split()[1:]
    lines = [line.split() for line in content[form.end() :].splitlines()]
    rows = [line for line in lines if line and line[0].isdigit()]
    if not rows:
        raise TruncatedFileError(path, "it has variables and no peaks")
    for row in rows:
        if len(row) != len(labels):
            raise CorruptFileError(path, f"peak {row[0]} has {len(row)} of {len(labels)} variables")
    return {label: [row[place] for row in rows] for place, label in enumerate(labels)}


def _numbers(path: Path, columns: dict[str, list[str]], label: str) -> Any:
    if label not in columns:
        raise LayoutError(path, f"it has no variable {label}")
    found = [text.number(word) for word in columns[label]]
    if any(value is None or not np.isfinite(value) for value in found):
        raise CorruptFileError(path, f"{label} holds what is no number")
    return np.array(found, float)


def _names(columns: dict[str, list[str]], count: int) -> list[str]:
    """Assignments where there are any, else the numbers of the peaks."""
    said = columns.get("ASS", ["None"] * count)
    return [
        f"peak {number}" if name in ("None", "*") else name
        for number, name in zip(columns["INDEX"], said, strict=True)
    ]


PIPE_TABLE = PipeTable()
