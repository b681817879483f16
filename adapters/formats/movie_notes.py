"""What stands beside a movie of an electron microscope: the XML of EPU, the .mdoc of SerialEM."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError
from adapters.formats import epu_xml
from adapters.formats.mdoc import MDOC
from adapters.model import Flag

SUFFIXES = ("_fractions", "_EER", "_Fractions")


@dataclass(frozen=True)
class Notes:
    """What was said, from which files, and remarks."""

    said: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    start: datetime | None = None
    flags: tuple[Flag, ...] = ()


def xml_of(path: Path) -> Path | None:
    """The XML of the same name, without what the name of a movie ends with."""
    stem = next((path.stem[: -len(end)] for end in SUFFIXES if path.stem.endswith(end)), path.stem)
    beside = path.with_name(f"{stem}.xml")
    return beside if beside.is_file() else None


def mdoc_of(path: Path) -> Path | None:
    """The .mdoc that SerialEM writes for a movie, with its whole name or its stem."""
    names = (f"{path.name}.mdoc", f"{path.stem}.mdoc")
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def beside(path: Path, frames: int) -> Notes:
    """The notes of a movie of so many frames; a file beside it that is damaged is told and not used."""
    for find, read in ((xml_of, _xml), (mdoc_of, _mdoc)):
        file = find(path)
        if file is None:
            continue
        try:
            said, start = read(file, frames)
        except AdapterError as error:
            told = f"{file.name} beside the movie is not used: {error}"
            return Notes(flags=(Flag.caution("sidecar_not_used", told[:300]),))
        told = (
            f"{', '.join(sorted(said))} from {file.name}"
            if said
            else f"{file.name} says nothing that is used"
        )
        return Notes(said, (str(file),), start, (Flag.info("metadata_from_sidecar", told),))
    return Notes()


def _xml(path: Path, frames: int) -> tuple[dict[str, Any], datetime | None]:
    found = epu_xml.read(path)
    said: dict[str, Any] = dict(found.said)
    said.pop("frames", None)
    if "dose_e_per_angstrom2" in said:
        said["dose_per_frame"] = said["dose_e_per_angstrom2"] / frames
    return said, found.start


def _mdoc(path: Path, frames: int) -> tuple[dict[str, Any], datetime | None]:
    run = MDOC.open(path)
    said = {
        name: run.metadata.raw[name] for name in ("voltage_kv", "pixel_angstrom") if name in run.metadata.raw
    }
    if run.data.sizes["section"] == 1:
        for variable, name in (("exposure_dose", "dose_e_per_angstrom2"), ("exposure_time", "exposure_s")):
            if variable in run.data and np.isfinite(value := float(run.data[variable].values[0])):
                said[name] = value
    if "dose_e_per_angstrom2" in said:
        said["dose_per_frame"] = said["dose_e_per_angstrom2"] / frames
    return said, None
