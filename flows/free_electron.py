"""What flows for free-electron lasers share: choices of reading, and the geometry of modules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from adapters.errors import MissingMetadataError, UnsuitedError
from adapters.model import Input, Measurement
from adapters.registry import open_run
from flows.inputs import opened
from flows.order import input_of
from flows.parameters import ReadingParameters
from tasks.common.modules import Places, fitted, places_of
from tasks.common.parameters import Values


class ChannelParameters(Values):
    """Where a channel lies, for a beamtime that names it."""

    dataset: str = Field(
        description="Dataset of the channel in the files, or source and key with a space between"
    )
    at: tuple[int, ...] = Field((), description="Place on each axis behind the trains")
    unit: str = Field("arbitrary", description="Unit of its values; files mostly state none")
    hits: bool = Field(False, description="Its last axis lists single particles")


class FreeElectronReading(ReadingParameters):
    """How runs of free-electron lasers are opened."""

    data: Literal["raw", "proc", "proc_or_raw"] | None = Field(
        None, description="Raw or corrected data, where a path holds both; proc_or_raw takes raw and says so"
    )
    run: str | None = Field(None, description="Number of the run, where a path holds several")
    detector: str | None = Field(None, description="Detector by name, where a run has several")
    channels: dict[str, ChannelParameters] = Field(
        default_factory=dict, description="Channel map of the beamtime: names with their channels"
    )

    def assumed(self) -> dict[str, str]:
        """What readers are told that files leave out."""
        told = {"data": self.data, "run": self.run, "detector": self.detector}
        if self.channels:
            said = {name: each.model_dump(mode="json") for name, each in self.channels.items()}
            told["channels"] = json.dumps(said, sort_keys=True)
        return super().assumed() | {name: value for name, value in told.items() if value}


class GeometryFile(Values):
    """Where the modules of a detector stand; no run of them says it."""

    file: Path | None = Field(None, description="CrystFEL .geom, or HDF5 geometry of European XFEL")
    quadrants: tuple[tuple[float, float], ...] | None = Field(
        None, description="Positions of the four quadrants in mm, for a geometry in HDF5"
    )


def single(sample: Sequence[Path], reading: ReadingParameters, techniques: tuple[str, ...]) -> Measurement:
    """The one run that was asked for, of one of the techniques."""
    runs = opened(sample, reading)
    if len(runs) != 1 or runs[0].metadata.technique not in techniques:
        found = ", ".join(sorted({run.metadata.technique for run in runs})) or "nothing"
        raise UnsuitedError(
            sample[0], f"not one run of {' or '.join(techniques)}, but {len(runs)} of {found}"
        )
    return runs[0]


def geometry_of(said: GeometryFile) -> Measurement:
    """The geometry file, opened."""
    if said.file is None:
        raise MissingMetadataError("where its modules stand", "the run", "geometry.file")
    assume = {} if said.quadrants is None else {"quadrants": json.dumps(said.quadrants)}
    found = open_run(said.file, assume=assume)
    if found.metadata.technique != "geometry":
        raise UnsuitedError(said.file, f"a {found.metadata.technique} file, not a geometry of modules")
    return found


def placed(run: Measurement, said: GeometryFile) -> tuple[Places, Measurement]:
    """The places of the run's pixels, and the geometry file they are from."""
    geometry = geometry_of(said)
    return fitted(run, places_of(geometry)), geometry


def geometry_inputs(said: GeometryFile) -> list[Input]:
    """The geometry file, hashed."""
    return [] if said.file is None else [input_of("geometry", said.file)]


def facts_of(run: Measurement, sample: Sequence[Path]) -> dict[str, Any]:
    """Plain facts for the manifest."""
    return {
        "files": [path.name for path in sample],
        "instrument": run.metadata.source,
        "detectors": list(run.metadata.raw.get("detectors", [])),
    }
