"""State tables of hydrogen-deuterium exchange as DynamX exports them: one row a peptide, state and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.formats import table_text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
NUMBERS = {
    "Start": ("start", "dimensionless"),
    "End": ("end", "dimensionless"),
    "MaxUptake": ("exchangeable", "dimensionless"),
    "MHP": ("mass", "Da"),
    "Exposure": ("exposure", "min"),
    "Center": ("center", "Da"),
    "Center SD": ("center_errors", "Da"),
    "Uptake": ("uptake", "Da"),
    "Uptake SD": ("uptake_errors", "Da"),
    "RT": ("retention_time", "min"),
}
WORDS = {"Sequence": "sequence", "State": "state", "Protein": "protein"}
MARKS = ("MaxUptake", "Exposure", "Uptake", "State", "Sequence")


@dataclass(frozen=True)
class DynamX:
    """A reader of state tables; an uptake at exposure 0 is the reference, zero by definition."""

    name: str = "dynamx_states"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the labels of the first line."""
        named = set(table_text.labels(probe.text))
        return Confidence.CONTENT if set(MARKS) <= named else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every row is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Every row, with exposures in minutes as DynamX writes them."""
        import xarray as xr

        found = table_text.columns(path, [*NUMBERS, *WORDS])
        variables = {
            name: ("row", table_text.numbers(path, label, found[label]), {"units": unit})
            for label, (name, unit) in NUMBERS.items()
        }
        unit = {"units": "dimensionless"}
        words = {
            name: ("row", np.array([w.strip() for w in found[label]]), unit) for label, name in WORDS.items()
        }
        data = xr.Dataset({**variables, **words})
        states = list(dict.fromkeys(data["state"].values.tolist()))
        metadata = Metadata("ms", raw={"states": states})
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION))


DYNAMX = DynamX()
