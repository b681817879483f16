"""Powder patterns in text: scattering angle, intensity and, in a third column, its uncertainty."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import packed, text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
ANGLE = re.compile(r"\b(2|two)[ _-]?th(eta)?(_deg)?\b|2θ", re.IGNORECASE)
RADIAN = re.compile(r"2th_rad|\brad(ian)?s?\b", re.IGNORECASE)
WAVELENGTH = text.Said("wavelength_angstrom", r"^#\s*Wavelength:\s*([-+.\deE]+)\s*m\b", "m", "angstrom")
SUFFIXES = (".xye", ".xy", ".dat", ".chi")
# By a convention that is older than any header, these hold 2theta, intensity and its uncertainty.
CONVENTIONAL = (".xye",)
LEAST_ROWS = 5
OTHERS = re.compile(r"^#[FS] |^%[cpd]\s*$|<\?xml", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PowderText:
    """The reader of patterns over 2theta in degree, labelled so or by the convention of their name."""

    name: str = "powder_text"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a label for the angle, EXTENSION by the name alone."""
        inner = packed.suffix(probe.path)
        head = packed.head(probe)
        # Tables of scans have readers of their own.
        if inner not in SUFFIXES or OTHERS.search(head):
            return Confidence.NO
        table = text.longest_table(head.splitlines()[:-1])
        above = "\n".join(head.splitlines()[: table.start]) if table else head
        if ANGLE.search(above):
            return Confidence.CONTENT
        named = inner in CONVENTIONAL and table is not None and len(table) >= LEAST_ROWS
        return Confidence.EXTENSION if named else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the pattern can be read and its last row is whole."""
        try:
            content = packed.content(path)
            _pattern(path, content)
        except AdapterError as error:
            return Readiness.broken(str(error))
        last = content.rsplit("\n", 1)[-1]
        return Readiness.broken(f"{path} ends within a row: {last!r}") if last.strip() else Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The pattern; intensities without a stated unit are on an arbitrary scale."""
        import xarray as xr

        content = packed.content(path)
        header, values = _pattern(path, content)
        flags = [Flag.info("intensity_unit_unstated", "no unit of intensity is stated: arbitrary is used")]
        flags += text.open_end(content)
        scale = {"units": "arbitrary"}
        variables = {"intensity": (("frame", "two_theta"), values[None, :, 1], scale)}
        if values.shape[1] > 2:
            bad = ~(np.isfinite(values[:, 2]) & (values[:, 2] > 0))
            if bad.any():
                said = f"{int(bad.sum())} of {len(values)} errors are not positive numbers; they stand as NaN"
                flags.append(Flag.caution("errors_not_positive", said))
            errors = np.where(bad, np.nan, values[:, 2])
            variables["intensity_errors"] = (("frame", "two_theta"), errors[None], scale)
        else:
            flags.append(Flag.caution("no_uncertainties", "the file holds no uncertainties of its intensity"))
        data = xr.Dataset(variables, coords={"two_theta": ("two_theta", values[:, 0], {"units": "degree"})})
        wavelength = text.quantities(header, (WAVELENGTH,)).get("wavelength_angstrom")
        metadata = Metadata(technique="powder", wavelength_angstrom=wavelength)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _pattern(path: Path, content: str) -> tuple[str, text.Floats]:
    lines = content.splitlines()
    table = text.longest_table(lines)
    if table is None or len(table) < LEAST_ROWS:
        raise LayoutError(path, "it holds no columns of numbers")
    header = "\n".join(lines[: table.start])
    if RADIAN.search(header.splitlines()[-1] if header else ""):
        raise LayoutError(path, "its angles are in radian, which this reader does not take")
    if not (np.diff(table.values[:, 0]) > 0).all():
        raise LayoutError(path, "its angles do not increase from row to row")
    return header, table.values[:, :3]


POWDER_TEXT = PowderText()
