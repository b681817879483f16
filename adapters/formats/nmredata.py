"""NMReDATA: a structure file with tags that assign shifts and couplings to its atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import resonance, text
from adapters.formats.resonance import PPM, UNITLESS
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
TAG = re.compile(r"^>\s*<([^>\n]+)>\s*$", re.MULTILINE)
VERSION_TAG, ASSIGNMENT, COUPLINGS = "NMREDATA_VERSION", "NMREDATA_ASSIGNMENT", "NMREDATA_J"
HEADED = re.compile(r"NMREDATA_1D_(\w+)")
END = "$$$$"


@dataclass(frozen=True)
class NmreData:
    """A reader of assignments; the spectra that they name beside the file are opened by themselves."""

    name: str = "nmredata"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the tag of the version, which long structures push to the end of the file."""
        both = probe.text + (probe.tail.decode("latin-1") if probe.text else "")
        return Confidence.CONTENT if "<NMREDATA_" in both else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the record ends."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Shifts by the label of their atoms, and couplings between labels (Hz)."""
        path = Path(path)
        tags = _tags(path)
        if ASSIGNMENT not in tags:
            raise LayoutError(path, "it assigns no shifts")
        rows = [_words(line, 3) for line in _lines(tags[ASSIGNMENT])]
        labels = [row[0] for row in rows]
        if len(set(labels)) != len(labels):
            raise CorruptFileError(path, "it assigns a label more than once")
        import xarray as xr

        data = xr.Dataset(
            {
                "chemical_shift": ("atom", _numbers(path, [row[1] for row in rows]), PPM),
                "atom_name": ("atom", np.array(labels, dtype=str), UNITLESS),
                # Atoms of a small molecule are in no residue.
                "residue_number": ("atom", np.zeros(len(rows), int), UNITLESS),
                "atoms": ("atom", np.array([row[2] for row in rows], dtype=str), UNITLESS),
            }
        )
        if COUPLINGS in tags:
            pairs = [_words(line, 3) for line in _lines(tags[COUPLINGS])]
            data["coupling"] = ("pair", _numbers(path, [row[2] for row in pairs]), {"units": "Hz"})
            for place in (0, 1):
                names = np.array([row[place] for row in pairs], dtype=str)
                data[f"coupling_{place + 1}"] = ("pair", names, UNITLESS)
        return Measurement(
            data, Metadata("nmr", raw=_said(path, tags)), Provenance(str(path), self.name, VERSION)
        )


def _tags(path: Path) -> dict[str, str]:
    content = text.text(path)
    if END not in content:
        raise TruncatedFileError(path, f"its record does not end with {END}")
    if content.count(END) > 1:
        raise LayoutError(path, "it holds several records; one is read here")
    body = content.partition(END)[0]
    places = list(TAG.finditer(body))
    found = {
        here.group(1).strip(): body[here.end() : after.start() if after else len(body)]
        for here, after in zip(places, [*places[1:], None], strict=True)
    }
    if VERSION_TAG not in found:
        raise LayoutError(path, f"it has no tag {VERSION_TAG}")
    return found


def _lines(value: str) -> list[str]:
    """Lines end with a backslash; what follows it, or a semicolon, is a remark."""
    lines = [re.split(r"[\\;]", line)[0].strip() for line in value.splitlines()]
    return [line for line in lines if line]


def _words(line: str, least: int) -> list[str]:
    words = [word.strip() for word in line.split(",")]
    return words + [""] * (least - len(words))


def _numbers(path: Path, words: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    found = [text.number(word) for word in words]
    for word, value in zip(words, found, strict=True):
        if value is None:
            raise CorruptFileError(path, f"{word[:40]!r} stands where a number is due")
    return resonance.finite(path, np.array(found, float), "its numbers")


def _said(path: Path, tags: dict[str, str]) -> dict[str, object]:
    said: dict[str, object] = {}
    if solvent := _lines(tags.get("NMREDATA_SOLVENT", "")):
        said["solvent"] = solvent[0]
    for name, value in tags.items():
        found = HEADED.fullmatch(name)
        for line in _lines(value) if found else ():
            label, _, word = line.partition("=")
            if label == "Larmor" and found:
                said[f"larmor_mhz_{found.group(1).lower()}"] = float(_numbers(path, [word])[0])
            # A place relative to the file is a name; an address elsewhere is nobody's business.
            if label == "Spectrum_Location" and word.startswith("file:"):
                said["spectrum"] = word.removeprefix("file:")
    return said


NMREDATA = NmreData()
