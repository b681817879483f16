"""NMRPipe files of one and two dimensions: 512 numbers of header, then real and imaginary rows by turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance
from adapters.formats.blob import size_of
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
WORDS, HEADER = 512, 2048
# What the third number of the header reads as in the right byte order.
ORDER = 2.345
MOST_POINTS = 2**31
# Places in the header, by what they say; those of a dimension stand under its number.
COUNT, SIZE, ROWS, QUAD, ORDERED, FILES = 9, 99, 219, 106, 24, 442
FILTER = 40
NAMES = ("width", "frequency", "last", "transformed", "quad", "carrier", "label")
PLACES = {
    1: dict(zip(NAMES, (229, 218, 249, 222, 55, 67, 18), strict=True)),
    2: dict(zip(NAMES, (100, 119, 101, 220, 56, 66, 16), strict=True)),
}
REAL = 1


@dataclass(frozen=True)
class Axis:
    """What the header says of one dimension: Hz, MHz, Hz of the last point, ppm."""

    width: float
    frequency: float
    last: float
    carrier: float
    transformed: bool
    real: bool
    label: str


@dataclass(frozen=True)
class NmrPipe:
    """A reader of single files; a series of planes in files of their own is refused."""

    name: str = "nmrpipe"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the number that tells the byte order."""
        return Confidence.NO if _order(probe.head) is None else Confidence.CONTENT

    def check(self, path: Path) -> Readiness:
        """Whether all points are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """A decay, a spectrum or a plane; of complex spectra the real part."""
        path = Path(path)
        size_of(path)
        with path.open("rb") as file:
            head = file.read(HEADER)
        order = _order(head)
        if order is None or len(head) < HEADER:
            raise TruncatedFileError(path, f"{len(head)} of {HEADER} bytes of its header are there")
        header = np.frombuffer(head, f"{order}f4")
        count = _whole(path, header, COUNT, "number of dimensions")
        if count not in (1, 2):
            raise LayoutError(path, f"it has {count} dimensions; one and two are read here")
        axes = [_axis(header, head, _number_of(path, header, place)) for place in range(count)]
        values = _values(path, header, order, axes)
        data = _line(path, values, axes[0]) if count == 1 else _plane(path, values, axes)
        data, flags = _filtered(path, data, float(header[FILTER]))
        raw = {"nucleus": axes[0].label, "field_mhz": axes[0].frequency}
        if count == 2:
            raw["indirect_nucleus"] = axes[1].label
        raw = {name: value for name, value in raw.items() if value}
        return Measurement(data, Metadata("nmr", raw=raw), Provenance(str(path), self.name, VERSION), flags)


def _order(head: bytes) -> str | None:
    if len(head) < 12:
        return None
    found = {order: np.frombuffer(head[8:12], f"{order}f4")[0] for order in "<>"}
    return next((order for order, value in found.items() if abs(float(value) - ORDER) < 1e-6), None)


def _whole(path: Path, header: Any, place: int, what: str) -> int:
    value = float(header[place])
    if not (np.isfinite(value) and 0 <= value == int(value) <= MOST_POINTS):
        raise CorruptFileError(path, f"its {what} is {value:g}")
    return int(value)


def _number_of(path: Path, header: Any, place: int) -> int:
    """Which dimension of the experiment runs along the given direction of the file, the fastest first."""
    number = _whole(path, header, ORDERED + place, "order of dimensions")
    if number not in PLACES:
        raise LayoutError(path, f"it runs along dimension {number} of more than two, which is not read here")
    return number


def _axis(header: Any, head: bytes, number: int) -> Axis:
    places = PLACES[number]
    numbers = {name: float(header[places[name]]) for name in ("width", "frequency", "last", "carrier")}
    label = head[4 * places["label"] : 4 * places["label"] + 8].split(b"\0")[0].decode("ascii", "replace")
    return Axis(
        **numbers,
        transformed=header[places["transformed"]] == 1,
        real=header[places["quad"]] == REAL,
        label=label.strip(),
    )


def _values(path: Path, header: Any, order: str, axes: list[Axis]) -> Any:
    """Rows (row, point), complex where the direct dimension is."""
    points = _whole(path, header, SIZE, "number of points")
    rows = _whole(path, header, ROWS, "number of rows") if len(axes) == 2 else 1
    if _whole(path, header, FILES, "number of files") > 1 and len(axes) == 2 and not rows:
        raise LayoutError(path, "it is one of a series of files; join them to one")
    parts = 1 if axes[0].real else 2
    # Where only the slow dimension is complex, its rows are counted in pairs.
    if len(axes) == 2 and parts == 1 and not axes[1].real and header[QUAD] != REAL:
        rows *= 2
    there, promised = size_of(path), HEADER + 4 * points * rows * parts
    if not points or not rows:
        raise CorruptFileError(path, f"it promises {rows} rows of {points} points")
    if there != promised:
        raise TruncatedFileError(path, f"{there} bytes are there, its header promises {promised}")
    found = np.fromfile(path, f"{order}f4", offset=HEADER).reshape(rows, parts, points)
    resonance.finite(path, found)
    return found[:, 0] if parts == 1 else found[:, 0] + 1j * found[:, 1].astype(np.complex128)


def _filtered(path: Path, data: xr.Dataset, late: float) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """The digital filter of decays, where the header states one."""
    if "fid" not in data or late == 0:
        return data, ()
    if not 0 < late < data.sizes["time"]:
        raise CorruptFileError(path, f"its digital filter is late by {late:g} points")
    said = f"its header states a digital filter of {late:g} points, taken as still in the decays"
    flag = Flag.caution("digital_filter_assumed", said)
    return data.assign(group_delay=((), late, resonance.UNITLESS)), (flag,)


def _line(path: Path, values: Any, axis: Axis) -> xr.Dataset:
    if axis.transformed:
        return resonance.spectrum(np.real(values).astype(float), _scale(path, axis, values.shape[1]))
    if axis.real:
        raise LayoutError(path, "its decay has no imaginary part, which is not read here")
    return _decay(path, values, axis)


def _decay(path: Path, values: Any, axis: Axis) -> xr.Dataset:
    # Positions count from the observe frequency over which ppm are told here.
    return resonance.decay(
        path, values.astype(np.complex128), width=axis.width, frequency=axis.frequency, carrier=axis.carrier
    )


def _scale(path: Path, axis: Axis, points: int) -> Any:
    return resonance.scale(path, points, width=axis.width, frequency=axis.frequency, last=axis.last)


def _plane(path: Path, values: Any, axes: list[Axis]) -> xr.Dataset:
    direct, indirect = axes
    if direct.transformed != indirect.transformed:
        raise LayoutError(path, "one of its dimensions is transformed and one is not; finish its processing")
    if not direct.transformed:
        if direct.real:
            raise LayoutError(path, "its decays have no imaginary part, which is not read here")
        data = _decay(path, values, direct)
        resonance.positive(path, width=indirect.width, frequency=indirect.frequency)
        data["indirect_width"] = ((), indirect.width, {"units": "Hz"})
        data["indirect_frequency"] = ((), indirect.frequency, {"units": "MHz"})
        data["indirect_carrier"] = ((), indirect.carrier, {"units": "ppm"})
        return data
    # Imaginary rows of the indirect dimension follow their real ones.
    real = np.real(values if indirect.real else values[0::2]).astype(float)
    return resonance.plane(real, _scale(path, indirect, real.shape[0]), _scale(path, direct, real.shape[1]))


NMRPIPE = NmrPipe()
