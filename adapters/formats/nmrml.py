"""nmrML: one decay or spectrum in XML, its points packed in base64, and multiplets somebody assigned."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance, text
from adapters.formats.xml_text import root_of
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
TYPES = {"complex128": "<c16", "complex64": "<c8", "float64": "<f8", "float32": "<f4"}
NUCLEI = {
    "hydrogen atom": "1H",
    "carbon-13 atom": "13C",
    "nitrogen-15 atom": "15N",
    "phosphorus-31 atom": "31P",
}
MOST_BYTES = 2**30
# The widths of a decay and of the spectrum made of it agree this well.
SAME_WIDTH = 0.01

Element = ElementTree.Element


@dataclass(frozen=True)
class NmrMl:
    """A reader of one acquisition in one dimension; contacts and paths stay in the file."""

    name: str = "nmrml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the root element."""
        return Confidence.CONTENT if "<nmrML" in probe.text else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last element is closed and all points are there."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The decay on the scale of the spectrum beside it; the spectrum where there is no decay."""
        path = Path(path)
        root = _root(path)
        acquired, made = root.findall(".//acquisition1D"), root.findall(".//spectrum1D")
        if root.find(".//acquisitionMultiD") is not None or max(len(acquired), len(made)) > 1:
            raise LayoutError(path, "it holds several acquisitions, or one of several dimensions")
        axis = _points(path, made[0].find("spectrumDataArray"), "spectrum") if made else None
        flags: tuple[Flag, ...] = ()
        if acquired and acquired[0].find("fidData") is not None:
            sense, said = resonance.sense(_makers(root))
            data, flags = _decay(path, acquired[0], None if axis is None else axis.real, sense)
            flags = (*said, *flags)
        elif axis is not None:
            data = _spectrum(path, axis)
        else:
            raise LayoutError(path, "it holds neither a decay nor a spectrum")
        data = data.assign(_multiplets(path, root))
        metadata = Metadata("nmr", temperature_k=_value(path, root, "sampleAcquisitionTemperature", "kelvin"),
                            raw=_said(root))  # fmt: skip
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


def _root(path: Path) -> Element:
    whole = text.text(path)
    root = root_of(path, whole, "</nmrML>")
    for each in root.iter():
        # Names are the same in every version; the space they are in differs.
        each.tag = each.tag.rsplit("}", 1)[-1]
    if root.tag != "nmrML":
        raise LayoutError(path, f"its root is {root.tag[:40]}, not nmrML")
    return root


def _value(path: Path, root: Element, name: str, unit: str) -> float | None:
    found = root.find(f".//{name}")
    if found is None or "value" not in found.attrib:
        return None
    value = text.number(found.attrib["value"])
    if value is None or not np.isfinite(value):
        raise CorruptFileError(path, f"{name} is {found.attrib['value'][:40]!r}")
    said = found.attrib.get("unitName", "")
    if said.lower() != unit.lower():
        raise LayoutError(path, f"{name} is in {said or 'no unit'}, where {unit} is known here")
    return value


def _required(path: Path, root: Element, name: str, unit: str) -> float:
    value = _value(path, root, name, unit)
    if value is None:
        raise CorruptFileError(path, f"it does not state {name}")
    return value


def _points(path: Path, found: Element | None, what: str) -> Any:
    """Points (n,); of a spectrum the real part is the shift and the imaginary part the intensity."""
    if found is None:
        raise LayoutError(path, f"its {what} has no points")
    kind = TYPES.get(found.attrib.get("byteFormat", "").lower())
    if kind is None:
        raise LayoutError(path, f"its {what} is kept as {found.attrib.get('byteFormat')!r}")
    try:
        packed = base64.b64decode("".join((found.text or "").split()), validate=True)
        if found.attrib.get("compressed", "false").lower() == "true":
            packed = zlib.decompressobj().decompress(packed, MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise CorruptFileError(path, f"its {what}: {error}") from error
    size = np.dtype(kind).itemsize
    if len(packed) < 2 * size or len(packed) % size:
        raise TruncatedFileError(path, f"its {what} has {len(packed)} bytes, which are no whole points")
    return resonance.finite(path, np.frombuffer(packed, kind), f"the points of its {what}")


def _makers(root: Element) -> str:
    named = [*root.findall(".//sourceFile/*"), *root.findall(".//software")]
    return " ".join(each.attrib.get("name", "") for each in named)


def _decay(path: Path, acquired: Element, shift: Any, sense: int) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    points = _points(path, acquired.find("fidData"), "decay")
    if not np.iscomplexobj(points):
        raise LayoutError(path, "its decay has no imaginary part, which is not read here")
    direct = acquired.find(".//DirectDimensionParameterSet")
    promised = text.number(direct.attrib.get("numberOfDataPoints", "")) if direct is not None else None
    if promised not in (None, len(points), 2 * len(points)):
        raise TruncatedFileError(path, f"{len(points)} points are there, it promises {promised:g} numbers")
    frequency = _required(path, acquired, "irradiationFrequency", "megaHertz")
    width = _required(path, acquired, "sweepWidth", "hertz")
    resonance.positive(path, frequency=frequency, width=width)
    carrier = _carrier(shift, width / frequency)
    flags: tuple[Flag, ...] = ()
    if carrier is None:
        said = "ppm count from the carrier: the file does not say where 0 ppm is"
        flags = (Flag.caution("shift_reference_unset", said),)
    zero = frequency / (1 + (carrier or 0.0) * 1e-6)
    turned = points.real + 1j * sense * points.imag
    data = resonance.decay(path, turned[None], width=width, frequency=zero, carrier=carrier or 0.0)
    return data, flags


def _carrier(shift: Any, width_ppm: float) -> float | None:
    """The middle of the spectrum that was made of the decay; None where there is none as wide."""
    if shift is None:
        return None
    step = abs(shift[-1] - shift[0]) / (len(shift) - 1)
    if not abs(step * len(shift) / width_ppm - 1) < SAME_WIDTH:
        return None
    return float(max(shift[0], shift[-1]) - step * len(shift) / 2)


def _spectrum(path: Path, points: Any) -> xr.Dataset:
    if not np.iscomplexobj(points):
        raise LayoutError(path, "its spectrum has no axis")
    shift, values = points.real.astype(float), points.imag.astype(float)
    steps = np.diff(shift)
    if not ((steps < 0).all() or (steps > 0).all()):
        raise CorruptFileError(path, "the axis of its spectrum does not run one way")
    data = resonance.spectrum(values[None], shift)
    return data if shift[0] > shift[-1] else data.isel(shift=slice(None, None, -1))


def _multiplets(path: Path, root: Element) -> dict[str, Any]:
    """Where the file says that its multiplets are, and which atoms of its structure they are of."""
    found = root.findall(".//multiplet")
    if not found:
        return {}
    centres = [text.number(each.attrib.get("center", "")) for each in found]
    if any(value is None or not np.isfinite(value) for value in centres):
        raise CorruptFileError(path, "a multiplet has no centre")
    atoms = [each.find("atoms") for each in found]
    names = ["" if each is None else each.attrib.get("atomRefs", "") for each in atoms]
    return {
        "multiplet_shift": ("multiplet", np.array(centres, float), resonance.PPM),
        "multiplet_atoms": ("multiplet", np.array(names, dtype=str), resonance.UNITLESS),
    }


def _said(root: Element) -> dict[str, Any]:
    nucleus, compound = root.find(".//acquisitionNucleus"), root.find(".//chemicalCompound//identifier")
    named = "" if nucleus is None else nucleus.attrib.get("name", "")
    said = {"nucleus": NUCLEI.get(named, named)}
    if compound is not None:
        said["compound"] = compound.attrib.get("name", "")
    return {name: value for name, value in said.items() if value}


NMRML = NmrMl()
