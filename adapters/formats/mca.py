"""Spectra of multichannel analysers in text: one column of counts, or the blocks of an .spe file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
BLOCK = re.compile(r"^\$([A-Z_]+):[ \t]*$", re.MULTILINE)
# Fewer numbers than this in one column are no spectrum.
LEAST_CHANNELS = 64
LEAST_SHOWN = 20
ENERGY_UNITS = {"kev": "keV", "ev": "eV", "mev": "MeV"}
IN_SECONDS = "MEAS_TIM"


def spectrum(
    path: Path, adapter: str, counts: np.ndarray[Any, Any], first: int, flags: list[Flag], **said: Any
) -> Measurement:
    """One spectrum (channel,) whose channels count from `first`."""
    import xarray as xr

    energy = said.pop("energy", None)
    channel = np.arange(first, first + len(counts))
    coords = {"channel": ("channel", channel, {"units": "dimensionless"})}
    if energy is not None:
        coords["energy"] = ("channel", energy, {"units": "keV"})
    data = xr.Dataset({"spectra": (("frame", "channel"), counts[None], {"units": "count"})}, coords=coords)
    metadata = Metadata(technique="xrf", **said)
    return Measurement(data, metadata, Provenance(str(path), adapter, VERSION), tuple(flags))


@dataclass(frozen=True, slots=True)
class McaColumn:
    """The reader of spectra that are one column of counts under a comment; they say nothing of energy."""

    name: str = "mca_column"

    def probe(self, probe: Probe) -> Confidence:
        """SIGNATURE for one column of whole numbers that is called a spectrum, EXTENSION by .mca alone."""
        if not probe.text:
            return Confidence.NO
        lines = [line for line in probe.text.splitlines()[:-1] if line.strip() and not line.startswith("#")]
        rows = [text.row(line) for line in lines]
        if len(rows) < LEAST_SHOWN or not all(row and len(row) == 1 and row[0] >= 0 for row in rows):
            return Confidence.NO
        if not all(float(row[0]).is_integer() for row in rows if row):
            return Confidence.NO
        return Confidence.CONTENT if probe.suffix == ".mca" else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last line is whole; the layout says nowhere how many channels there are."""
        try:
            content = text.text(path)
            _column(path, content)
        except AdapterError as error:
            return Readiness.broken(str(error))
        last = content.rsplit("\n", 1)[-1]
        return Readiness.broken(f"{path} ends within a line: {last!r}") if last.strip() else Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The counts by channel, from 0."""
        return spectrum(path, self.name, _column(path, text.text(path)), 0, [])


def _column(path: Path, content: str) -> np.ndarray[Any, Any]:
    lines = [line for line in content.splitlines() if line.strip() and not line.startswith("#")]
    rows = [text.row(line) for line in lines]
    odd = next((line for line, row in zip(lines, rows, strict=True) if row is None or len(row) != 1), None)
    if odd is not None:
        raise LayoutError(path, f"not one column of counts: {odd[:40]!r}")
    if len(rows) < LEAST_CHANNELS:
        raise LayoutError(path, f"{len(rows)} numbers are no spectrum")
    return np.array([row[0] for row in rows if row], float)


@dataclass(frozen=True, slots=True)
class SpectrumBlocks:
    """The reader of .spe files of multichannel analysers, whose blocks begin with $NAME:."""

    name: str = "mca_spe"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the blocks."""
        names = {block[1] for block in BLOCK.finditer(probe.text)}
        return (
            Confidence.CONTENT if "DATA" in names and probe.text.lstrip().startswith("$") else Confidence.NO
        )

    def check(self, path: Path) -> Readiness:
        """Whether there are as many counts as the data block promises."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The counts by channel, with the energy of each where the file states a calibration."""
        blocks = _blocks(text.text(path))
        first, counts = _data(path, blocks.get("DATA", ""))
        flags: list[Flag] = []
        energy = _energy(path, blocks, np.arange(first, first + len(counts)), flags)
        times = [text.number(word) for word in blocks.get(IN_SECONDS, "").split()]
        exposure = times[0] if times and times[0] else None
        return spectrum(path, self.name, counts, first, flags, energy=energy, exposure_s=exposure)


def _blocks(content: str) -> dict[str, str]:
    parts = BLOCK.split(content)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _data(path: Path, block: str) -> tuple[int, np.ndarray[Any, Any]]:
    values = [text.number(word) for word in block.split()]
    if len(values) < 2 or any(value is None for value in values):
        raise CorruptFileError(path, "its data block does not begin with two channels and go on with counts")
    first, last = int(values[0] or 0), int(values[1] or 0)
    counts = np.array(values[2:], float)
    promised = last - first + 1
    if len(counts) < promised:
        raise TruncatedFileError(path, f"{len(counts)} of {promised} channels are there")
    if len(counts) > promised:
        raise CorruptFileError(path, f"{len(counts)} counts for {promised} channels")
    return first, counts


def _energy(
    path: Path, blocks: dict[str, str], channel: np.ndarray[Any, Any], flags: list[Flag]
) -> np.ndarray[Any, Any] | None:
    """Energies (keV) by $MCA_CAL (number of terms, terms, unit) or $ENER_FIT (two terms, no unit)."""
    words = blocks.get("MCA_CAL", "").split() or ["2", *blocks.get("ENER_FIT", "").split()[:2]]
    numbers = [number for word in words[1:] if (number := text.number(word)) is not None]
    if not any(numbers[1:]):
        return None
    unit = next((ENERGY_UNITS[word.lower()] for word in words if word.lower() in ENERGY_UNITS), None)
    if unit is None:
        flags.append(Flag.caution("unit_missing", f"{path.name} calibrates its channels in no stated unit"))
        return None
    terms = np.polynomial.polynomial.polyval(channel.astype(float), numbers[: int(float(words[0]))])
    return np.asarray(terms) * convert(1.0, unit, "keV", str(path))


MCA_COLUMN, MCA_SPE = McaColumn(), SpectrumBlocks()
