"""Geometry files of European XFEL: modules and tiles of LPD and DSSC in HDF5, placed by their quadrants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    MissingExtraError,
    MissingMetadataError,
)
from adapters.formats import crystfel_geom, hdf5
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
# Tiles of a module tell the detectors apart.
TILES = {16: "LPD", 2: "DSSC"}


@dataclass(frozen=True, slots=True)
class EuxfelGeometry:
    """The reader of these files.

    They say where tiles and modules are within a quadrant, not where the quadrants stand.
    `quadrants`, as an assumption, supplies that: four pairs of x and y in mm as JSON.
    """

    name: str = "euxfel_geometry"
    assumed: dict[str, str] = field(default_factory=dict)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What can be supplied: positions of the quadrants."""
        return ("quadrants",)

    def assuming(self, assumed: Mapping[str, str]) -> EuxfelGeometry:
        """The same reader with the quadrants in place."""
        return replace(self, assumed=dict(assumed))

    def probe(self, probe: Probe) -> Confidence:
        """By four quadrants with positions of modules and tiles in them."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return Confidence.INSTRUMENT if "Q1/M1/T01/Position" in file else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all tiles of all modules have a position."""
        try:
            with hdf5.opened(path) as file:
                _detector(file, path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Pixel centres with the quadrants where they were said to be."""
        with hdf5.opened(path) as file:
            detector = _detector(file, path)
        said = self.assumed.get("quadrants")
        if said is None:
            raise MissingMetadataError("the positions of the quadrants", path.name, "quadrants")
        quadrants = _quadrants(said)
        data = crystfel_geom.pixels(*_positions(detector, path, quadrants))
        flag = Flag.info("quadrants_given", f"the quadrants of {detector} stand at {quadrants} mm, as given")
        metadata = Metadata(technique="geometry", facility="euxfel", raw={"detector": detector})
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), (flag,))


def _detector(file: h5py.File, path: Path) -> str:
    counts = set()
    for quadrant in range(1, 5):
        for module in range(1, 5):
            group = file.get(f"Q{quadrant}/M{module}")
            if not isinstance(group, h5py.Group):
                raise LayoutError(path, f"there is no module Q{quadrant}/M{module}")
            tiles = [name for name in group if name.startswith("T")]
            for name in ("Position", *(f"{tile}/Position" for tile in tiles)):
                place = hdf5.require(group, name)
                if place.shape != (2,) or not np.all(np.isfinite(place[()])):
                    raise CorruptFileError(path, f"{group.name}/{name} is no position")
            counts.add(len(tiles))
    detector = TILES.get(counts.pop()) if len(counts) == 1 else None
    if detector is None:
        raise LayoutError(path, "its modules have neither the tiles of an LPD nor of a DSSC")
    return detector


def _quadrants(said: str) -> list[tuple[float, float]]:
    try:
        pairs = [(float(x), float(y)) for x, y in json.loads(said)]
    except (ValueError, TypeError) as error:
        raise LayoutError("quadrants", f"not four pairs of x and y in mm as JSON: {error}") from error
    if len(pairs) != 4 or not np.all(np.isfinite(pairs)):
        raise LayoutError("quadrants", f"{len(pairs)} pairs where four of finite numbers are needed")
    return pairs


def _positions(detector: str, path: Path, quadrants: list[tuple[float, float]]) -> tuple[Any, Any]:
    try:
        import extra_geom
    except ImportError as error:
        raise MissingExtraError("extra_geom", "euxfel") from error
    kind = {"LPD": extra_geom.LPD_1MGeometry, "DSSC": extra_geom.DSSC_1MGeometry}[detector]
    geometry = kind.from_h5_file_and_quad_positions(str(path), quadrants)
    positions = np.asarray(geometry.get_pixel_positions(), float)
    return positions, np.zeros(positions.shape[:-1], bool)


EUXFEL_GEOMETRY = EuxfelGeometry()
