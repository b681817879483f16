"""Metadata files of SerialEM (.mdoc): one section for each image, tile or set of frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
SECTION = re.compile(r"^\[(ZValue|FrameSet|MontSection) = (\d+)\]\s*$")
TITLE = re.compile(r"^\[?T = (.*?)\]?\s*$")
PAIR = re.compile(r"^(\w+) = (.*?)\s*$")
MARKS = re.compile(r"^\[(ZValue|FrameSet|MontSection) = \d+\]", re.MULTILINE)
AXIS = re.compile(r"[Tt]ilt axis angle = (-?[\d.]+)")
# Quantities of a section, what they become, and the factor that brings them to their unit.
NUMBERS: dict[str, tuple[str, str, float]] = {
    "TiltAngle": ("tilt_angle", "degree", 1.0),
    "Magnification": ("magnification", "dimensionless", 1.0),
    "ExposureDose": ("exposure_dose", "1/angstrom**2", 1.0),
    "PriorRecordDose": ("prior_dose", "1/angstrom**2", 1.0),
    "PixelSpacing": ("pixel_spacing", "angstrom", 1.0),
    # The instrument counts underfocus negative, in micrometres; only the sign of a target is sure.
    "Defocus": ("defocus_reading", "um", 1.0),
    "TargetDefocus": ("defocus_target", "um", 1.0),
    "ExposureTime": ("exposure_time", "s", 1.0),
    "NumSubFrames": ("sub_frames", "dimensionless", 1.0),
    "RotationAngle": ("rotation_angle", "degree", 1.0),
    "Binning": ("binning", "dimensionless", 1.0),
}


@dataclass(frozen=True)
class Mdoc:
    """A reader of mdoc files; a dose of zero is one that was not recorded, and stands as missing."""

    name: str = "serialem_mdoc"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by a section in brackets."""
        return Confidence.CONTENT if MARKS.search(probe.text) and "SerialEM" in probe.text else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last line ends and every line is of the format."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """One row for each section, of whatever kind; what stands before them in the metadata."""
        import xarray as xr

        content = text.text(path)
        if not content.endswith("\n"):
            raise TruncatedFileError(path, "its last line has no end")
        titles, common, kinds, sections = _parsed(path, content)
        unit = {"units": "dimensionless"}
        variables: dict[str, Any] = {
            name: ("section", _numbers(path, key, sections, factor), {"units": kind_unit})
            for key, (name, kind_unit, factor) in NUMBERS.items()
            if any(key in said for _, said in sections)
        }
        flags = []
        for name in ("exposure_dose", "prior_dose"):
            if name in variables:
                values = variables[name][1]
                if name == "exposure_dose" and (values == 0).any():
                    told = f"{int((values == 0).sum())} of {len(values)} sections record a dose of 0, so none"
                    flags.append(Flag.caution("dose_not_recorded", told))
                    variables[name] = ("section", np.where(values == 0, np.nan, values), variables[name][2])
        frames = [Path(said.get("SubFramePath", "").replace("\\", "/")).name for _, said in sections]
        variables["frames_file"] = ("section", np.array(frames, dtype=str), unit)
        variables["section_number"] = ("section", np.array([number for number, _ in sections]), unit)
        variables["section_kind"] = ("section", np.array(kinds), unit)
        counted = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
        variables["table"] = ("tables", np.array(list(counted)), unit)
        variables["rows"] = ("tables", np.array(list(counted.values())), unit)
        raw = {
            "voltage_kv": text.number(common.get("Voltage", "")),
            "pixel_angstrom": _agreed(variables, common),
            "tilt_axis_degree": next((float(m.group(1)) for t in titles if (m := AXIS.search(t))), None),
            "image_file": Path(common.get("ImageFile", "").replace("\\", "/")).name or None,
        }
        metadata = Metadata("spa", raw={name: value for name, value in raw.items() if value is not None})
        provenance = Provenance(str(path), self.name, VERSION)
        return Measurement(xr.Dataset(variables), metadata, provenance, tuple(flags))


def _parsed(
    path: Path, content: str
) -> tuple[list[str], dict[str, str], list[str], list[tuple[int, dict[str, str]]]]:
    titles: list[str] = []
    common: dict[str, str] = {}
    kinds: list[str] = []
    found: list[tuple[int, dict[str, str]]] = []
    here = common
    for number, line in enumerate(content.splitlines(), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        if section := SECTION.match(stripped):
            here = {}
            kinds.append(section.group(1))
            found.append((int(section.group(2)), here))
        elif title := TITLE.match(stripped):
            titles.append(title.group(1).strip())
        elif pair := PAIR.match(stripped):
            here[pair.group(1)] = pair.group(2)
        else:
            raise CorruptFileError(path, f"line {number} is neither a section nor a value: {stripped[:60]!r}")
    if not found:
        raise LayoutError(path, "it holds no sections")
    return titles, common, kinds, found


def _numbers(path: Path, key: str, sections: list[tuple[int, dict[str, str]]], factor: float) -> Any:
    values = []
    for number, said in sections:
        value = text.number(said[key].split()[0]) if said.get(key) else float("nan")
        if value is None:
            raise CorruptFileError(path, f"section {number} has {said[key]!r} where {key} is a number")
        values.append(value * factor)
    return np.array(values)


def _agreed(variables: dict[str, Any], common: dict[str, str]) -> float | None:
    """The pixel of all sections where they agree, else that of the head of the file."""
    if "pixel_spacing" in variables:
        values = variables["pixel_spacing"][1]
        if np.isfinite(values).all() and np.allclose(values, values[0]):
            return float(values[0])
    return text.number(common.get("PixelSpacing", ""))


MDOC = Mdoc()
