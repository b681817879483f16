"""The header that Pilatus detectors write as lines of `# Key value unit`, in CBF and TIFF files alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.model import Flag, convert

LINE = re.compile(r"^#\s*([A-Za-z][A-Za-z_0-9]*)\s*[:=]?\s*(.*?)\s*$")
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
DEFAULT = "header_looks_like_default"


@dataclass(frozen=True)
class PilatusHeader:
    """What the lines say, None where they do not; `beam_px` is (x, y)."""

    pixel_size_m: tuple[float, float] | None = None
    exposure_s: float | None = None
    wavelength_angstrom: float | None = None
    distance_m: float | None = None
    beam_px: tuple[float, float] | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()


def lines(text: str) -> dict[str, str]:
    """The entries by name, in the order of the header."""
    found = (LINE.match(line.strip()) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match}


def parse(text: str, shape: tuple[int, int], source: str) -> PilatusHeader:
    """The header of an image of `shape` (rows, columns); values nobody set are not taken for true."""
    said = lines(text)
    beam = _pair(said.get("Beam_xy"))
    distance = _quantity(said.get("Detector_distance"), "m", source)
    flags: tuple[Flag, ...] = ()
    if beam is not None and not _set_by_someone(beam, shape):
        # Beam centre and distance are set by the same command; where one was never
        # given, the other is what the detector software starts with.
        kept = f"Beam_xy {said['Beam_xy']} and Detector_distance {said.get('Detector_distance')}"
        flags = (Flag.caution(DEFAULT, f"{kept} look never set, and are not used"),)
        beam, distance = None, None
    return PilatusHeader(
        pixel_size_m=_sizes(said.get("Pixel_size"), source),
        exposure_s=_quantity(said.get("Exposure_time"), "s", source),
        wavelength_angstrom=_positive(_quantity(said.get("Wavelength"), "angstrom", source)),
        distance_m=_positive(distance),
        beam_px=beam,
        lines=said,
        flags=flags,
    )


def _set_by_someone(beam: tuple[float, float], shape: tuple[int, int]) -> bool:
    x, y = beam
    if x == 0 and y == 0:
        return False
    outside = not (0 <= x <= shape[1] and 0 <= y <= shape[0])
    # A beam beside the detector is possible; beside it on a diagonal, at whole numbers, is a placeholder.
    return not (outside and x == y and x == round(x))


def _quantity(said: str | None, to: str, source: str) -> float | None:
    match = re.match(rf"({NUMBER})\s*(.*)$", said or "")
    if match is None or not match[2]:
        return None
    return convert(float(match[1]), match[2].strip(), to, source)


def _sizes(said: str | None, source: str) -> tuple[float, float] | None:
    match = re.match(rf"({NUMBER})\s*(\w+)\s*x\s*({NUMBER})\s*(\w+)", said or "")
    if match is None:
        return None
    return (
        convert(float(match[1]), match[2], "m", source),
        convert(float(match[3]), match[4], "m", source),
    )


def _pair(said: str | None) -> tuple[float, float] | None:
    match = re.match(rf"\(\s*({NUMBER})\s*,\s*({NUMBER})\s*\)", said or "")
    return (float(match[1]), float(match[2])) if match else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None
