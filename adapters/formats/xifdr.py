"""Cross-linked peptides as xiFDR exports them: one row a spectrum match, residues by protein and number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.formats import table_text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
MARKS = ("PepSeq1", "PepSeq2", "LinkPos1", "ProteinLinkPos1", "Crosslinker", "fdr")
NUMBERS = {
    "ProteinLinkPos1": ("residue_1", "dimensionless"),
    "ProteinLinkPos2": ("residue_2", "dimensionless"),
    "exp charge": ("charge", "dimensionless"),
    "exp m/z": ("precursor_mz", "Da/elementary_charge"),
    "exp mass": ("mass", "Da"),
    "match mass": ("calculated_mass", "Da"),
    "CrosslinkerModMass": ("crosslinker_mass", "Da"),
    "Score": ("score", "dimensionless"),
    "fdr": ("fdr", "dimensionless"),
    "scan": ("scan_number", "dimensionless"),
}
WORDS = {
    "Protein1": "protein_1",
    "Protein2": "protein_2",
    "PepSeq1": "peptide_1",
    "PepSeq2": "peptide_2",
    "run": "run",
    "Crosslinker": "crosslinker",
}


@dataclass(frozen=True)
class XiFdr:
    """A reader of PSM tables of xiFDR; rows with a decoy are kept and marked."""

    name: str = "xifdr_csv"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the labels of the first line."""
        return Confidence.CONTENT if set(MARKS) <= set(table_text.labels(probe.text)) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every row is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Every match; `decoy` tells those that only measure how often chance succeeds."""
        import xarray as xr

        found = table_text.columns(path, [*NUMBERS, *WORDS, "isDecoy"])
        unit = {"units": "dimensionless"}
        variables = {
            name: ("link", table_text.numbers(path, label, found[label]), {"units": kind})
            for label, (name, kind) in NUMBERS.items()
        }
        words = {
            name: ("link", np.array([w.strip() for w in found[label]]), unit) for label, name in WORDS.items()
        }
        decoy = np.array([each.strip().lower() == "true" for each in found["isDecoy"]])
        data = xr.Dataset({**variables, **words, "decoy": ("link", decoy, unit)})
        return Measurement(data, Metadata("ms"), Provenance(str(path), self.name, VERSION))


XIFDR = XiFdr()
