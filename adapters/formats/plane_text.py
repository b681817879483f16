"""Maps of intensity over qx and qy in text, as NIST's and Mantid's programs write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from adapters.errors import AdapterError, LayoutError, TruncatedFileError
from adapters.formats import plane, text
from adapters.formats.curve import Read
from adapters.formats.q_unit import TakesQUnit, by_label, settled
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe

TITLE = re.compile(r"^Data columns Qx - Qy - I\(Qx,Qy\) - err\(I\)\s*\nASCII data", re.MULTILINE)


@dataclass(frozen=True)
class PlaneText(TakesQUnit):
    """A reader of the four-column form: qx, qy, intensity, uncertainty."""

    name: str = "plane_text"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the title."""
        return Confidence.CONTENT if TITLE.match(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the points fill their grid."""
        try:
            _table(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The map."""
        header, table, shape = _table(path)
        qx, qy, intensity, errors = (column.reshape(shape) for column in table.values[:, :4].T)
        unit = settled(path, (by_label(header),), self.q_unit)
        axes = plane.grid_axes(path, qx, qy)
        return plane.measurement(path, self.name, axes, (intensity, errors), unit, Read())


def _table(path: Path) -> tuple[str, text.Table, tuple[int, int]]:
    lines = text.text(path).splitlines()
    table = text.longest_table(lines)
    if table is None or table.width != 4:
        raise LayoutError(path, "it does not hold four columns of numbers")
    if any(line.strip() for line in lines[table.stop :]):
        raise TruncatedFileError(path, f"the row after {len(table)} points is cut: {lines[table.stop]!r}")
    try:
        shape = plane.gridded(path, table.values[:, 0])
    except LayoutError as error:
        raise TruncatedFileError(path, f"its {len(table)} points do not fill a grid") from error
    return "\n".join(lines[: table.start]), table, shape


PLANE_TEXT = PlaneText()
