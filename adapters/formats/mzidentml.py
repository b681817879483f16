"""Cross-linked peptides in mzIdentML: pairs of items of one spectrum, donor and acceptor."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats import text
from adapters.formats.xml_text import root_of
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
DONOR, ACCEPTOR, PAIR, SCAN = "MS:1002509", "MS:1002510", "MS:1002511", "MS:1000797"
SCORES = ("MS:1002545",)


@dataclass
class _Content:
    accessions: dict[str, str] = field(default_factory=dict)
    peptides: dict[str, tuple[str, int, str, float]] = field(default_factory=dict)
    evidence: dict[str, list[tuple[str, int, bool]]] = field(default_factory=dict)
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    spectra: dict[str, str] = field(default_factory=dict)
    others: int = 0


@dataclass(frozen=True)
class MzIdentML:
    """A reader of the cross-links in mzIdentML 1.2; identifications of single peptides are counted only."""

    name: str = "mzidentml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the root element."""
        return Confidence.CONTENT if b"<MzIdentML" in probe.head else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last element is closed and every reference leads somewhere."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """One row for each pair: the residue of each peptide's link, numbered in its protein."""
        content = _parsed(path)
        rows = [_row(path, content, items) for items in content.pairs.values() if len(items) == 2]
        if not rows:
            raise LayoutError(path, "it holds no cross-linked pairs")
        flags = []
        if content.others:
            told = f"{content.others} identifications of single peptides are not read"
            flags.append(Flag.info("single_peptides_left_out", told))
        metadata = Metadata("ms", raw={"spectra_files": sorted(set(content.spectra.values()))})
        return Measurement(_dataset(rows), metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _parsed(path: Path) -> _Content:
    whole = text.text(path)
    content = _Content()
    root = root_of(path, whole, "</MzIdentML>")
    readers = {
        "DBSequence": _sequence,
        "Peptide": _peptide,
        "PeptideEvidence": _evidence,
        "SpectraData": _spectra,
        "SpectrumIdentificationResult": _result,
    }
    try:
        for element in root.iter():
            if read := readers.get(_tag(element)):
                read(content, element)
    except (KeyError, ValueError) as error:
        raise CorruptFileError(path, f"{type(error).__name__}: {error}") from error
    return content


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _sequence(content: _Content, element: Element) -> None:
    content.accessions[element.attrib["id"]] = element.attrib["accession"]


def _spectra(content: _Content, element: Element) -> None:
    content.spectra[element.attrib["id"]] = (
        element.attrib.get("location", "").replace("\\", "/").rpartition("/")[2]
    )


def _peptide(content: _Content, element: Element) -> None:
    sequence, role, place, mass = "", "", 0, 0.0
    for child in element:
        if _tag(child) == "PeptideSequence":
            sequence = child.text or ""
        elif _tag(child) == "Modification":
            terms = _terms(child)
            if DONOR in terms or ACCEPTOR in terms:
                role = "donor" if DONOR in terms else "acceptor"
                place = int(child.attrib["location"])
                mass = float(child.attrib.get("monoisotopicMassDelta", "0"))
    content.peptides[element.attrib["id"]] = (sequence, place, role, mass)


def _evidence(content: _Content, element: Element) -> None:
    said = element.attrib
    row = (said["dBSequence_ref"], int(said["start"]), said.get("isDecoy") == "true")
    content.evidence.setdefault(said["peptide_ref"], []).append(row)


def _result(content: _Content, element: Element) -> None:
    scan = _terms(element).get(SCAN, "")
    for child in element:
        if _tag(child) != "SpectrumIdentificationItem":
            continue
        terms = _terms(child)
        if PAIR not in terms:
            content.others += 1
            continue
        said = child.attrib
        score = next((float(terms[each]) for each in SCORES if each in terms), float("nan"))
        item = {
            "peptide": said["peptide_ref"],
            "charge": float(said["chargeState"]),
            "precursor_mz": float(said["experimentalMassToCharge"]),
            "calculated_mz": float(said.get("calculatedMassToCharge", "nan")),
            "score": score,
            "scan_number": float(scan) if scan else float("nan"),
            "spectra": content.spectra.get(element.attrib.get("spectraData_ref", ""), ""),
        }
        content.pairs.setdefault((element.attrib["id"], terms[PAIR]), []).append(item)


def _terms(element: Element) -> dict[str, str]:
    return {
        child.attrib["accession"]: child.attrib.get("value", "")
        for child in element
        if _tag(child) == "cvParam"
    }


def _row(path: Path, content: _Content, items: list[dict[str, Any]]) -> dict[str, Any]:
    ends = sorted((content.peptides[item["peptide"]], item["peptide"]) for item in items)
    ends.sort(key=lambda end: end[0][2] != "donor")
    if [end[0][2] for end in ends] != ["donor", "acceptor"]:
        raise CorruptFileError(path, f"{items[0]['peptide']} is not linked from a donor to an acceptor")
    row = {name: items[0][name] for name in items[0] if name != "peptide"}
    row["run"] = row.pop("spectra")
    row["decoy"] = False
    row["crosslinker_mass"] = ends[0][0][3]
    for number, ((sequence, place, _, _), reference) in enumerate(ends, start=1):
        found = content.evidence.get(reference, [])
        if not found:
            raise CorruptFileError(path, f"no protein is named for the peptide {reference}")
        row[f"peptide_{number}"] = sequence
        row[f"protein_{number}"] = ";".join(content.accessions[each[0]] for each in found)
        row[f"residue_{number}"] = float(found[0][1] + place - 1)
        row["decoy"] = row["decoy"] or any(each[2] for each in found)
    return row


def _dataset(rows: list[dict[str, Any]]) -> Any:
    import xarray as xr

    mz = "Da/elementary_charge"
    units = {"precursor_mz": mz, "calculated_mz": mz, "crosslinker_mass": "Da"}
    return xr.Dataset(
        {
            name: ("link", np.array([row[name] for row in rows]), {"units": units.get(name, "dimensionless")})
            for name in rows[0]
        }
    )


MZIDENTML = MzIdentML()
