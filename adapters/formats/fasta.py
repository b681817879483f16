"""Sequences of proteins in FASTA."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError
from adapters.formats import text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
LETTERS = re.compile(r"^[A-Za-z*\-]+$")
ACCESSION = re.compile(r"^(?:sp|tr)\|([^|]+)\|")


@dataclass(frozen=True)
class Fasta:
    """A reader of FASTA; UniProt's accession is taken out of its bars, else the first word is the name."""

    name: str = "fasta"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a first line that names a sequence of letters."""
        lines = probe.text.splitlines()
        named = len(lines) > 1 and lines[0].startswith(">") and bool(LETTERS.match(lines[1].strip()))
        return Confidence.CONTENT if named else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every sequence is made of letters. A cut file cannot be told from a shorter one."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Accession and sequence in one-letter code of each entry."""
        import xarray as xr

        names: list[str] = []
        parts: list[list[str]] = []
        for number, line in enumerate(text.text(path).splitlines(), start=1):
            stripped = line.strip()
            if stripped.startswith(">"):
                names.append(_accession(stripped[1:]))
                parts.append([])
            elif stripped and not (parts and LETTERS.match(stripped)):
                raise CorruptFileError(path, f"line {number} is no sequence: {stripped[:40]!r}")
            elif stripped:
                parts[-1].append(stripped.upper())
        if not names or not all(parts):
            raise CorruptFileError(path, "a name stands without its sequence")
        unit = {"units": "dimensionless"}
        data = xr.Dataset(
            {
                "accession": ("protein", np.array(names), unit),
                "protein_sequence": ("protein", np.array(["".join(each) for each in parts]), unit),
            }
        )
        return Measurement(data, Metadata("ms"), Provenance(str(path), self.name, VERSION))


def _accession(head: str) -> str:
    found = ACCESSION.match(head)
    return found.group(1) if found else head.split(maxsplit=1)[0] if head.split() else ""


FASTA = Fasta()
