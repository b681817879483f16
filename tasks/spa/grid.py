"""The density of a run on a cube of equal voxels, or the reason why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.spa.errors import ImageError

Floats = NDArray[np.float64]
EQUAL = 0.005


@dataclass(frozen=True)
class Grid:
    """Density over z, y, x of a cube, the edge of its voxels (angstrom), and what must be said."""

    density: Floats
    voxel: float
    flags: tuple[Flag, ...]

    def like(self, run: Measurement) -> Floats:
        """The density of another run on the same grid; its own header need not know the voxel."""
        other, _ = _cube(_density(run))
        if other.shape != self.density.shape:
            raise ImageError(
                f"{run.provenance.path} has {other.shape} voxels where the map has {self.density.shape}",
                "Give maps of one box",
            )
        return other


def grid_of(run: Measurement, voxel_angstrom: float | None) -> Grid:
    """The map of a run; `voxel_angstrom` replaces what the file says, which is then said."""
    density = _density(run)
    voxel, flags = _voxel(run, voxel_angstrom)
    if any(flag.code == "cell_not_orthogonal" for flag in run.flags):
        raise ImageError(
            f"{run.provenance.path} has a grid that is not at right angles",
            "Maps of crystals with such cells are read, but not measured here",
        )
    cube, padded = _cube(density)
    return Grid(cube, voxel, (*flags, *padded))


def _density(run: Measurement) -> Floats:
    if "density" not in run.data:
        raise ImageError(f"{run.provenance.path} holds no map", "Give a map, not images")
    values = np.asarray(run.data["density"].compute(), float)
    if not np.isfinite(values).all():
        raise ImageError(f"{run.provenance.path} has voxels that are not finite", "Write the map again")
    if float(np.ptp(values)) == 0:
        raise ImageError(f"{run.provenance.path} has the same density everywhere", "Give the map itself")
    return values


def _voxel(run: Measurement, given: float | None) -> tuple[float, tuple[Flag, ...]]:
    stated = None if "voxel" not in run.data else np.asarray(run.data["voxel"].values, float)
    if given is not None:
        if stated is None or np.allclose(stated, given, rtol=EQUAL):
            return given, ()
        told = f"the file says a voxel of {stated[0]:.4g} angstrom; {given:g} is used as you said"
        return given, (Flag.caution("header_overridden", told),)
    if stated is None:
        raise MissingMetadataError("the voxel size", run.provenance.path, "voxel_angstrom")
    if np.ptp(stated) > EQUAL * stated.mean():
        sizes = " x ".join(f"{each:.4g}" for each in stated)
        raise ImageError(
            f"{run.provenance.path} has voxels of {sizes} angstrom", "Resample it to cubic voxels"
        )
    return float(stated.mean()), ()


def _cube(density: Floats) -> tuple[Floats, tuple[Flag, ...]]:
    size = max(density.shape)
    if density.shape == (size, size, size):
        return density, ()
    told = f"a box of {density.shape} voxels is filled up with zeros to a cube of {size}"
    filled = np.pad(density, [(0, size - each) for each in density.shape])
    return filled, (Flag.info("box_filled_up", told),)
