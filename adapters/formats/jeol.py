"""JEOL Delta .jdf of one dimension: a header in big-endian, parameters and points in the order it says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance, text
from adapters.formats.blob import size_of
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MAGIC = b"JEOL.NMR"
HEADER, RECORD = 1360, 64
ORDERS = {0: ">", 1: "<"}
TYPES = {0: "f8", 1: "f4"}
ONE_D = 1
REAL, COMPLEX = 1, 3
# Kinds of value of a parameter.
WORD, INTEGER, FLOAT = 0, 1, 2
SECOND, PPM = 28, 26
MOST_POINTS, MOST_RECORDS = 2**28, 10**5
KELVIN = 273.15


@dataclass(frozen=True)
class Header:
    """Where what lies, in bytes, and how it is to be read."""

    order: str
    dtype: str
    complex: bool
    unit: int
    points: int
    start: int
    stop: int
    axis: tuple[float, float]
    parameters: int
    data: int


@dataclass(frozen=True)
class Jdf:
    """A reader of decays and spectra; author, site and numbers of the instrument stay in the file."""

    name: str = "jeol_jdf"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first bytes."""
        return Confidence.CONTENT if probe.head.startswith(MAGIC) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all points are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """A decay with the delay of its digital filter, or a spectrum."""
        path = Path(path)
        size_of(path)
        content = path.read_bytes()
        header = _header(path, content)
        said = _parameters(path, content, header)
        values = _values(path, content, header)
        data = _decay(path, values, said) if header.unit == SECOND else _spectrum(path, values, header)
        warm = said.get("temp_get")
        metadata = Metadata(
            technique="nmr",
            temperature_k=warm + KELVIN if isinstance(warm, float) and warm > -KELVIN else None,
            raw={
                name: said[label]
                for name, label in (("nucleus", "x_domain"), ("solvent", "solvent"), ("scans", "total_scans"))
                if said.get(label)
            },
        )
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION))


def _header(path: Path, content: bytes) -> Header:
    if not content.startswith(MAGIC):
        raise CorruptFileError(path, "it does not begin as a JEOL file does")
    if len(content) < HEADER:
        raise TruncatedFileError(path, f"{len(content)} of {HEADER} bytes of its header are there")
    kind, shape = content[14] >> 6, content[14] & 0b111111
    if content[8] not in ORDERS or kind not in TYPES:
        raise CorruptFileError(path, "its header names no byte order or no type of number")
    if content[12] != 1 or shape != ONE_D or content[24] not in (REAL, COMPLEX):
        raise LayoutError(path, "it is not of one real or complex dimension, which alone is read here")
    points, start, stop = (struct.unpack_from(">I", content, place)[0] for place in (176, 208, 240))
    if not (2 <= points <= MOST_POINTS and start < stop < points):
        raise CorruptFileError(path, f"it promises points {start} to {stop} of {points}")
    first, last = (struct.unpack_from(">d", content, place)[0] for place in (272, 336))
    parameters, data = (struct.unpack_from(">I", content, place)[0] for place in (1212, 1284))
    return Header(
        ORDERS[content[8]], TYPES[kind], content[24] == COMPLEX, content[33], points, start, stop,
        (first, last), parameters, data,
    )  # fmt: skip


def _parameters(path: Path, content: bytes, header: Header) -> dict[str, Any]:
    """Every parameter by its name in lower case: words, and numbers with their power of ten."""
    if header.parameters + 16 > len(content):
        raise TruncatedFileError(path, "its parameters lie beyond its end")
    _, _, highest, _ = struct.unpack_from(f"{header.order}4I", content, header.parameters)
    if highest > MOST_RECORDS or header.parameters + 16 + RECORD * highest > len(content):
        raise TruncatedFileError(path, f"{highest} parameters do not fit into it")
    found: dict[str, Any] = {}
    for number in range(highest):
        place = header.parameters + 16 + RECORD * number
        scaler, value, kind, name = struct.unpack_from(f"{header.order}4xh10x16si28s", content, place)
        label = name.decode("latin-1").strip(" \0").lower()
        if kind == WORD:
            found[label] = value.decode("latin-1").strip(" \0")
        elif kind in (INTEGER, FLOAT) and abs(scaler) < 100:
            form = "i" if kind == INTEGER else "d"
            (number_said,) = struct.unpack_from(f"{header.order}{form}", value)
            found[label] = float(number_said) * 10.0**scaler
    return found


def _values(path: Path, content: bytes, header: Header) -> Any:
    """Points (n,); imaginary parts are kept with the other sign, in a section after the real ones."""
    parts = 2 if header.complex else 1
    size = np.dtype(header.dtype).itemsize * header.points * parts
    if header.data < HEADER or len(content) < header.data + size:
        said = f"{len(content)} bytes are there, its header promises {header.data + size}"
        raise TruncatedFileError(path, said)
    found = np.frombuffer(content, header.order + header.dtype, header.points * parts, header.data)
    sections = resonance.finite(path, found.astype(float).reshape(parts, -1))
    whole = sections[0] - 1j * sections[1] if header.complex else sections[0]
    return whole[header.start : header.stop + 1]


def _number(path: Path, said: dict[str, Any], label: str) -> float:
    value = said.get(label)
    if not isinstance(value, float) or not np.isfinite(value):
        raise CorruptFileError(path, f"it does not state {label}")
    return value


def _decay(path: Path, values: Any, said: dict[str, Any]) -> xr.Dataset:
    if not np.iscomplexobj(values):
        raise LayoutError(path, "its decay has no imaginary part, which is not read here")
    carrier = _number(path, said, "x_offset")
    if not abs(carrier) < 1e5:
        raise CorruptFileError(path, f"its offset is {carrier:g} ppm")
    # Delta keeps the frequency of 0 ppm, not that of the carrier.
    frequency = _number(path, said, "x_freq") * 1e-6
    width = _number(path, said, "x_sweep")
    late = _delay(path, said, width)
    return resonance.decay(
        path, values[None], width=width, frequency=frequency, carrier=carrier, group_delay=late
    )


def _delay(path: Path, said: dict[str, Any], width: float) -> float:
    """By how many points the stages of the digital filter make a signal late.

    A symmetric filter of n coefficients is late by (n - 1) / 2 of its own points, of which
    later stages keep one in as many as their factor. Sampling begins some time after the
    pulse, which the signal is ahead by.
    """
    if str(said.get("digital_filter", "")).upper() != "TRUE":
        return 0.0
    orders, factors = (
        [text.number(word) for word in str(said.get(name, "")).split()] for name in ("orders", "factors")
    )
    stages = orders[1:]
    if not stages or orders[0] != len(stages) or len(factors) != len(stages) or None in orders + factors:
        raise LayoutError(path, "it has a digital filter, and does not tell its stages")
    late, kept = 0.0, 1.0
    for order, factor in zip(reversed(stages), reversed(factors), strict=True):
        if not (order and factor and order >= 1 and factor >= 1):
            raise CorruptFileError(path, f"a stage of its filter has {order} coefficients, factor {factor}")
        kept *= factor
        late += (order - 1) / 2 / kept
    wait = said.get("acq_delay", 0.0)
    ahead = wait * width if isinstance(wait, float) and np.isfinite(wait) else 0.0
    if not 0 <= ahead < late:
        raise CorruptFileError(path, f"sampling begins {wait:g} s after the pulse")
    return late - ahead


def _spectrum(path: Path, values: Any, header: Header) -> xr.Dataset:
    first, last = header.axis
    if header.unit != PPM:
        raise LayoutError(path, "its axis is neither in seconds nor in ppm, which alone are read here")
    if not (np.isfinite([first, last]).all() and first != last):
        raise CorruptFileError(path, f"its axis runs from {first} to {last} ppm")
    shift = np.linspace(first, last, header.points)[header.start : header.stop + 1]
    data = resonance.spectrum(np.real(values)[None], shift)
    return data if first > last else data.isel(shift=slice(None, None, -1))


JDF = Jdf()
