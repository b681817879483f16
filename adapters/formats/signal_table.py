"""Signals of single voxels in a table: a label, flip angles, repetition times, signals, one voxel a line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, TruncatedFileError
from adapters.formats import text
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
COLUMNS = ("label", "FA", "TR", "s")
UNITLESS = {"units": "dimensionless"}


@dataclass(frozen=True)
class SignalTable:
    """A reader of tables as the open source imaging initiative for perfusion keeps them."""

    name: str = "mri_signal_table"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the names of the columns."""
        first = probe.text.lstrip("\ufeff").splitlines()[:1]
        return Confidence.CONTENT if first and tuple(first[0].split(",")[:4]) == COLUMNS else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every line is whole."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Signals (volume, voxel) with flip angle and repetition time of each volume."""
        import xarray as xr

        path = Path(path)
        content = text.text(path)
        if not content.endswith("\n"):
            raise TruncatedFileError(path, "its last line has no end")
        rows = list(csv.DictReader(content.lstrip("\ufeff").splitlines()))
        if not rows or any(row.get(name) is None for row in rows for name in COLUMNS):
            raise CorruptFileError(path, "a line lacks label, FA, TR or s")
        columns = [[_numbers(path, row[name]) for row in rows] for name in COLUMNS[1:]]
        if len({len(each) for column in columns for each in column}) != 1:
            raise CorruptFileError(path, "lines differ in how many signals, angles and times they have")
        angle, repetition, signal = (np.array(column) for column in columns)
        if np.ptp(angle, axis=0).any() or np.ptp(repetition, axis=0).any():
            raise CorruptFileError(path, "voxels differ in flip angle or repetition time; split the table")
        data = xr.Dataset({"signal": (("volume", "voxel"), signal.T, {"units": "arbitrary"})})
        data["flip_angle"] = ("volume", angle[0], {"units": "degree"})
        data["repetition_time"] = ("volume", repetition[0], {"units": "s"})
        data["label"] = ("voxel", np.array([row["label"] for row in rows], dtype=str), UNITLESS)
        if all(row.get("R1") for row in rows):
            published = [_numbers(path, row["R1"])[0] for row in rows]
            data["published_rate"] = ("voxel", np.array(published), {"units": "1/s"})
        return Measurement(data, Metadata(technique="mri"), Provenance(str(path), self.name, VERSION))


def _numbers(path: Path, words: str) -> Any:
    found = [text.number(word) for word in words.split()]
    if not found or any(value is None or not np.isfinite(value) for value in found):
        raise CorruptFileError(path, f"{words[:40]!r} holds what is no number")
    return [float(value) for value in found if value is not None]


SIGNAL_TABLE = SignalTable()
