"""The XML that SAXSLAB and Xenocs instruments put beside the detector's own header, in TIFF tag 315."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from adapters.errors import CorruptFileError
from adapters.formats.xml_text import FAULTS
from adapters.model import Flag, Metadata, convert

ROOT = "<SAXSLABparameters"
# People who took part are nobody's business downstream.
PERSONAL = ("Img.Researcher", "Img.Operator", "Img.Administrator")
TECHNIQUES = {"saxs": "saxs", "waxs": "waxs"}
# Exposure and live time are rounded differently; more than this is a disagreement.
SAME_TIME = 1e-3


def parameters(text: str, source: str) -> dict[str, str]:
    """The parameters by name; those left empty are not there."""
    try:
        root = ElementTree.fromstring(text)
    except FAULTS as error:
        raise CorruptFileError(source, f"its instrument XML does not parse ({error})") from error
    said = {each.get("name", ""): (each.text or "").strip() for each in root.iter("param")}
    return {name: value for name, value in said.items() if name and value and name not in PERSONAL}


def metadata(said: Mapping[str, str], source: str) -> tuple[Metadata, tuple[Flag, ...]]:
    """What the parameters mean; the beam centre stands as row, column.

    Wavelengths are in angstrom and distances in millimetre. Thickness, temperature
    and monitor are kept in `raw`: the file does not say their units, or writes 0
    for "not measured".
    """
    row, column = _two(said, "beamcenter_actual", source)
    exposure, live = _number(said, "det_exposure_time", source), _number(said, "livetime", source)
    distance = _number(said, "detector_dist", source)
    high, wide = _two(said, "det_pixel_size", source)
    found = Metadata(
        technique=TECHNIQUES.get(said.get("detector_function", "").lower(), "image"),
        facility=said.get("Img.Site"),
        instrument="saxslab",
        sample_name=said.get("Meas.Description"),
        wavelength_angstrom=_number(said, "wavelength", source),
        distance_m=None if distance is None else convert(distance, "mm", "m", source),
        beam_center_x_px=column,
        beam_center_y_px=row,
        pixel_size_x_m=wide,
        pixel_size_y_m=high,
        exposure_s=exposure,
        transmission=_number(said, "sample_transfact", source),
        raw=said,
    )
    return found, _disagreement(exposure, live)


def _disagreement(exposure: float | None, live: float | None) -> tuple[Flag, ...]:
    if exposure is None or live is None or abs(exposure - live) <= SAME_TIME * max(exposure, live):
        return ()
    message = f"the detector exposed {exposure:g} s, the live time says {live:g} s; the detector is believed"
    return (Flag.caution("exposure_contradicted", message),)


def _number(said: Mapping[str, str], name: str, source: str) -> float | None:
    if name not in said:
        return None
    try:
        return float(said[name])
    except ValueError as error:
        raise CorruptFileError(source, f"its {name} is {said[name]!r}, not a number") from error


def _two(said: Mapping[str, str], name: str, source: str) -> tuple[float | None, float | None]:
    if name not in said:
        return None, None
    try:
        first, second = (float(each) for each in said[name].split())
    except ValueError as error:
        raise CorruptFileError(source, f"its {name} is {said[name]!r}, not two numbers") from error
    return first, second
