"""HXMS, the text format of hydrogen exchange: one file a state, one line a peptide, time and replicate.

The layout is that of PFLink, whose authors describe it in https://doi.org/10.1101/2025.10.14.682397.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
MARK = "HX/MS DATA FORMAT v1."
LABELS = ("INDEX", "MOD", "START", "END", "REP", "PTM_ID", "TIME(Sec)", "UPTAKE")
UNMODIFIED = "nan"
# Lines of an infinite time are the fully deuterated sample, whatever the state.
CONTROL = "fully deuterated"
NUMBERS = {"start": "START", "end": "END", "replicate": "REP", "exposure": "TIME(Sec)", "uptake": "UPTAKE"}
SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True)
class Hxms:
    """A reader of HXMS; the envelopes of isotopes stay in the file, their number is told."""

    name: str = "hxms"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first line."""
        head = probe.text.lstrip("\ufeff").split("\n", 1)[0]
        return Confidence.CONTENT if head.startswith("HEADER") and MARK in head else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every line is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Every line; exposures in minutes, endless in the control; uptakes in Da above that at time zero."""
        import xarray as xr

        lines = _lines(path)
        stated = _stated(lines)
        sequence, state = (_needed(path, stated, name) for name in ("PROTEIN_SEQUENCE", "PROTEIN_STATE"))
        rows = _rows(path, lines)
        modified = {words[1]: " ".join(words[2:]) for words in lines if words[0] == "PTM" and len(words) > 2}
        values = {name: _numbers(path, rows, label) for name, label in NUMBERS.items()}
        values["exposure"] /= SECONDS_A_MINUTE
        bare = [_peptide(path, sequence, *ends) for ends in zip(values["start"], values["end"], strict=True)]
        words = {
            "sequence": [_named(each, row, modified) for each, row in zip(bare, rows, strict=True)],
            "state": [CONTROL if np.isinf(each) else state for each in values["exposure"]],
            "protein": [stated.get("PROTEIN_NAME", "")] * len(rows),
        }
        values["exchangeable"] = np.array([float(len(each[1:].replace("P", ""))) for each in bare])
        values["uptake_errors"] = np.full(len(rows), np.nan)
        units = {"exposure": "min", "uptake": "Da", "uptake_errors": "Da"}
        data = xr.Dataset(
            {
                name: ("row", np.asarray(column), {"units": units.get(name, "dimensionless")})
                for name, column in {**values, **words}.items()
            }
        )
        return Measurement(data, _metadata(stated, state, rows), Provenance(str(path), self.name, VERSION))


def _lines(path: Path) -> list[list[str]]:
    content = text.text(path).lstrip("\ufeff")
    if not content.endswith("\n"):
        raise TruncatedFileError(path, "its last line has no end")
    if MARK not in content.split("\n", 1)[0]:
        raise LayoutError(path, f"its first line does not say {MARK}")
    # The modifications are listed after the last peptide, so what was cut off is missed.
    if not any(line.startswith("PTM ") for line in content.splitlines()):
        raise TruncatedFileError(path, "its list of modifications is not there")
    return [words for line in content.splitlines() if (words := line.split())]


def _stated(lines: list[list[str]]) -> dict[str, str]:
    return {words[1]: " ".join(words[2:]) for words in lines if words[0] == "METADATA" and len(words) > 2}


def _needed(path: Path, stated: Mapping[str, str], name: str) -> str:
    if name not in stated:
        raise LayoutError(path, f"it states no {name}")
    return stated[name]


def _rows(path: Path, lines: list[list[str]]) -> list[dict[str, str]]:
    titles = [words for words in lines if words[0] == "TITLE_TP"]
    if not titles or tuple(titles[0][1 : len(LABELS) + 1]) != LABELS:
        raise LayoutError(path, f"no line TITLE_TP with {' '.join(LABELS)}")
    rows = [words[1:] for words in lines if words[0] == "TP"]
    if not rows:
        raise LayoutError(path, "it has no lines TP")
    for number, row in enumerate(rows, start=1):
        if len(row) not in (len(LABELS), len(LABELS) + 1):
            raise CorruptFileError(
                path, f"line TP {number} has {len(row)} columns, not {len(LABELS)} or one more"
            )
    return [dict(zip((*LABELS, "ENVELOPE"), row, strict=False)) for row in rows]


def _numbers(path: Path, rows: list[dict[str, str]], label: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = []
    for row in rows:
        value = text.number(row[label])
        if value is None or np.isnan(value):
            raise CorruptFileError(
                path, f"line TP {row['INDEX']} has {row[label]!r} where {label} is a number"
            )
        values.append(value)
    return np.array(values)


def _peptide(path: Path, sequence: str, start: float, end: float) -> str:
    if not (1 <= start <= end <= len(sequence) and start.is_integer() and end.is_integer()):
        where = f"a peptide from {start:g} to {end:g}"
        raise CorruptFileError(path, f"{where} does not lie in its sequence of {len(sequence)} residues")
    return sequence[int(start) - 1 : int(end)]


def _named(peptide: str, row: Mapping[str, str], modified: Mapping[str, str]) -> str:
    # Forms of one peptide are different things: they are told apart, and never averaged.
    carried = modified.get(row["PTM_ID"], row["PTM_ID"])
    modification = "" if carried == UNMODIFIED else f" [{carried}]"
    return f"{peptide}{modification}" + ("" if row["MOD"] == "A" else f" (population {row['MOD']})")


def _metadata(stated: Mapping[str, str], state: str, rows: list[dict[str, str]]) -> Metadata:
    raw = {
        "states": [state],
        "ph_read": text.number(stated.get("pH(READ)", "")),
        "d2o_fraction": text.number(stated.get("D2O_SATURATION", "")),
        "envelopes": sum("ENVELOPE" in row for row in rows),
    }
    return Metadata(
        "ms",
        sample_name=stated.get("PROTEIN_NAME"),
        temperature_k=text.number(stated.get("TEMPERATURE(K)", "")),
        raw={name: value for name, value in raw.items() if value is not None},
    )


HXMS = Hxms()
