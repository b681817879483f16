"""Mass spectra in plain text: m/z and intensity in two columns, with header lines or without."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.text import Floats, Table
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MZ = "Da/elementary_charge"
HEADED = re.compile(
    r"^SPECTRUM - MS|^\s*#?\s*(m/z|mz|mass)[\s,;]+(intensity|int\.?|abundance)\b", re.I | re.M
)
PROMISED = re.compile(r"^Data points:\s*(\d+)", re.MULTILINE)
DETECTOR = re.compile(r"^(FTMS|ITMS|TOFMS)", re.MULTILINE)
LEAST_ROWS = 20
# No momentum transfer or angle in radian starts here; an axis of m/z does.
LEAST_MZ = 50.0
# Between neighbouring points the step of an m/z axis grows by less than this share.
MOST_STEP_CHANGE = 0.02


@dataclass(frozen=True)
class SpectrumText:
    """A reader of one spectrum as text; without labels it goes by the shape of the m/z axis."""

    name: str = "mass_spectrum_text"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a header, SIGNATURE by an axis whose steps grow as those of mass analysers do."""
        if HEADED.search(probe.text):
            return Confidence.CONTENT
        lines = probe.text.splitlines()[:-1]
        table = text.longest_table(lines)
        if table is None or table.start > 0 or table.stop < len(lines):
            return Confidence.NO
        return Confidence.SIGNATURE if _like_mz(table) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether as many points are there as the header promises, and the last row is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The spectrum as one scan of profile points."""
        content = text.text(path)
        lines = content.splitlines()
        table = text.longest_table(lines)
        if table is None or table.width != 2 or len(table) < LEAST_ROWS:
            raise LayoutError(path, "it holds no two columns of m/z and intensity")
        header = "\n".join(lines[: table.start])
        _whole(path, content, lines, header, table)
        flags = () if HEADED.search(content[:4096]) else (_unlabelled(),)
        metadata = Metadata(technique="ms", raw=_said(header))
        data = spectra([(table.values[:, 0], table.values[:, 1])])
        data["profile"] = ("scan", np.array([True]), {"units": "dimensionless"})
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


def spectra(scans: list[tuple[Floats, Floats]]) -> xr.Dataset:
    """Scans of (m/z, intensity) end to end, with where each begins and how long it is."""
    import xarray as xr

    sizes = np.array([len(mz) for mz, _ in scans], dtype=int)
    unit = {"units": "dimensionless"}
    return xr.Dataset(
        {
            "mz": ("point", np.concatenate([mz for mz, _ in scans]), {"units": MZ}),
            "intensity": ("point", np.concatenate([each for _, each in scans]), {"units": "arbitrary"}),
            "first_point": ("scan", np.concatenate([[0], np.cumsum(sizes)[:-1]]), unit),
            "points": ("scan", sizes, unit),
        }
    )


def _like_mz(table: Table) -> bool:
    if table.width != 2 or len(table) < LEAST_ROWS:
        return False
    mz, intensity = table.values.T
    steps = np.diff(mz)
    if mz[0] < LEAST_MZ or (steps <= 0).any() or (intensity < 0).any():
        return False
    change = np.diff(steps) / steps[:-1]
    return bool((np.abs(change) < MOST_STEP_CHANGE).all() and steps[-1] > steps[0])


def _whole(path: Path, content: str, lines: list[str], header: str, table: Table) -> None:
    promised = PROMISED.search(header)
    if promised and int(promised.group(1)) != len(table):
        raise TruncatedFileError(path, f"{len(table)} of {promised.group(1)} points are there")
    last = lines[-1]
    if not content.endswith("\n") and table.stop == len(lines) - 1:
        raise TruncatedFileError(path, f"its last row is {last!r}")
    widths = {len(line) for line in lines[table.start : table.stop - 1]}
    if not content.endswith("\n") and len(widths) == 1 and len(last) < min(widths):
        raise TruncatedFileError(path, f"its last row is {last!r}")


def _unlabelled() -> Flag:
    said = (
        "no label names the columns; read as m/z and intensity because the steps of the first grow "
        "as those of a mass analyser do"
    )
    return Flag.caution("columns_unlabelled", said)


def _said(header: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if detector := DETECTOR.search(header):
        said["analyser"] = detector.group(1)
    if scans := re.search(r"^Scan #:\s*(\S+)", header, re.MULTILINE):
        said["scans"] = scans.group(1)
    return said


SPECTRUM_TEXT = SpectrumText()
