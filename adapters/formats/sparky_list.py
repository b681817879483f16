"""Peak lists of Sparky: a name, a shift on every axis, and mostly a height, one line a peak."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance, text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
HEAD = re.compile(r"^\s*Assignment\s+w1\s+w2\b.*$", re.MULTILINE)
# Labels of columns that are told by two words.
WORDS = re.compile(r"Data Height|lw\d \(hz\)|Fit RMS %|\S+")
HEIGHT = ("Data Height", "Height")


@dataclass(frozen=True)
class SparkyList:
    """A reader of peak lists with heights, which are signed."""

    name: str = "sparky_list"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the line of labels."""
        return Confidence.CONTENT if HEAD.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every line is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """One row of heights, the axes in the order of the file."""
        labels, rows = _table(Path(path))
        axes = [label for label in labels if re.fullmatch(r"w\d", label)]
        label = next((each for each in HEIGHT if each in labels), None)
        if label is None:
            raise LayoutError(path, f"it has no column of heights, only {', '.join(labels)}")
        names = [row[0] for row in rows]
        position = np.array([[_number(path, row, labels, axis) for axis in axes] for row in rows])
        heights = np.array([_number(path, row, labels, label) for row in rows])
        data = resonance.peaks(heights[None], position, names)
        return Measurement(data, Metadata("nmr"), Provenance(str(path), self.name, VERSION))


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    content = text.text(path)
    if not content.endswith("\n"):
        raise TruncatedFileError(path, "its last line has no end")
    lines = [line.split() for line in content.splitlines()]
    start = next((at for at, line in enumerate(content.splitlines()) if HEAD.match(line)), None)
    if start is None:
        raise LayoutError(path, "it has no line of labels: Assignment w1 w2 ...")
    labels = WORDS.findall(content.splitlines()[start])
    rows = [line for line in lines[start + 1 :] if line]
    if not rows:
        raise TruncatedFileError(path, "it has labels and no peaks")
    return labels, rows


def _number(path: Path, row: list[str], labels: list[str], label: str) -> float:
    place = labels.index(label)
    value = text.number(row[place]) if place < len(row) else None
    if value is None or not np.isfinite(value):
        said = row[place] if place < len(row) else "nothing"
        raise CorruptFileError(path, f"the peak {row[0]} has {said!r} where {label} is a number")
    return value


SPARKY_LIST = SparkyList()
