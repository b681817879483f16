"""Curves in plain text: columns of q, intensity, uncertainty, resolution, under labels or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import text
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import TakesQUnit, by_convention, by_geometry, by_label, settled
from adapters.formats.text import Floats, Said, Table
from adapters.model import Flag, Measurement, Readiness
from adapters.protocol import HEAD_BYTES, Confidence, Probe

# Layouts that readers of their own know better.
OTHERS = re.compile(
    r"^### (DATA|HEADER):|G N O M|^# BIFT|cbf-primus|^\s*\d* ?\(F12\.5,|^Data columns Qx|^ASCII data|^#[FS] "
    r"|<\?xml|^FORMATVERSION|^!FORMAT|SAXS BOX",
    re.MULTILINE,
)
# The axis of these tables is something else than momentum transfer.
NOT_Q = re.compile(r"SpinEchoLength|2.?theta|two.?theta|lag time|wavelength \(|energy \(", re.IGNORECASE)
MODEL_FIT = re.compile(r"\bDro:.*\bChi:|\bChi\^?2?\s*[:=].*\bfit\b", re.IGNORECASE)
ROLES = {
    "q": re.compile(r"^<?(q|s|x)>?(\*\w+)?$", re.IGNORECASE),
    "intensity": re.compile(r"^<?(i|i_|i\(q\)|intensity|counts|y)>?$", re.IGNORECASE),
    "errors": re.compile(
        r"^<?(e|err|error|errors|idev|di|dy|sigma|sigma\(i\)|sd|stddev|std\.dev\.?(i\(q\))?)>?$",
        re.IGNORECASE,
    ),
    "resolution": re.compile(r"^<?(dq|qdev|sigmaq|sigq|dsigq|sigma\(q\))>?$", re.IGNORECASE),
}
UNIT = re.compile(r"[\(\[\{]\s*([^\)\]\}]+?)\s*[\)\]\}]\s*$")
INTENSITY_UNITS = {"1/cm": "1/cm", "cm-1": "1/cm", "cm^-1": "1/cm", "counts": "count", "a.u.": "arbitrary"}
LEAST_ROWS = 3
# Names under which unlabelled columns are worth a try; the attempt is flagged.
SUFFIXES = (".dat", ".txt", ".csv", ".asc", ".abs", ".fit", ".ses")
# A curve's axis may stutter where ranges were joined; a map's runs back and forth.
MOST_TURNS = 0.1


@dataclass(frozen=True)
class AsciiCurve(TakesQUnit):
    """A reader of text curves; a facility's own layout is this with a marker and its convention.

    `quantities` fill metadata fields, `remarks` go to `raw`, and `cautions` are flags
    (code, pattern that calls for it, message).
    """

    name: str = "ascii_curve"
    technique: str = "curve"
    facility: str | None = None
    instrument: str | None = None
    marker: str | None = None
    writes_q_in: str | None = None
    quantities: tuple[Said, ...] = ()
    remarks: tuple[Said, ...] = ()
    cautions: tuple[tuple[str, str, str], ...] = ()

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the marker, CONTENT by a label with unit, SIGNATURE by a label, else by the name."""
        if OTHERS.search(probe.text) or "cbf-primus" in probe.tail.decode("latin-1"):
            return Confidence.NO
        table = _first_table(probe.text)
        if table is None:
            return Confidence.NO
        if self.marker is not None:
            marked = re.search(self.marker, probe.text, re.MULTILINE)
            return Confidence.INSTRUMENT if marked else Confidence.NO
        header = probe.text.splitlines()[: table.start]
        if by_label("\n".join(header)):
            return Confidence.CONTENT
        labels = _labels(header, table.width)
        if labels and any(ROLES["q"].match(name) for name, _ in labels):
            return Confidence.SIGNATURE
        return Confidence.EXTENSION if probe.suffix in SUFFIXES else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last row is whole; the layout does not say how many rows there should be."""
        try:
            lines = text.text(path).splitlines(keepends=True)
            table = _table(path, lines)
        except AdapterError as error:
            return Readiness.broken(str(error))
        cut = _cut_short(lines, table)
        return Readiness.broken(f"{path} ends within a row: {cut!r}") if cut else Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The curve; the unit of q by label, geometry or the facility's convention."""
        content = text.text(path)
        lines = content.splitlines()
        table = _table(path, lines)
        header = "\n".join(lines[: table.start])
        _refuse_other_axes(path, header, table)
        columns, intensity_unit, flags = _columns(path, lines[: table.start], table)
        fields = text.quantities(header, self.quantities)
        unit = settled(
            path,
            (
                by_label(header),
                by_geometry(
                    columns.q,
                    wavelength_angstrom=fields.get("wavelength_angstrom"),
                    distance_m=fields.get("distance_m"),
                    pixel_m=fields.get("pixel_size_x_m"),
                ),
                by_convention(self.writes_q_in, self.instrument or self.name),
            ),
            self.q_unit,
        )
        cautions = (Flag.caution(code, said) for code, sign, said in self.cautions if re.search(sign, header))
        read = Read(
            technique=self.technique,
            facility=self.facility,
            instrument=self.instrument,
            intensity_unit=intensity_unit,
            fields=fields,
            raw=text.quantities(header, self.remarks),
            # A facility's own layout has its columns in an order that is known.
            flags=(*(flags if self.marker is None else ()), *cautions, *text.open_end(content)),
        )
        return measurement(path, self.name, columns, unit, read)


def _first_table(head: str) -> Table | None:
    """The table that fills the rest of the head once it has begun; its last row may be cut."""
    lines = head.splitlines()
    table = text.longest_table(lines if len(head) < HEAD_BYTES else lines[:-1])
    if table is None or table.stop < len(lines) - 1:
        return None
    # In a long header the numbers may begin at the very end of what was read.
    return table if len(table) >= LEAST_ROWS or len(head) >= HEAD_BYTES // 2 else None


def _table(path: Path, lines: Sequence[str]) -> Table:
    table = text.longest_table(lines)
    if table is None or len(table) < LEAST_ROWS:
        raise LayoutError(path, "it holds no columns of numbers")
    return table


def _cut_short(lines: Sequence[str], table: Table) -> str:
    last = lines[-1]
    if last.endswith(("\n", "\r")) or not last.strip():
        return ""
    found = text.row(last)
    if found is None or len(found) != table.width:
        return last
    # Rows of fixed width: a shorter last one without its line end was cut.
    widths = {len(line.rstrip("\r\n")) for line in lines[table.start : -1] if text.row(line)}
    return last if len(widths) == 1 and len(last) < min(widths) else ""


def _refuse_other_axes(path: Path, header: str, table: Table) -> None:
    if other := NOT_Q.search(header):
        raise LayoutError(path, f"its first column is not momentum transfer ({other.group(0)!r})")
    if MODEL_FIT.search(header):
        raise LayoutError(path, "a model's fit to a curve: its columns are no intensity with uncertainty")
    steps = np.diff(table.values[:, 0])
    if (steps <= 0).sum() > MOST_TURNS * max(1, steps.size) and not (steps < 0).all():
        raise LayoutError(path, "not a curve: its first column does not increase from row to row")


def _columns(path: Path, header: Sequence[str], table: Table) -> tuple[Columns, str | None, tuple[Flag, ...]]:
    labels = _labels(header, table.width)
    if labels is None:
        return _unlabelled(table)
    places = {
        role: next((index for index, (name, _) in enumerate(labels) if pattern.match(name)), None)
        for role, pattern in ROLES.items()
    }
    if places["q"] is None or places["intensity"] is None:
        raise LayoutError(
            path, f"its columns are {', '.join(name for name, _ in labels)}: no q and intensity"
        )

    def column(role: str) -> Floats | None:
        place = places[role]
        return None if place is None else table.values[:, place]

    q, intensity = table.values[:, places["q"]], table.values[:, places["intensity"]]
    name, spelled = labels[places["intensity"]]
    unit = "count" if name.lower() == "counts" else INTENSITY_UNITS.get((spelled or "").lower())
    return Columns(q, intensity, column("errors"), column("resolution")), unit, ()


def _unlabelled(table: Table) -> tuple[Columns, None, tuple[Flag, ...]]:
    values = table.values
    errors = values[:, 2] if table.width > 2 else None
    said = "no label names the columns; read as q, intensity" + (", uncertainty" if table.width > 2 else "")
    if table.width > 3:
        said += f"; {table.width - 3} further columns were not read"
    return Columns(values[:, 0], values[:, 1], errors), None, (Flag.caution("columns_unlabelled", said),)


def _labels(header: Sequence[str], width: int) -> list[tuple[str, str | None]] | None:
    """Names and units of the columns from the nearest line above that names q, or from the last line."""
    lines = [line for line in header if line.strip(" #\t\r\n")][-6:]
    for line in reversed(lines):
        names = _names(line, width)
        if not names:
            continue
        has_q = any(ROLES["q"].match(name) for name, _ in names)
        if has_q or (line is lines[-1] and _words(names)):
            return names
    return None


def _names(line: str, width: int) -> list[tuple[str, str | None]] | None:
    said = re.sub(r"^\s*#+\s*(L\s)?", "", line).strip()
    for parts in (re.split(r"\||\t|\s{2,}", said), re.sub(r"\s+(?=[\(\[\{])", "", said).split()):
        names = [part.strip() for part in parts if part.strip()]
        names = names[1:] if "|" in said and len(names) == width + 1 else names
        if len(names) == width and not any(text.number(name) is not None for name in names):
            return [_name_and_unit(name) for name in names]
    return None


def _words(names: list[tuple[str, str | None]]) -> bool:
    return all(re.fullmatch(r"[A-Za-z<][\w<>()*]*", name) for name, _ in names)


def _name_and_unit(label: str) -> tuple[str, str | None]:
    unit = UNIT.search(label)
    # I(q) is a name, I(1/cm) a name with a unit.
    if unit is None or unit.group(1).lower() in ("q", "i", "i(q"):
        return label.replace(" ", ""), None
    return label[: unit.start()].replace(" ", ""), unit.group(1)


ASCII_CURVE = AsciiCurve()
