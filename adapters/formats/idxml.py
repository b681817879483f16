"""Peptide identifications as OpenMS keeps them in idXML: sequence, charge, precursor and time of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats import text
from adapters.formats.xml_text import root_of
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
UNITS = {
    "precursor_mz": "Da/elementary_charge",
    "scan_time": "s",
    "charge": "dimensionless",
    "score": "dimensionless",
}


@dataclass(frozen=True)
class IdXML:
    """A reader of idXML; of several hits for a spectrum the first, which is the best, is taken."""

    name: str = "idxml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the root element."""
        return Confidence.CONTENT if b"<IdXML" in probe.head else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last element is closed."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """One row for each identified spectrum."""
        import xarray as xr

        whole = text.text(path)
        root = root_of(path, whole, "</IdXML>")
        numbers: dict[str, list[float]] = {name: [] for name in UNITS}
        peptides: list[str] = []
        try:
            for spectrum in root.iter("PeptideIdentification"):
                hit = spectrum.find("PeptideHit")
                if hit is None:
                    continue
                peptides.append(hit.attrib["sequence"])
                numbers["precursor_mz"].append(float(spectrum.attrib["MZ"]))
                numbers["scan_time"].append(float(spectrum.attrib["RT"]))
                numbers["charge"].append(float(hit.attrib["charge"]))
                numbers["score"].append(float(hit.attrib["score"]))
        except (KeyError, ValueError) as error:
            raise CorruptFileError(path, f"{type(error).__name__}: {error}") from error
        if not peptides:
            raise LayoutError(path, "it holds no identified peptides")
        data = xr.Dataset(
            {
                name: ("identification", np.array(column), {"units": UNITS[name]})
                for name, column in numbers.items()
            }
        )
        data["peptide"] = ("identification", np.array(peptides), {"units": "dimensionless"})
        engine = root.find("IdentificationRun")
        raw = {} if engine is None else {"search_engine": engine.attrib.get("search_engine", "")}
        return Measurement(data, Metadata("ms", raw=raw), Provenance(str(path), self.name, VERSION))


IDXML = IdXML()
