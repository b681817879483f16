"""PONI files: where a detector stands, as pyFAI and the programs around it write it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from adapters.errors import CorruptFileError, LayoutError, MissingMetadataError
from adapters.formats.promise import first_bytes
from adapters.model import Geometry, Orientation, convert

KNOWN_VERSIONS = (1.0, 2.0, 2.1)
MOST_BYTES = 2**20
REQUIRED = ("distance", "poni1", "poni2")


def read(path: Path) -> Geometry:
    """The geometry of a PONI file of version 1, 2 or 2.1; the last one, where several are appended.

    Raises
    ------
    LayoutError
        Not a PONI file, or of an unknown version.
    CorruptFileError
        A number that is none, or an impossible one.
    MissingMetadataError
        The pixel size is neither stated nor follows from the detector's name.
    """
    path = Path(path)
    said = entries(path)
    absent = [name for name in REQUIRED if name not in said]
    if absent:
        raise LayoutError(path, f"not a PONI file: there is no {', '.join(absent)}")
    config = _config(path, said)
    pixel1, pixel2 = _pixels(path, said, config)
    wavelength = _number(path, said, "wavelength") if said.get("wavelength") else None
    try:
        return Geometry(
            distance_m=_number(path, said, "distance"),
            poni1_m=_number(path, said, "poni1"),
            poni2_m=_number(path, said, "poni2"),
            pixel1_m=pixel1,
            pixel2_m=pixel2,
            wavelength_angstrom=None if wavelength is None else convert(wavelength, "m", "angstrom"),
            rot1_rad=_number(path, said, "rot1"),
            rot2_rad=_number(path, said, "rot2"),
            rot3_rad=_number(path, said, "rot3"),
            orientation=_orientation(path, config),
        )
    except ValueError as error:
        raise CorruptFileError(path, str(error)) from error


def write(path: Path, geometry: Geometry) -> Path:
    """`geometry` as a PONI file of version 2.1, or 2 where no orientation is known."""
    config: dict[str, Any] = {"pixel1": geometry.pixel1_m, "pixel2": geometry.pixel2_m, "max_shape": None}
    if geometry.orientation is not None:
        config["orientation"] = int(geometry.orientation)
    lines = [
        f"poni_version: {2 if geometry.orientation is None else 2.1}",
        "Detector: Detector",
        f"Detector_config: {json.dumps(config)}",
        f"Distance: {geometry.distance_m!r}",
        f"Poni1: {geometry.poni1_m!r}",
        f"Poni2: {geometry.poni2_m!r}",
        f"Rot1: {geometry.rot1_rad!r}",
        f"Rot2: {geometry.rot2_rad!r}",
        f"Rot3: {geometry.rot3_rad!r}",
    ]
    if geometry.wavelength_angstrom is not None:
        lines.append(f"Wavelength: {convert(geometry.wavelength_angstrom, 'angstrom', 'm')!r}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def entries(path: Path) -> dict[str, str]:
    """All `Name: value` lines, names in lower case; later ones replace earlier ones."""
    head = first_bytes(path, MOST_BYTES)
    if b"\0" in head:
        raise LayoutError(path, "not a PONI file: it is not text")
    lines = head.decode("utf-8", errors="replace").splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    return {name.strip().lower(): value.strip() for name, value in pairs}


def _number(path: Path, said: dict[str, str], name: str) -> float:
    try:
        value = float(said.get(name, "0"))
    except ValueError as error:
        raise CorruptFileError(path, f"{name} is {said[name]!r}, not a number") from error
    if not math.isfinite(value):
        raise CorruptFileError(path, f"{name} is {said[name]!r}")
    return value


def _config(path: Path, said: dict[str, str]) -> dict[str, Any]:
    version = _number(path, said, "poni_version") if "poni_version" in said else 1.0
    if version not in KNOWN_VERSIONS:
        raise LayoutError(path, f"a PONI file of version {version:g}; known are 1, 2 and 2.1")
    try:
        config = json.loads(said.get("detector_config") or "{}")
    except json.JSONDecodeError as error:
        raise CorruptFileError(path, f"its Detector_config does not parse ({error})") from error
    return config if isinstance(config, dict) else {}


def _pixels(path: Path, said: dict[str, str], config: dict[str, Any]) -> tuple[float, float]:
    stated: list[Any] = [config.get(f"pixel{axis}", said.get(f"pixelsize{axis}")) for axis in (1, 2)]
    if None in stated:
        stated = list(_pixels_of_detector(path, said.get("detector", "")))
    try:
        return float(stated[0]), float(stated[1])
    except (TypeError, ValueError) as error:
        raise CorruptFileError(path, f"its pixel sizes are {stated}") from error


def _pixels_of_detector(path: Path, name: str) -> tuple[float, float]:
    from pyFAI.detectors import ALL_DETECTORS

    kind = ALL_DETECTORS.get(name.lower())
    detector = kind() if kind is not None else None
    if detector is None or not detector.pixel1 or not detector.pixel2:
        raise MissingMetadataError("pixel_size", path.name, "pixel_size_m")
    return detector.pixel1, detector.pixel2


def _orientation(path: Path, config: dict[str, Any]) -> Orientation | None:
    number = config.get("orientation")
    # 0 is how pyFAI writes that nobody said.
    if number in (None, 0):
        return None
    try:
        return Orientation(number)
    except ValueError as error:
        raise CorruptFileError(path, f"its orientation is {number!r}, not 1 to 4") from error
