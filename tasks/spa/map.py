"""A map to its resolution, symmetry, size, and the place and hand of a model in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.reduced import Reduced
from tasks.spa.errors import ImageError
from tasks.spa.grid import Grid, grid_of
from tasks.spa.kernels import envelope, placing, shells, symmetry
from tasks.spa.kernels.placing import Placed
from tasks.spa.kernels.shells import Crossing, Shells
from tasks.spa.parameters import MapParameters

Floats = NDArray[np.float64]
NONE = {"units": "dimensionless"}
LEVEL_DOUBT = 0.2
SURE = 3.0
POOR = 0.5


@dataclass(frozen=True)
class Model:
    """Atoms (n, 3; angstrom) of one particle with their electrons (n,)."""

    positions: Floats
    electrons: Floats
    name: str


def reduce(
    run: Measurement,
    parameters: MapParameters,
    halves: Sequence[Measurement] = (),
    local: Measurement | None = None,
    model: Model | None = None,
) -> Reduced:
    """All that a map says, with half maps, a map of local resolution, and a model where they are given."""
    grid = grid_of(run, parameters.voxel_angstrom)
    level, level_flags = _level(grid, parameters)
    found: list[Reduced] = [
        _power(grid),
        _size(grid, level, estimated=bool(level_flags)),
        _symmetry(grid, parameters),
    ]
    if halves:
        found.append(_halves(grid, halves))
    if local is not None:
        found.append(_local(grid, grid.like(local), level))
    if model is not None:
        found.append(_model(grid, level, model, _resolution(run, parameters, found), hand=parameters.hand))
    tables: dict[str, xr.Dataset] = {}
    facts: dict[str, Any] = {"level": level, "voxel_angstrom": grid.voxel}
    for each in found:
        tables |= each.tables
        facts |= each.facts
    return Reduced(
        findings=tuple(finding for each in found for finding in each.findings),
        flags=merged(run.flags, grid.flags, level_flags, *(each.flags for each in found)),
        tables=tables | {"map": _shown(grid)},
        facts=facts,
    )


def _level(grid: Grid, parameters: MapParameters) -> tuple[float, tuple[Flag, ...]]:
    if parameters.level is not None:
        return parameters.level, ()
    level = envelope.otsu(grid.density.ravel())
    told = f"no level was given; {level:.4g}, which best parts particle from solvent, is an estimate"
    return level, (Flag.caution("level_estimated", told),)


def _power(grid: Grid) -> Reduced:
    frequency, power, error = shells.shell_power(grid.density, grid.voxel)
    unit = {"units": "arbitrary"}
    table = xr.Dataset(
        {"intensity": ("frequency", power, unit), "intensity_errors": ("frequency", error, unit)},
        coords={"frequency": ("frequency", frequency, {"units": "1/angstrom"})},
    )
    return Reduced((), (), {"power": table})


def _shown(grid: Grid) -> xr.Dataset:
    """Projections of the map along z, y and x: what a plot shows, and all that the product keeps of it."""
    unit = {"units": "arbitrary"}
    middle = grid.density.shape[0] // 2
    shown = {
        "along_z": grid.density[middle],
        "along_y": grid.density[:, middle],
        "along_x": grid.density[:, :, middle],
    }
    places = np.arange(grid.density.shape[0]) * grid.voxel
    return xr.Dataset(
        {name: (("up", "right"), plane, unit) for name, plane in shown.items()},
        coords={axis: (axis, places, {"units": "angstrom"}) for axis in ("up", "right")},
    )


def _size(grid: Grid, level: float, *, estimated: bool) -> Reduced:
    voxel = np.full(3, grid.voxel)
    found = envelope.envelope(grid.density, voxel, level)
    if found is None:
        raise ImageError(f"nothing in the map reaches the level {level:g}", "Give a lower level")
    near = [envelope.envelope(grid.density, voxel, level * (1 + sign * LEVEL_DOUBT)) for sign in (-1, 1)]
    moved = [abs(each.longest - found.longest) for each in near if each is not None]
    error = float(np.hypot(grid.voxel / np.sqrt(6), max(moved, default=0.0) / 2))
    origin = "estimated" if estimated else "given"
    told = (
        f"largest piece above the {origin} level {level:.4g}",
        f"a level {LEVEL_DOUBT:.0%} off is in the uncertainty",
    )
    facts = {
        "extent_angstrom": dict(zip("zyx", found.extent, strict=True)),
        "volume_angstrom3": found.volume,
        "parts": found.parts,
    }
    flags = []
    if found.share < 0.95:
        told_parts = (
            f"{found.parts} pieces stand above the level; the largest has {found.share:.0%} of the volume"
        )
        flags.append(Flag.caution("map_in_pieces", told_parts))
    finding = Finding("maximum_dimension", found.longest, error, "angstrom", "map above its level", told)
    return Reduced((finding,), tuple(flags), {}, facts)


def _symmetry(grid: Grid, parameters: MapParameters) -> Reduced:
    found = symmetry.turns(grid.density)
    group = symmetry.point_group(found, parameters.least_symmetry)
    table = xr.Dataset(
        {
            "turn_axis": ("turn", np.array([each.axis for each in found]), NONE),
            "turn_fold": ("turn", np.array([each.fold for each in found]), NONE),
            "turn_correlation": ("turn", np.array([each.correlation for each in found]), NONE),
        }
    )
    told = (
        f"the map has the symmetry {group} about the axes of its grid; others and cubic groups are not sought"
    )
    return Reduced((), (Flag.info("symmetry_of_map", told),), {"symmetry": table}, {"point_group": group})


def _halves(grid: Grid, halves: Sequence[Measurement]) -> Reduced:
    if len(halves) != 2:
        raise ImageError(f"{len(halves)} half maps were given", "Give the two of one reconstruction")
    found = shells.shell_correlation(grid.like(halves[0]), grid.like(halves[1]), grid.voxel)
    told = ("half maps as they are, no mask", "Fourier terms of a shell taken as independent")
    return _correlated(found, "fsc_halves", shells.HALVES, "half maps, FSC 0.143", told)


def _correlated(found: Shells, name: str, threshold: float, method: str, told: tuple[str, ...]) -> Reduced:
    known = np.isfinite(found.correlation)
    table = xr.Dataset(
        {
            "correlation": ("frequency", found.correlation[known], NONE),
            "correlation_errors": ("frequency", found.errors[known], NONE),
        },
        coords={"frequency": ("frequency", found.frequency[known], {"units": "1/angstrom"})},
        attrs={"threshold": threshold},
    )
    fall: Crossing | None = shells.crossing(found, threshold)
    if fall is None:
        said = f"{method}: the correlation does not fall through {threshold:g}, so it gives no resolution"
        return Reduced((), (Flag.caution("no_resolution", said),), {name: table})
    finding = Finding("resolution", fall.resolution, fall.error, "angstrom", method, told)
    return Reduced((finding,), (), {name: table})


def _local(grid: Grid, local: Floats, level: float) -> Reduced:
    inside = local[(grid.density >= level) & (local > 0)]
    if not inside.size:
        raise ImageError("no voxel of the particle has a local resolution", "Give a lower level")
    middle = float(np.median(inside))
    low, high = (float(each) for each in np.percentile(inside, [5, 95]))
    error = float(1.2533 * inside.std() / np.sqrt(_independent(inside.size, grid.voxel, middle)))
    told = (f"5 to 95 % of the particle's voxels lie between {low:.3g} and {high:.3g} angstrom",)
    counts, edges = np.histogram(inside, 60)
    table = xr.Dataset(
        {"voxels": ("local", counts.astype(float), {"units": "count"})},
        coords={"local": ("local", (edges[1:] + edges[:-1]) / 2, {"units": "angstrom"})},
    )
    shown = grid.density.shape[0] // 2
    plane = xr.Dataset(
        {
            "local_resolution": (
                ("up", "right"),
                np.where(grid.density[shown] >= level, local[shown], np.nan),
                {"units": "angstrom"},
            )
        }
    )
    finding = Finding("resolution", middle, error, "angstrom", "median local resolution", told)
    facts = {"local_resolution_percentiles": {"5": low, "50": middle, "95": high}}
    return Reduced((finding,), (), {"local_resolution": table, "local_slice": plane}, facts)


def _independent(voxels: int, voxel: float, resolution: float) -> float:
    """How many values in so many voxels do not follow from their neighbours."""
    return max(4.0, voxels * voxel**3 / resolution**3)


def _resolution(run: Measurement, parameters: MapParameters, found: Sequence[Reduced]) -> float:
    if parameters.resolution_angstrom is not None:
        return parameters.resolution_angstrom
    known = [each.value for part in found for each in part.findings if each.quantity == "resolution"]
    if not known:
        raise MissingMetadataError("the resolution of the map", run.provenance.path, "resolution_angstrom")
    return known[0]


def _model(grid: Grid, level: float, model: Model, resolution: float, *, hand: bool) -> Reduced:
    poses = placing.place(grid.density, grid.voxel, model.positions, model.electrons, resolution)
    best = poses[0]
    particle = float((grid.density >= level).sum())
    independent = _independent(int(particle), grid.voxel, resolution)
    error = float((1 - best.correlation**2) / np.sqrt(independent))
    told = (
        f"{model.name} at {resolution:.3g} angstrom over the whole box, from all orientations",
        f"{independent:.0f} independent values in the particle",
    )
    finding = Finding("map_model_correlation", best.correlation, error, "dimensionless", "rigid fit", told)
    equal = [pose for pose in poses if best.correlation - pose.correlation < SURE * error]
    flags = list(_placement_flags(best, equal, poses))
    facts: dict[str, Any] = {
        "placements": [round(pose.correlation, 4) for pose in poses],
        "rotation": best.rotation.tolist(),
        "shift_angstrom": best.shift.tolist(),
    }
    tables = {"placements": _placements(poses, ())}
    if hand:
        image = placing.mirrored(grid.density)
        others = placing.place(image, grid.voxel, model.positions, model.electrons, resolution)
        flags.append(_hand(best, others[0], independent))
        facts["mirror_placements"] = [round(pose.correlation, 4) for pose in others]
        tables = {"placements": _placements(poses, others)}
    where = best.of(model.positions)
    there = placing.simulated(where, model.electrons, grid.density.shape, grid.voxel, resolution)
    shell = shells.shell_correlation(grid.density, there, grid.voxel)
    against = _correlated(
        shell, "fsc_model", shells.MODEL, "map to model, FSC 0.5", ("model as placed, no mask", told[0])
    )
    tables |= {"placed": _placed(where), **against.tables}
    return Reduced((finding, *against.findings), (*flags, *against.flags), tables, facts)


def _placement_flags(best: Placed, equal: Sequence[Placed], poses: Sequence[Placed]) -> tuple[Flag, ...]:
    flags = []
    if best.correlation < POOR:
        told = f"the model is not recognised in the map: correlation {best.correlation:.2f}"
        flags.append(Flag.invalid("model_not_in_map", told))
    if len(equal) > 1:
        apart = poses[len(equal)].correlation if len(poses) > len(equal) else None
        then = "" if apart is None else f"; the next reaches {apart:.3f}"
        told = f"{len(equal)} placements fit equally well, as a symmetric model gives{then}"
        flags.append(Flag.info("equal_placements", told))
    return tuple(flags)


def _hand(best: Placed, mirror: Placed, independent: float) -> Flag:
    """Compare map and mirror image by Fisher's transform of their correlations."""
    spread = np.sqrt(2 / max(independent - 3, 1))
    apart = float((np.arctanh(best.correlation) - np.arctanh(mirror.correlation)) / spread)
    both = f"correlation {best.correlation:.3f} in the map, {mirror.correlation:.3f} in its mirror image"
    told = f"{both} ({apart:.1f} standard errors)"
    if apart >= SURE:
        return Flag.info("hand_confirmed", f"the hand is that of the model: {told}")
    if apart <= -SURE:
        return Flag.invalid("hand_mirrored", f"the map is the mirror image of the model: {told}")
    return Flag.caution("hand_undecided", f"the hand cannot be told: {told}")


def _placements(poses: Sequence[Placed], mirror: Sequence[Placed]) -> xr.Dataset:
    both = [*poses, *mirror]
    return xr.Dataset(
        {
            "placement_correlation": ("placement", np.array([each.correlation for each in both]), NONE),
            "placement_mirrored": ("placement", np.array([0] * len(poses) + [1] * len(mirror)), NONE),
            "placement_rotation": (
                ("placement", "to_axis", "axis"),
                np.stack([each.rotation for each in both]),
                NONE,
            ),
            "placement_shift": (
                ("placement", "axis"),
                np.stack([each.shift for each in both]),
                {"units": "angstrom"},
            ),
        }
    )


def _placed(where: Floats) -> xr.Dataset:
    return xr.Dataset(
        {axis: ("atom", column, {"units": "angstrom"}) for axis, column in zip("xyz", where.T, strict=True)}
    )
