"""What EPU and other programs of Thermo Fisher say of one exposure, in the XML beside its image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.errors import LayoutError
from adapters.formats import text
from adapters.formats.xml_text import root_of

MARK = "MicroscopeImage"
# A document that declares entities is none of theirs, and may be made to fill the memory.
FORBIDDEN = ("<!DOCTYPE", "<!ENTITY")
# Where in the tree which number stands, the name it gets, and the factor to the unit of the name.
NUMBERS: dict[str, tuple[str, float]] = {
    "microscopeData/gun/AccelerationVoltage": ("voltage_kv", 1e-3),
    "microscopeData/acquisition/camera/ExposureTime": ("exposure_s", 1.0),
    "microscopeData/optics/TemMagnification/NominalMagnification": ("magnification", 1.0),
    # The microscope counts underfocus negative, in metres.
    "microscopeData/optics/Defocus": ("defocus_angstrom", -1e10),
    "microscopeData/stage/Position/X": ("stage_x_um", 1e6),
    "microscopeData/stage/Position/Y": ("stage_y_um", 1e6),
    "microscopeData/stage/Position/Z": ("stage_z_um", 1e6),
    "microscopeData/stage/Position/A": ("alpha_tilt_degree", 180 / math.pi),
    "SpatialScale/pixelSize/x/numericValue": ("pixel_angstrom", 1e10),
}
# In the list of custom data; those that a version of the program does not write are absent.
CUSTOM: dict[str, tuple[str, float]] = {
    # Electrons per square metre on the specimen.
    "Dose": ("dose_e_per_angstrom2", 1e-20),
    "AppliedDefocus": ("defocus_target_angstrom", -1e10),
}
FRAMES = ("ElectronCountedFramesCount", "NumberOfFractions", "FractionsCount")
START = "microscopeData/acquisition/acquisitionDateTime"


@dataclass(frozen=True)
class Exposure:
    """Quantities by name in the unit of the name, and when it was taken if the file says its zone."""

    said: dict[str, float]
    start: datetime | None


def recognised(head: str) -> bool:
    """Whether a text begins as these documents do."""
    return f"<{MARK}" in head


def read(path: Path) -> Exposure:
    """All that one document says; what is absent or not finite is left out."""
    content = text.text(path)
    if any(word in content for word in FORBIDDEN):
        raise LayoutError(path, "it declares a document type, which metadata of a microscope do not")
    root = root_of(path, content)
    if _plain(root.tag) != MARK:
        raise LayoutError(path, f"it describes a {_plain(root.tag)}, not an image of a microscope")
    said: dict[str, float] = {}
    for place, (name, factor) in NUMBERS.items():
        _keep(said, name, _at(root, place.split("/")), factor)
    _units(path, root)
    for key, value in _custom(root):
        if key in CUSTOM:
            _keep(said, CUSTOM[key][0], value, CUSTOM[key][1])
        elif key.rsplit(".", 1)[-1] in FRAMES:
            _keep(said, "frames", value, 1.0)
    return Exposure(said, _time(_at(root, START.split("/"))))


def _plain(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _at(element: Any, names: list[str]) -> str | None:
    """The text at a path of names, whatever namespace each is of; None where it is not there."""
    for name in names:
        element = next((child for child in element if _plain(child.tag) == name), None)
        if element is None:
            return None
    found: str | None = element.text
    return found


def _keep(said: dict[str, float], name: str, word: str | None, factor: float) -> None:
    value = None if word is None else text.number(word.strip())
    if value is not None and math.isfinite(value):
        said[name] = value * factor


def _units(path: Path, root: Any) -> None:
    """The pixel must be in metres, as these documents have it."""
    unit = _at(root, ["SpatialScale", "pixelSize", "x", "unit", "_x003C_UnitString_x003E_k__BackingField"])
    unit = unit or _at(root, ["SpatialScale", "pixelSize", "x", "unit", "symbol"])
    if unit is not None and unit.strip() not in ("m", ""):
        raise LayoutError(path, f"its pixel is in {unit.strip()!r}, not in metres")


def _custom(root: Any) -> list[tuple[str, str]]:
    found = []
    for each in root.iter():
        if _plain(each.tag) != "KeyValueOfstringanyType":
            continue
        key, value = _at(each, ["Key"]), _at(each, ["Value"])
        if key is not None and value is not None:
            found.append((key.strip(), value))
    return found


def _time(word: str | None) -> datetime | None:
    if word is None:
        return None
    try:
        # The program writes seven digits of a second; a datetime takes six.
        head, _, rest = word.strip().partition(".")
        zone = rest.lstrip("0123456789").replace("Z", "+00:00")
        found = datetime.fromisoformat(head + zone)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
