"""Curves in canSAS 1-D XML, versions 1.0 and 1.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from adapters.errors import AdapterError, LayoutError, UnitError
from adapters.formats import text
from adapters.formats.cansas_unit import SPELLINGS
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import Evidence, settled
from adapters.formats.text import Floats
from adapters.formats.xml_text import root_of
from adapters.model import Flag, Measurement, Readiness, convert
from adapters.protocol import Confidence, Probe

ROOT = re.compile(r"<(?:\w+:)?SASroot\b")
LENGTHS = (("wavelength_angstrom", "SASsource/wavelength", "angstrom"),)
SAMPLE = (("thickness_m", "thickness", "m"), ("transmission", "transmission", ""))


@dataclass(frozen=True)
class CansasXml:
    """A reader of canSAS XML; every number there carries its unit."""

    name: str = "cansas_xml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the root element."""
        return Confidence.CONTENT if ROOT.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the XML is whole and holds data."""
        try:
            _data(path, _entries(path)[0])
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The first curve of the first entry; others are named in a flag."""
        entries = _entries(path)
        entry = entries[0]
        rows = _rows(_data(path, entry))
        q, q_unit = _column(path, rows, "Q")
        intensity, intensity_unit = _column(path, rows, "I")
        columns = Columns(q, intensity, _optional(path, rows, "Idev"), _optional(path, rows, "Qdev"))
        unit = settled(path, (Evidence(q_unit, "the attribute of <Q>"),))
        instrument = entry.find("SASinstrument")
        read = Read(
            technique=technique(_text(entry.find("SASinstrument/SASsource/radiation"))),
            instrument=_text(instrument.find("name")) if instrument is not None else None,
            intensity_unit=SPELLINGS.get(intensity_unit.lower(), intensity_unit),
            fields=_fields(path, entry),
            raw=_raw(entry),
            flags=(*_smeared(rows), *_further(entries)),
        )
        return measurement(path, self.name, columns, unit, read)


def technique(radiation: str | None) -> str:
    """The small angle technique for a source's radiation, `curve` where it is not said."""
    said = (radiation or "").lower()
    if "neutron" in said:
        return "sans"
    return "saxs" if "x-ray" in said or "xray" in said else "curve"


def _entries(path: Path) -> list[ElementTree.Element]:
    said = text.text(path)
    root = root_of(path, said)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    entries = root.findall("SASentry")
    if not entries:
        raise LayoutError(path, "there is no SASentry")
    return entries


def _data(path: Path, entry: ElementTree.Element) -> ElementTree.Element:
    data = entry.find("SASdata")
    if data is None or data.find("Idata") is None:
        raise LayoutError(path, "its first SASentry holds no SASdata with points")
    return data


def _rows(data: ElementTree.Element) -> list[dict[str, ElementTree.Element]]:
    return [{each.tag: each for each in point} for point in data.iter("Idata")]


def _column(path: Path, rows: list[dict[str, ElementTree.Element]], name: str) -> tuple[Floats, str]:
    values = [_number(row.get(name)) for row in rows]
    units = {row[name].get("unit") for row in rows if name in row}
    if not units:
        raise LayoutError(path, f"its points have no <{name}>")
    if len(units) > 1 or None in units:
        raise UnitError(path, f"<{name}> has the units {sorted(map(str, units))}, not one for all points")
    return np.array(values, np.float64), str(units.pop())


def _optional(path: Path, rows: list[dict[str, ElementTree.Element]], name: str) -> Floats | None:
    return _column(path, rows, name)[0] if any(name in row for row in rows) else None


def _number(element: ElementTree.Element | None) -> float:
    value = text.number((_text(element) or "").strip())
    return float("nan") if value is None else value


def _text(element: ElementTree.Element | None) -> str | None:
    return (element.text or "").strip() or None if element is not None else None


def _fields(path: Path, entry: ElementTree.Element) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    sample = entry.find("SASsample")
    if sample is not None:
        fields["sample_name"] = _text(sample.find("ID"))
        for name, place, to in SAMPLE:
            fields[name] = _quantity(path, sample.find(place), to)
    for name, place, to in LENGTHS:
        fields[name] = _quantity(path, entry.find(f"SASinstrument/{place}"), to)
    distances = [_quantity(path, each, "m") for each in entry.iterfind("SASinstrument/SASdetector/SDD")]
    # With several detectors the file does not say which of them made the curve.
    if len(distances) == 1:
        fields["distance_m"] = distances[0]
    return {name: value for name, value in fields.items() if value is not None}


def _quantity(path: Path, element: ElementTree.Element | None, to: str) -> float | None:
    value = _number(element)
    if element is None or not np.isfinite(value):
        return None
    unit = element.get("unit")
    if to and unit is None:
        return None
    return convert(value, str(unit), to, str(path)) if to else value


def _raw(entry: ElementTree.Element) -> dict[str, Any]:
    said = {"title": entry.find("Title"), "run": entry.find("Run"), "process": entry.find("SASprocess/name")}
    return {name: found for name, element in said.items() if (found := _text(element))}


def _smeared(rows: list[dict[str, ElementTree.Element]]) -> Iterator[Flag]:
    if any("dQl" in row or "dQw" in row for row in rows):
        yield Flag.caution("slit_smeared", "the curve is smeared by a slit (dQl, dQw); it was not desmeared")


def _further(entries: list[ElementTree.Element]) -> Iterator[Flag]:
    curves = sum(len(entry.findall("SASdata")) for entry in entries)
    if curves > 1:
        said = f"the file holds {curves} curves in {len(entries)} entries; the first is opened"
        yield Flag.caution("further_data_not_opened", said)


CANSAS_XML = CansasXml()
