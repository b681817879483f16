"""Sessions of EPU: the folder of a session, and the XML of a single exposure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from adapters.errors import AdapterError, LayoutError, NoSuchRunError
from adapters.formats import epu_xml, late
from adapters.formats.epu_xml import Exposure
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
SESSION = "EpuSession.dm"
DATA = "Images-Disc*/GridSquare_*/Data"
MOVIES = ("_fractions.tiff", "_Fractions.tiff", "_EER.eer", "_fractions.mrc", ".mrc")
UNITS = {
    "pixel_angstrom": "angstrom",
    "voltage_kv": "kV",
    "exposure_s": "s",
    "magnification": "dimensionless",
    "defocus_angstrom": "angstrom",
    "defocus_target_angstrom": "angstrom",
    "dose_e_per_angstrom2": "1/angstrom**2",
    "stage_x_um": "um",
    "stage_y_um": "um",
    "stage_z_um": "um",
    "alpha_tilt_degree": "degree",
    "frames": "dimensionless",
}
NONE = {"units": "dimensionless"}


@dataclass(frozen=True)
class EpuSession:
    """A reader of the folder of a session: one row for each exposure with its XML and its movie."""

    name: str = "epu_session"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT for a folder with the settings of a session and its discs."""
        path = probe.path
        if not path.is_dir() or not (path / SESSION).is_file():
            return Confidence.NO
        return Confidence.INSTRUMENT if any(path.glob("Images-Disc*")) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every exposure has its movie; young ones may still get it."""
        try:
            exposures = _listed(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        lacking = [xml for xml in exposures if _movie(xml) is None]
        if lacking and late.younger_than(late.LATE_S, *lacking):
            told = f"{len(lacking)} of {len(exposures)} exposures have no movie yet"
            return late.judged(told, lacking, late_s=late.LATE_S)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Quantities of all exposures over `exposure`, in the order in which they were taken."""
        exposures = _listed(path)
        read, damaged = [], []
        for xml in exposures:
            try:
                read.append((xml, epu_xml.read(xml)))
            except AdapterError:
                damaged.append(xml.name)
        if not read:
            raise LayoutError(path, f"none of its {len(exposures)} exposures can be read")
        flags = []
        if damaged:
            told = f"{len(damaged)} of {len(exposures)} descriptions are damaged: {', '.join(damaged[:3])}"
            flags.append(Flag.caution("exposures_not_read", told))
        movies = [_movie(xml) for xml, _ in read]
        if None in movies:
            told = f"{movies.count(None)} of {len(read)} exposures have no movie in the session's folders"
            flags.append(Flag.caution("movies_missing", told))
        table = _table([said for _, said in read], [each.name if each else "" for each in movies])
        files = tuple(str(xml) for xml, _ in read)
        provenance = Provenance(str(path), self.name, VERSION, files)
        return Measurement(table, _metadata(read[0][1]), provenance, tuple(flags))


@dataclass(frozen=True)
class EpuExposure:
    """A reader of the XML of one exposure: what a movie beside it does not say itself."""

    name: str = "epu_xml"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the element that such a document is."""
        return Confidence.CONTENT if epu_xml.recognised(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it is whole."""
        try:
            epu_xml.read(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """One row of a session."""
        found = epu_xml.read(path)
        movie = _movie(path)
        table = _table([found], ["" if movie is None else movie.name])
        return Measurement(table, _metadata(found), Provenance(str(path), self.name, VERSION))


def _listed(path: Path) -> list[Path]:
    """Descriptions of exposures, by name of their files, which end with the time."""
    if not path.exists():
        raise NoSuchRunError(path)
    found = sorted(path.glob(f"{DATA}/FoilHole_*.xml"), key=lambda each: each.stem.split("_")[-2:])
    if not found:
        raise LayoutError(path, "a session of EPU without exposures")
    return found


def _movie(xml: Path) -> Path | None:
    return next((each for end in MOVIES if (each := xml.with_name(xml.stem + end)).is_file()), None)


def _table(read: list[Exposure], movies: list[str]) -> xr.Dataset:
    variables: dict[str, Any] = {}
    for name, unit in UNITS.items():
        values = np.array([each.said.get(name, np.nan) for each in read])
        # What no exposure says is no column of missing values.
        if np.isfinite(values).any():
            variables[name] = ("exposure", values, {"units": unit})
    variables["movie_file"] = ("exposure", np.array(movies, dtype=str), NONE)
    variables["table"] = ("tables", np.array(["exposure"]), NONE)
    variables["rows"] = ("tables", np.array([len(read)]), NONE)
    return xr.Dataset(variables)


def _metadata(first: Exposure) -> Metadata:
    kept = ("voltage_kv", "pixel_angstrom", "magnification")
    raw = {name: first.said[name] for name in kept if name in first.said}
    return Metadata("spa", start_time=first.start, exposure_s=first.said.get("exposure_s"), raw=raw)


EPU_SESSION, EPU_XML = EpuSession(), EpuExposure()
