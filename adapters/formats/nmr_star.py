"""NMR-STAR 3 as BMRB keeps it: assigned chemical shifts with the sample they are from."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, MissingExtraError, TruncatedFileError
from adapters.formats import text
from adapters.formats.resonance import PPM, UNITLESS
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
# Tags that only this dictionary has, and those of the one before it.
TAGS = re.compile(r"^\s*_(Entry|Atom_chem_shift|Assigned_chem_shift_list)\.", re.MULTILINE | re.IGNORECASE)
FRAME = re.compile(r"^data_\S+[\s\S]*^save_", re.MULTILINE)
OLD = re.compile(r"^\s*_Saveframe_category\b", re.MULTILINE)
NOTHING = (".", "?", "")
SHIFTS = "_Atom_chem_shift"


@dataclass(frozen=True)
class NmrStar:
    """A reader of entries; authors and contacts stay in the file."""

    name: str = "nmr_star"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the tags of its dictionary in a save frame; mmCIF has some tags, but no frames."""
        frame = FRAME.search(probe.text)
        found = frame and (TAGS.search(probe.text) or OLD.search(probe.text))
        return Confidence.CONTENT if found else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every loop is whole and every frame ends."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """All assigned shifts; several lists stand one after the other, told apart by `shift_list`."""
        path = Path(path)
        if OLD.search(text.text(path)):
            raise LayoutError(
                path, "it is NMR-STAR 2.1, whose tags have other names; take the 3.1 file of the entry"
            )
        frames = entry(path).frame_list
        lists = [frame for frame in frames if frame.category == "assigned_chemical_shifts"]
        tables = [(number, loop) for number, frame in enumerate(lists, 1) if (loop := _loop(frame, SHIFTS))]
        if not tables:
            raise LayoutError(path, "it assigns no chemical shifts")
        rows = [(number, row) for number, loop in tables for row in _rows(path, loop)]
        if not rows:
            raise LayoutError(path, "its list of chemical shifts is empty")
        data = shifts(
            path,
            [row["val"] for _, row in rows],
            [row.get("val_err", ".") for _, row in rows],
            atom_name=[row["atom_id"] for _, row in rows],
            residue_number=[row["comp_index_id"] for _, row in rows],
            residue_name=[row["comp_id"] for _, row in rows],
            chain=[row.get("entity_assembly_id", ".") for _, row in rows],
            element=[row.get("atom_type", ".") for _, row in rows],
        )
        data["shift_list"] = ("atom", np.array([number for number, _ in rows]), UNITLESS)
        warm, said = _conditions(frames)
        metadata = Metadata("nmr", temperature_k=warm, raw=said)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION))


def entry(path: Path) -> Any:
    """The file as the library of the field reads it; its errors as ours."""
    try:
        import pynmrstar
    except ImportError as error:
        raise MissingExtraError("pynmrstar", "nmr") from error
    content = text.text(path)
    # It tells twice what it raises.
    logging.getLogger("pynmrstar").setLevel(logging.CRITICAL)
    try:
        found = pynmrstar.Entry.from_string(content)
    except (pynmrstar.exceptions.ParsingError, ValueError, KeyError, IndexError, TypeError) as error:
        ended = re.search(r"^\s*save_\s*\Z", content, re.MULTILINE) is not None
        raise (CorruptFileError if ended else TruncatedFileError)(path, str(error)) from error
    if not found.frame_list:
        raise TruncatedFileError(path, "it holds no frames")
    return found


def _loop(frame: Any, category: str) -> Any:
    return next((loop for loop in frame.loops if loop.category.lower() == category.lower()), None)


def _rows(path: Path, loop: Any) -> list[dict[str, str]]:
    tags = [tag.lower() for tag in loop.tags]
    if absent := [tag for tag in ("val", "atom_id", "comp_index_id", "comp_id") if tag not in tags]:
        raise LayoutError(path, f"its shifts have no {', '.join(absent)}")
    return [dict(zip(tags, row, strict=True)) for row in loop.data]


def numbers(path: Path, words: Sequence[str], what: str, *, may_lack: bool = False) -> Any:
    """Words as numbers; nothing said is NaN where it `may_lack`."""
    found = []
    for word in words:
        value = float("nan") if may_lack and word in NOTHING else text.number(word)
        if value is None or (not may_lack and not np.isfinite(value)):
            raise CorruptFileError(path, f"{what} is {word[:40]!r}, which is no number")
        found.append(value)
    return np.array(found, float)


def shifts(path: Path, values: Sequence[str], errors: Sequence[str], **words: Sequence[str]) -> Any:
    """A table of shifts over "atom"; `words` are its other columns."""
    import xarray as xr

    data = xr.Dataset({"chemical_shift": ("atom", numbers(path, values, "a shift"), PPM)})
    spread = numbers(path, errors, "the uncertainty of a shift", may_lack=True)
    if np.isfinite(spread).any():
        data["chemical_shift_errors"] = ("atom", spread, PPM)
    for name, column in words.items():
        if name == "residue_number":
            found = [text.number(word) for word in column]
            places = np.array([np.nan if value is None else value for value in found], float)
            whole = bool(len(places)) and bool(
                (places == np.rint(places)).all() and (abs(places) < 2**31).all()
            )
            data[name] = ("atom", places.astype(int) if whole else places, UNITLESS)
        elif any(word not in NOTHING for word in column):
            plain = ["" if word in NOTHING else word for word in column]
            data[name] = ("atom", np.array(plain, dtype=str), UNITLESS)
    return data


def _conditions(frames: Sequence[Any]) -> tuple[float | None, dict[str, Any]]:
    """Temperature (K) and pH where all sample conditions agree, fields (MHz), names and sequences."""
    said: dict[str, set[str]] = {}
    for frame in frames:
        if frame.category == "sample_conditions":
            for loop in frame.loops:
                tags = [tag.lower() for tag in loop.tags]
                if {"type", "val"} <= set(tags):
                    for row in loop.data:
                        values = dict(zip(tags, row, strict=True))
                        unit = values.get("val_units", ".")
                        said.setdefault(f"{values['type']} {unit}".lower(), set()).add(values["val"])
    found: dict[str, Any] = {}
    warm = _agreed(said.get("temperature k", set()))
    if (acidity := _agreed(said.get("ph ph", said.get("ph .", set())))) is not None:
        found["ph"] = acidity
    fields = [_said(frame, "Field_strength") for frame in frames if frame.category == "NMR_spectrometer"]
    if any(fields):
        found["field_mhz"] = sorted({value for each in fields if each and (value := text.number(each))})
    entities = [frame for frame in frames if frame.category == "entity"]
    if names := [name for frame in entities if (name := _said(frame, "Name"))]:
        found["entities"] = names
    sequences = [_said(frame, "Polymer_seq_one_letter_code") for frame in entities]
    if letters := ["".join(each.split()) for each in sequences if each]:
        found["sequences"] = letters
    return warm if warm and warm > 0 else None, found


def _agreed(words: set[str]) -> float | None:
    values = {text.number(word) for word in words} - {None}
    return values.pop() if len(values) == 1 else None


def _said(frame: Any, tag: str) -> str | None:
    found = frame.get_tag(tag)
    word = str(found[0]).strip() if found else ""
    return None if word in NOTHING else word


NMR_STAR = NmrStar()
