"""CrystFEL streams: which frames were hits, the lattices found in them, their peaks and reflections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import AdapterError, LayoutError, TruncatedFileError
from adapters.formats import crystfel_geom, late
from adapters.formats.crystfel_contents import MARK, Contents, Frame, scanned
from adapters.formats.crystfel_lists import PEAK_COLUMNS, REFLECTION_COLUMNS, lists
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

VERSION = "1"


@dataclass(frozen=True, slots=True)
class CrystfelStream:
    """The reader of streams; opening passes once over the text, rows of the lists are read when computed."""

    name: str = "crystfel_stream"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """By the first line."""
        return Confidence.INSTRUMENT if probe.head.startswith(MARK) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the last chunk is whole; indexing that goes on writes further ones."""
        try:
            contents = scanned(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        if not contents.complete:
            return late.judged(f"{path.name} ends inside a chunk", [path], late_s=self.late_s)
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames, crystals, peaks and reflections, each with its own dim and the owner of every row."""
        contents = scanned(path)
        if not contents.complete:
            raise TruncatedFileError(path, "it ends inside a chunk")
        if not contents.frames:
            raise LayoutError(path, "it holds no frames")
        flags = _flags(contents)
        metadata = Metadata(
            technique="sfx",
            wavelength_angstrom=_wavelength(contents),
            distance_m=_same([each.camera_m for each in contents.frames]),
            raw=_raw(contents),
        )
        return Measurement(
            _dataset(path, contents), metadata, Provenance(str(path), self.name, VERSION), tuple(flags)
        )


def _wavelength(contents: Contents) -> float | None:
    energy = _same([each.energy_ev for each in contents.frames])
    return None if energy is None else HC_KEV_ANGSTROM / (energy / 1000)


def _same(values: Sequence[float]) -> float | None:
    distinct = set(values)
    value = distinct.pop() if len(distinct) == 1 else np.nan
    return float(value) if np.isfinite(value) and value > 0 else None


def _flags(contents: Contents) -> list[Flag]:
    flags = []
    if any(not np.isfinite(each.hit) for each in contents.frames):
        flags.append(
            Flag.caution("hits_unstated", "the stream does not say of every frame whether it is a hit")
        )
    if "--no-non-hits-in-stream" in contents.command:
        said = "frames that were no hits were left out when the stream was written"
        flags.append(Flag.caution("non_hits_left_out", said))
    energies = {each.energy_ev for each in contents.frames}
    if len(energies) > 1:
        said = f"photon energies from {min(energies):.1f} to {max(energies):.1f} eV; no wavelength for all"
        flags.append(Flag.info("wavelength_varies", said))
    return flags


def _raw(contents: Contents) -> dict[str, Any]:
    said: dict[str, Any] = {
        "stream_format": contents.version,
        "program": contents.program,
        "target_cell": contents.target,
    }
    if contents.geometry is not None:
        said["geometry"] = crystfel_geom.summary(contents.geometry)
    return said


def _dataset(path: Path, contents: Contents) -> xr.Dataset:
    frames, crystals = contents.frames, contents.crystals
    cells = np.array([each.cell for each in crystals], float).reshape(len(crystals), 6)
    one = {"units": "dimensionless"}
    variables: dict[str, Any] = {
        "hit": ("frame", np.array([each.hit for each in frames]), one),
        "peaks": ("frame", np.array([max(each.peaks, 0) for each in frames]), one),
        "photon_energy": ("frame", np.array([each.energy_ev for each in frames]), {"units": "eV"}),
        "image": ("frame", np.array([_label(each) for each in frames], dtype=object)),
        "crystal_frame": ("crystal", np.array([each.frame for each in crystals], int), one),
        "reflections": ("crystal", np.array([max(each.reflections, 0) for each in crystals], int), one),
        "resolution_limit": ("crystal", _spacing([each.limit for each in crystals]), {"units": "angstrom"}),
    }
    for place, axis in enumerate("abc"):
        variables[f"cell_{axis}"] = ("crystal", cells[:, place] * 10, {"units": "angstrom"})
    for place, angle in enumerate(("alpha", "beta", "gamma"), start=3):
        variables[f"cell_{angle}"] = ("crystal", cells[:, place], {"units": "degree"})
    variables |= lists(path, contents.peaks, "peak", PEAK_COLUMNS, "frame")
    variables |= lists(path, contents.reflections, "reflection", REFLECTION_COLUMNS, "crystal")
    return xr.Dataset(variables)


def _label(frame: Frame) -> str:
    """The image without the folders it lay in, which name people and machines."""
    name = frame.filename.rsplit("/", 1)[-1]
    return f"{name} {frame.event}" if frame.event else name


def _spacing(limits: Sequence[float]) -> NDArray[np.float64]:
    values = np.array(limits, float)
    # 1/nm to angstrom; a limit of zero is none.
    return np.where(values > 0, 10 / np.where(values > 0, values, 1.0), np.nan)


CRYSTFEL_STREAM = CrystfelStream()
