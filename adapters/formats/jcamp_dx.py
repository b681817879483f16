"""JCAMP-DX of NMR: one decay or spectrum, alone or among the blocks of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import jcamp_packed, resonance, text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
RECORD = re.compile(r"^[ \t]*##([^=\n]*)=", re.MULTILINE)
COMMENT = re.compile(r"\$\$.*$", re.MULTILINE)
FID, SPECTRUM = "NMRFID", "NMRSPECTRUM"
# Tables are under these labels, each with the form of its lines in front.
TABLES = ("XYDATA", "DATATABLE", "XYPOINTS")
MARK = re.compile(rb"##\s*JCAMP-?DX\s*=", re.IGNORECASE)
KIND = re.compile(rb"##\s*DATA\s?TYPE\s*=\s*(NMR|LINK)", re.IGNORECASE)
MOST_POINTS = 2**26
CHANNELS = {"R": "real", "I": "imaginary", "Y": "real"}
UNREFERENCED = "shift_reference_unset"

Records = dict[str, str]


@dataclass(frozen=True)
class Page:
    """The channel of a table and its unscaled values."""

    channel: str
    values: Any


@dataclass(frozen=True)
class JcampDx:
    """A reader of JCAMP-DX; peak tables, structures and assignments beside the data are not read."""

    name: str = "jcamp_dx_nmr"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the version and the kind of data; parameter files of Bruker tell neither."""
        found = MARK.search(probe.head) and KIND.search(probe.head)
        return Confidence.CONTENT if found else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all points that it promises are there, and its blocks end."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The only decay or spectrum of the file."""
        path = Path(path)
        found = [block for block in _blocks(path) if _kind(block) in (FID, SPECTRUM) and _tables(block)]
        if len(found) != 1:
            raise LayoutError(path, f"it holds {len(found)} decays and spectra of NMR where one is read")
        block = dict(found[0])
        frequency = _number(path, block, "OBSERVEFREQUENCY")
        resonance.positive(path, frequency=frequency)
        read = _decay if _kind(found[0]) == FID else _spectrum
        data, flags = read(path, found[0], frequency)
        raw = {
            "nucleus": block.get("OBSERVENUCLEUS", "").replace("^", "").strip(),
            "solvent": block.get("SOLVENTNAME", "").strip(),
            "field_mhz": frequency,
        }
        raw = {name: value for name, value in raw.items() if value}
        return Measurement(data, Metadata("nmr", raw=raw), Provenance(str(path), self.name, VERSION), flags)


def _blocks(path: Path) -> list[list[tuple[str, str]]]:
    """Records of each block by label, in their order: letters and digits alone tell a label."""
    content = COMMENT.sub("", text.text(path))
    blocks: list[list[tuple[str, str]]] = [[]]
    places = list(RECORD.finditer(content))
    ended = False
    for here, after in zip(places, [*places[1:], None], strict=True):
        label = re.sub(r"[\s\-/_.]", "", here.group(1)).upper()
        ended = label == "END"
        if label == "TITLE" and blocks[-1]:
            blocks.append([])
        blocks[-1].append((label, content[here.end() : after.start() if after else len(content)].strip()))
    if not ended:
        raise TruncatedFileError(path, "its last block has no ##END")
    return blocks


def _kind(block: list[tuple[str, str]]) -> str:
    return re.sub(r"\s", "", dict(block).get("DATATYPE", "")).upper()


def _tables(block: list[tuple[str, str]]) -> list[str]:
    return [value for label, value in block if label in TABLES and "\n" in value]


def _number(path: Path, block: Records, label: str) -> float:
    value = text.number(block.get(label, "").split("\n")[0].strip())
    if value is None or not np.isfinite(value):
        raise CorruptFileError(path, f"it does not state {label}")
    return value


def _count(path: Path, value: float) -> int:
    if not 2 <= value == int(value) <= MOST_POINTS:
        raise CorruptFileError(path, f"it promises {value:g} points")
    return int(value)


def _spectrum(
    path: Path, found: list[tuple[str, str]], frequency: float
) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    block = dict(found)
    if "NTUPLES" in block:
        pages, first, last, unit = _ntuples(path, found)
        values = next((page.values for page in pages if page.channel == "real"), None)
        if values is None:
            raise LayoutError(path, "it has no real part")
        axis = np.linspace(first, last, len(values))
    else:
        axis, values = _xydata(path, found)
        unit = block.get("XUNITS", "").strip().upper()
    resonance.finite(path, values)
    shift, flags = _shifts(path, block, axis, unit, frequency)
    data = resonance.spectrum(values[None], shift)
    return (data if shift[0] > shift[-1] else data.isel(shift=slice(None, None, -1))), flags


def _xydata(path: Path, found: list[tuple[str, str]]) -> tuple[Any, Any]:
    block = dict(found)
    form, *lines = _tables(found)[0].split("\n")
    scale_x, scale_y = (_number(path, block, label) for label in ("XFACTOR", "YFACTOR"))
    if "XY..XY" in re.sub(r"\s", "", form).upper():
        axis, values = jcamp_packed.pairs(path, lines)
        return axis * scale_x, values * scale_y
    count = _count(path, _number(path, block, "NPOINTS"))
    first, last = (_number(path, block, label) for label in ("FIRSTX", "LASTX"))
    step = (last - first) / (count - 1)
    values = jcamp_packed.ordinates(path, lines, count=count, first=first, step=step, factor=scale_x)
    return np.linspace(first, last, count), values * scale_y


def _ntuples(path: Path, found: list[tuple[str, str]]) -> tuple[list[Page], float, float, str]:
    """Pages with their channels scaled, and where the abscissa begins and ends in which unit."""
    block = dict(found)
    columns = {
        label: [word.strip() for word in block.get(label, "").split(",")]
        for label in ("SYMBOL", "VARDIM", "UNITS", "FIRST", "LAST", "FACTOR")
    }
    if "X" not in columns["SYMBOL"]:
        raise LayoutError(path, "its pages do not run over X")

    def said(label: str, symbol: str) -> float:
        place = columns["SYMBOL"].index(symbol)
        value = text.number(columns[label][place]) if place < len(columns[label]) else None
        if value is None or not np.isfinite(value):
            raise CorruptFileError(path, f"its {label} does not tell {symbol}")
        return value

    count = _count(path, said("VARDIM", "X"))
    first, last = said("FIRST", "X"), said("LAST", "X")
    pages = []
    for table in _tables(found):
        form, *lines = table.split("\n")
        symbol = re.search(r"\(X\+\+\((\w)\.\.\w\)\)", re.sub(r"\s", "", form).upper())
        if symbol is None or symbol[1] not in CHANNELS or symbol[1] not in columns["SYMBOL"]:
            raise LayoutError(path, f"a page has the form {form[:40]!r}, which is not read here")
        values = jcamp_packed.ordinates(
            path,
            lines,
            count=count,
            first=first,
            step=(last - first) / (count - 1),
            factor=said("FACTOR", "X"),
        )
        pages.append(Page(CHANNELS[symbol[1]], values * said("FACTOR", symbol[1])))
    place = columns["SYMBOL"].index("X")
    unit = columns["UNITS"][place].upper() if place < len(columns["UNITS"]) else ""
    return pages, first, last, unit


def _shifts(
    path: Path, block: Records, axis: Any, unit: str, frequency: float
) -> tuple[Any, tuple[Flag, ...]]:
    if unit == "PPM":
        return axis, ()
    if unit != "HZ":
        raise LayoutError(path, f"its abscissa is in {unit or 'no unit'}; ppm and Hz are read here")
    shift = axis / frequency
    words = [word.strip() for word in block.get("SHIFTREFERENCE", "").split(",")]
    numbers = [text.number(word) for word in words[-2:]]
    if len(words) < 4 or None in numbers:
        said = "ppm count from the zero of its abscissa in Hz: it names no reference"
        return shift, (Flag.caution(UNREFERENCED, said),)
    point, place = numbers
    if not (point and 1 <= point <= len(shift)) or place is None:
        raise CorruptFileError(path, f"its reference is at point {point} of {len(shift)}")
    return shift + place - shift[int(point) - 1], ()


def _decay(path: Path, found: list[tuple[str, str]], frequency: float) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    block = dict(found)
    if "NTUPLES" not in block:
        raise LayoutError(path, "its decay has no imaginary part, which is not read here")
    pages, first, last, unit = _ntuples(path, found)
    channels = {page.channel: page.values for page in pages}
    if unit not in ("SECONDS", "S") or set(channels) != {"real", "imaginary"} or len(pages) != 2:
        raise LayoutError(path, "it is not one decay in seconds with a real and an imaginary part")
    makers = " ".join(block.get(label, "") for label in ("ORIGIN", "SPECTROMETERDATASYSTEM"))
    sense, flags = resonance.sense(makers)
    values = resonance.finite(path, channels["real"] + 1j * sense * channels["imaginary"])
    if not last > first:
        raise CorruptFileError(path, "its time does not run on")
    width = (len(values) - 1) / (last - first)
    late = text.number(block.get("$GRPDLY", "")) or 0.0
    data = resonance.decay(
        path, values[None], width=width, frequency=frequency, carrier=0.0,
        group_delay=max(0.0, late) if np.isfinite(late) else 0.0,
    )  # fmt: skip
    said = "ppm count from the carrier: the file does not say where 0 ppm is"
    return data, (*flags, Flag.caution(UNREFERENCED, said))


JCAMP_DX = JcampDx()
