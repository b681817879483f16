"""ESRF: BM29 BioSAXS frames, whose EDF says nothing of the set-up but whose reduced curve beside it does."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.errors import CorruptFileError
from adapters.formats.frames import SIGNED_SENTINELS
from adapters.formats.images import EDF, Described, ImageFile
from adapters.formats.promise import Promise
from adapters.model import Flag, Metadata, convert
from adapters.protocol import Confidence, Probe

ENTRY = re.compile(r"^#\s*([A-Za-z][\w .()]*?)\s*=\s*(.*?)\s*$", re.MULTILINE)
BEAMLINE = "/data/bm29/"
MOST_HEADER_BYTES = 2**16


def _beside(path: Path) -> dict[str, str]:
    """The header of the curve that BM29 reduced from this frame; empty where there is none."""
    curve = path.with_suffix(".dat")
    if not curve.is_file():
        return {}
    with curve.open(encoding="utf-8", errors="replace") as file:
        said = dict(ENTRY.findall(file.read(MOST_HEADER_BYTES)))
    return said if said.get("Mask", "").startswith(BEAMLINE) and "SampleDistance" in said else {}


def recognises_bm29(probe: Probe) -> Confidence:
    """By the curve beside the frame, which names the beamline's mask."""
    if EDF.probe(probe) is Confidence.NO:
        return Confidence.NO
    try:
        return Confidence.INSTRUMENT if _beside(probe.path) else Confidence.NO
    except OSError:
        return Confidence.NO


def describe_bm29(path: Path, promise: Promise) -> Described:
    """Distance, wavelength, exposure and pixel size from the curve; the detector is a Pilatus 1M."""
    said = _beside(path)

    def number(name: str, unit: str, to: str) -> float | None:
        if name not in said:
            return None
        try:
            return convert(float(said[name]), unit, to, str(path))
        except ValueError as error:
            raise CorruptFileError(path.with_suffix(".dat"), f"its {name} is {said[name]!r}") from error

    metadata = Metadata(
        technique="saxs",
        facility="esrf",
        instrument="bm29",
        wavelength_angstrom=number("WaveLength", "m", "angstrom"),
        distance_m=number("SampleDistance", "m", "m"),
        pixel_size_x_m=number("PixelSize_2", "m", "m"),
        pixel_size_y_m=number("PixelSize_1", "m", "m"),
        exposure_s=number("Time per frame (s)", "s", "s"),
        raw={**promise.header, **said},
    )
    curve = str(path.with_suffix(".dat"))
    told = "distance, wavelength, pixel size and exposure are from the curve beside the frame"
    flag = Flag.info("metadata_from_sidecar", told)
    return Described(metadata, SIGNED_SENTINELS, (flag,), (curve,))


BM29_EDF = ImageFile("esrf_bm29_edf", recognises_bm29, EDF.promise, describe_bm29)
