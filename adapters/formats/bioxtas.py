"""Curves as BioXTAS RAW writes them: a counted table and all it knows of them as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import Evidence, TakesQUnit, by_geometry, settled
from adapters.formats.text import Floats
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe

DATA, HEADER = "### DATA:", "### HEADER:"
IMAGE = re.compile(r"\.(tiff?|cbf|edf|h5|img|sfrm|mccd)$", re.IGNORECASE)
# Where the versions of RAW keep the geometry, the unit it is in, and metres or angstrom per unit.
GEOMETRY = {
    "wavelength_angstrom": (("Wavelength (A)", 1.0), ("Wavelength", 1.0)),
    "distance_m": (("Sample-to-detector distance (mm)", 1e-3), ("Sample_Detector_Distance", 1e-3)),
    "pixel_size_x_m": (("Detector_X_Pixel_Size", 1e-6), ("Detector_Pixel_Size", 1e-3)),
    "pixel_size_y_m": (("Detector_Y_Pixel_Size", 1e-6), ("Detector_Pixel_Size", 1e-3)),
    "beam_center_x_px": (("Beam_Center_X", 1.0),),
    "beam_center_y_px": (("Beam_Center_Y", 1.0),),
}
EXPOSURES = ("Exposure_time", "exposure_time", "det_exposure_time")


@dataclass(frozen=True)
class BioxtasCurve(TakesQUnit):
    """A reader of RAW's .dat files; an instrument's own is this with a marker."""

    name: str = "bioxtas_raw"
    technique: str = "saxs"
    facility: str | None = None
    instrument: str | None = None
    marker: str | None = None

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the marker, else CONTENT by RAW's section titles."""
        if not probe.text.lstrip().startswith((DATA, HEADER)):
            return Confidence.NO
        if self.marker is None:
            return Confidence.CONTENT
        both = probe.text + probe.tail.decode("latin-1")
        return Confidence.INSTRUMENT if re.search(self.marker, both) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether there are as many rows as the count says, and the JSON is whole."""
        try:
            lines = text.text(path).splitlines()
            _rows(path, lines)
            header(path, lines)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The curve; the unit of q by the geometry in the JSON, or since RAW integrated an image."""
        lines = text.text(path).splitlines()
        said = header(path, lines)
        values = _rows(path, lines)
        columns = Columns(values[:, 0], values[:, 1], values[:, 2] if values.shape[1] > 2 else None)
        fields = said_fields(said)
        unit = settled(path, evidence(columns.q, fields, said), self.q_unit)
        read = Read(
            technique=self.technique,
            facility=self.facility,
            instrument=self.instrument,
            intensity_unit=intensity_unit(said),
            fields=fields,
            raw=said,
        )
        return measurement(path, self.name, columns, unit, read)


def _rows(path: Path, lines: Sequence[str]) -> Floats:
    start = next((index for index, line in enumerate(lines) if line.startswith(DATA)), None)
    if start is None:
        raise LayoutError(path, f"there is no line {DATA!r}")
    promised: int | None = None
    rows: list[tuple[float, ...]] = []
    for line in lines[start + 1 :]:
        if line.startswith("###"):
            break
        counted = re.fullmatch(r"#?\s*(\d+)\s*", line)
        if counted and promised is None and not rows:
            promised = int(counted.group(1))
        elif (found := text.row(line)) is not None:
            rows.append(found)
    if promised is None:
        raise LayoutError(path, "the count of its points is missing")
    whole = [each for each in rows if len(each) == len(rows[0])]
    if len(whole) < promised:
        raise TruncatedFileError(path, f"{len(whole)} of {promised} points are there")
    return np.array(whole[:promised], np.float64).reshape(promised, -1)


def header(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    """The JSON that RAW writes below `### HEADER:`, its comment signs taken off."""
    start = next((index for index, line in enumerate(lines) if line.startswith(HEADER)), None)
    if start is None:
        raise TruncatedFileError(path, f"the section {HEADER!r} is missing")
    body = "\n".join(_uncommented(lines[start + 1 :]))
    try:
        said = json.loads(body)
    except ValueError as error:
        raise CorruptFileError(path, f"its header is not whole JSON ({error})") from error
    if not isinstance(said, dict):
        raise CorruptFileError(path, "its header is not a JSON object")
    return said


def _uncommented(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith(DATA):
            return
        yield line.lstrip("#")


def said_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical metadata from RAW's JSON; what it does not say is left out."""
    calibration = said.get("calibration_params") or {}
    fields: dict[str, Any] = {}
    for name, places in GEOMETRY.items():
        for key, factor in places:
            value = _float(calibration.get(key))
            if value is not None and name not in fields:
                fields[name] = value * factor
    image = said.get("imageHeader") or {}
    exposure = next((value for key in EXPOSURES if (value := _float(image.get(key))) is not None), None)
    if exposure is not None:
        fields["exposure_s"] = exposure
    concentration = _float(said.get("Conc", said.get("conc")))
    if concentration is not None:
        fields["concentration_mg_ml"] = concentration
    return fields


def _float(said: Any) -> float | None:
    # RAW keeps numbers as numbers, as text, and as text with a unit.
    return text.number(str(said).split()[0]) if str(said if said is not None else "").split() else None


def evidence(q: Floats, fields: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[Evidence | None, ...]:
    """What speaks for a unit of q in RAW's JSON."""
    by_pixels = by_geometry(
        q,
        wavelength_angstrom=fields.get("wavelength_angstrom"),
        distance_m=fields.get("distance_m"),
        pixel_m=fields.get("pixel_size_x_m"),
    )
    return by_pixels, _integrated_by_raw(said)


def _integrated_by_raw(said: Mapping[str, Any]) -> Evidence | None:
    # RAW takes wavelengths in angstrom only, so an axis that it computed from an
    # image is in 1/angstrom; a curve that it merely loaded keeps its own unit.
    source = said.get("load_path") or said.get("filename")
    if isinstance(source, str) and IMAGE.search(source) and "normalizations" in said:
        return Evidence("1/angstrom", "the axis that BioXTAS RAW computed from an image")
    return None


def intensity_unit(said: Mapping[str, Any]) -> str | None:
    """1/cm where RAW brought the curve to absolute scale, else unknown."""
    normalizations = said.get("normalizations")
    if isinstance(normalizations, dict) and _float(
        (normalizations.get("Absolute_scale") or {}).get("Absolute_scale_factor")
    ):
        return "1/cm"
    return None


BIOXTAS_RAW = BioxtasCurve()
