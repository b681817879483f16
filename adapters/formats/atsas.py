"""Curves as the EMBL beamlines' own software writes them: rows, and footer blocks of `key: value`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.errors import AdapterError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import TakesQUnit, by_convention, settled
from adapters.formats.text import Said, Table
from adapters.model import Flag, Measurement, Readiness
from adapters.protocol import Confidence, Probe

WRITER = "cbf-primus"
QUANTITIES = (
    Said("concentration_mg_ml", r"^Sample:.*\bc=\s*(\S+) mg/ml"),
    Said("exposure_s", r"^Exposure time \(sec\):\s*(\S+)"),
    Said("beam_center_x_px", r"\bBeamCenter_X:\s*(\S+)"),
    Said("beam_center_y_px", r"\bBeamCenter_Y:\s*(\S+)"),
    Said("temperature_k", r"^Sample temperature \[°C\] \(mean\):\s*(\S+)", offset=273.15),
)
REMARKS = (
    Said("pin_diode_mean", r"^Pin diode \(mean\):\s*(\S+)"),
    Said("transmitted_beam_v_mean", r"^Transmitted beam \[V\] \(mean\):\s*(\S+)"),
    Said("ring_current_ma_mean", r"^DORIS current \[mA\] \(mean\):\s*(\S+)"),
    Said("chi_threshold", r"^Chi-value threshold:\s*(\S+)"),
)
# The first line of a subtracted curve ends in the number that it was divided by.
DIVIDED = re.compile(r"/\s*([0-9.]+)\s*$")
SAMPLE = re.compile(r"^Sample:\s*(\S.*?)\s+c=", re.MULTILINE)
CODE = re.compile(r"\bCode:\s*(\S+)")
PROMISED = re.compile(r"\bN1\s*=\s*(\d+)\s+N2\s*=\s*(\d+)")
CHANNELS = re.compile(r"^Channels from\s+\d+ to\s+\d+\s+Number of frames averaged", re.MULTILINE)


@dataclass(frozen=True)
class AtsasCurve(TakesQUnit):
    """A reader of .dat files written by cbf-primus; a beamline's own is this with a marker."""

    name: str = "embl_dat"
    technique: str = "saxs"
    facility: str | None = None
    instrument: str | None = None
    marker: str | None = None
    writes_q_in: str | None = "1/nm"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the marker in head or footer, else CONTENT by the writer's name."""
        both = probe.text + probe.tail.decode("latin-1") if probe.text else ""
        if WRITER not in both:
            return Confidence.NO
        if self.marker is None:
            return Confidence.CONTENT
        return Confidence.INSTRUMENT if re.search(self.marker, both) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the footer is there, which the writer puts last."""
        try:
            lines = text.text(path).splitlines()
            _whole_table(path, lines)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The curve, with q in the unit that the writer always uses."""
        lines = text.text(path).splitlines()
        table = _whole_table(path, lines)
        if table.width < 2:
            raise LayoutError(path, "it holds no intensities")
        block = _first_block(lines, table)
        unit = settled(path, (by_convention(self.writes_q_in, WRITER),), self.q_unit)
        columns = Columns(
            table.values[:, 0], table.values[:, 1], table.values[:, 2] if table.width > 2 else None
        )
        read = Read(
            technique=self.technique,
            facility=self.facility,
            instrument=self.instrument,
            fields=_fields(block),
            raw=_raw(block),
            flags=_flags(lines[: table.start], table),
        )
        return measurement(path, self.name, columns, unit, read)


def _whole_table(path: Path, lines: Sequence[str]) -> Table:
    table = text.longest_table(lines)
    if table is None:
        raise LayoutError(path, "it holds no columns of numbers")
    if not any(line.strip() for line in lines[table.stop :]):
        raise TruncatedFileError(path, f"the footer is missing, {len(table)} points are there")
    if not any(line.lstrip().startswith("====") for line in lines[table.stop :]):
        raise TruncatedFileError(path, f"the row after {len(table)} points is cut: {lines[table.stop]!r}")
    return table


def _first_block(lines: Sequence[str], table: Table) -> str:
    """The block of the sample; those of its buffers follow and say the same keys again."""
    footer = "\n".join(lines[table.stop :]).lstrip()
    blocks = [block for block in re.split(r"^\s*====+\s*$", footer, flags=re.MULTILINE) if block.strip()]
    return "\n".join(lines[: table.start]) + "\n" + (blocks[0] if blocks else "")


def _fields(block: str) -> dict[str, Any]:
    fields: dict[str, Any] = dict(text.quantities(block, QUANTITIES))
    if sample := SAMPLE.search(block):
        fields["sample_name"] = sample.group(1)
    # Zero stands for "not entered" in the beamline's older files.
    centre = (fields.get("beam_center_x_px"), fields.get("beam_center_y_px"))
    if centre == (0.0, 0.0):
        fields = {key: value for key, value in fields.items() if not key.startswith("beam_center")}
    return fields


def _raw(block: str) -> dict[str, Any]:
    raw: dict[str, Any] = dict(text.quantities(block, REMARKS))
    if code := CODE.search(block):
        raw["sample_code"] = code.group(1)
    return raw


def _flags(header: Sequence[str], table: Table) -> tuple[Flag, ...]:
    flags = []
    divided = DIVIDED.search(header[0]) if header else None
    value = text.number(divided.group(1)) if divided else None
    if value:
        said = f"the intensity was divided by {value:g} mg/ml when the buffer was subtracted"
        flags.append(Flag.caution("divided_by_concentration", said))
    promised = PROMISED.search("\n".join(header))
    if promised and int(promised.group(2)) - int(promised.group(1)) + 1 > len(table):
        count = int(promised.group(2)) - int(promised.group(1)) + 1
        said = f"its writer kept {len(table)} of the {count} points that were measured"
        flags.append(Flag.info("cropped", said))
    return tuple(flags)


EMBL_DAT = AtsasCurve()
