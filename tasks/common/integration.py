"""Azimuthal integration of a run: frames in, one lazy curve a frame out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import LayoutError
from adapters.model import Flag, Geometry, Measurement, merged
from tasks.common import masks
from tasks.common.blocks import each_frame
from tasks.common.geometry import default_edges, pixel_maps
from tasks.common.kernels.rings import RingPlan, mean_intensity, ring_numbers, ring_sums, ring_totals
from tasks.common.parameters import IntegrationParameters

if TYPE_CHECKING:
    import dask.array as da

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Corrections:
    """Images that belong to the detector: each (y, x), None where there is none.

    `dark` holds counts expected in one frame of this exposure, `dark_variance` their
    variance, `flat` the relative response (1 is a perfect pixel), `mask` True where bad.
    """

    mask: NDArray[np.bool_] | None = None
    dark: Floats | None = None
    dark_variance: Floats | None = None
    flat: Floats | None = None


@dataclass(frozen=True)
class Integrator:
    """A prepared integration: the plan of rings, their edges, and what must be said about it."""

    plan: RingPlan
    edges: Floats
    bad: NDArray[np.bool_]
    geometry: Geometry
    flags: tuple[Flag, ...]


def prepare(
    run: Measurement,
    geometry: Geometry,
    parameters: IntegrationParameters,
    corrections: Corrections,
    edges: Floats | None = None,
) -> Integrator:
    """Everything frame-independent of integrating `run` with a resolved `geometry`.

    `edges` (1/angstrom) are the rings of another run that this one must be comparable
    with; None makes them from `parameters` and from what this run's detector sees.
    """
    if run.data["counts"].ndim != 3:
        said = f"its frames have the dims {run.data['counts'].dims}; the recipe xfel-powder takes modules"
        raise LayoutError(run.provenance.path, said)
    shape = (run.data.sizes["y"], run.data.sizes["x"])
    maps = pixel_maps(geometry, shape)
    rectangles = parameters.masked_rectangles
    bad, flags = masks.combined(run.data, corrections.mask, rectangles, run.provenance.path)
    weights = maps.solid_angle.copy() if parameters.solid_angle else np.ones(shape)
    if parameters.polarization is None:
        said = "no polarisation factor was given, so the curve is not corrected for polarisation"
        flags += (Flag.info("polarization_not_corrected", said),)
    else:
        weights *= maps.polarization(parameters.polarization)
    if corrections.flat is not None:
        weights *= _fitting("flat field", corrections.flat, shape, run)
        bad = bad | ~(corrections.flat > 0)
    if edges is None:
        edges = _edges(geometry, maps.q, bad, parameters)
    rings = ring_numbers(maps.q, edges, bad)
    low, high = masks.valid_range(run.data, parameters.max_counts)
    dark = None if corrections.dark is None else _fitting("dark image", corrections.dark, shape, run)
    plan = RingPlan(
        rings=rings,
        weights=weights.astype(np.float32),
        ring_weights=ring_totals(weights, rings, len(edges) - 1),
        low=low,
        high=high,
        background=dark,
        background_variance=corrections.dark_variance,
    )
    return Integrator(plan, edges, bad, geometry, flags)


def _fitting(what: str, image: Floats, shape: tuple[int, int], run: Measurement) -> Floats:
    if image.shape != shape:
        raise LayoutError(run.provenance.path, f"the {what} is {image.shape}, the frames are {shape}")
    return np.asarray(image, float)


def _edges(
    geometry: Geometry, q: Floats, bad: NDArray[np.bool_], parameters: IntegrationParameters
) -> Floats:
    edges = default_edges(geometry, q, bad)
    low = edges[0] if parameters.q_min is None else parameters.q_min
    high = edges[-1] if parameters.q_max is None else parameters.q_max
    if not low < high:
        raise ValueError(f"no pixel between q {low:.4g} and {high:.4g} 1/angstrom")
    bins = parameters.bins or max(1, round((high - low) / (edges[1] - edges[0])))
    return np.linspace(low, high, bins + 1)


def integrate(run: Measurement, prepared: Integrator, parameters: IntegrationParameters) -> xr.Dataset:
    """One curve a frame, lazily: `intensity` (frame, q) in counts with its errors.

    Returns
    -------
    Dataset
        `intensity` and `intensity_errors` (count per pixel head on), `weight` (what the
        rings saw, dimensionless), coordinate q (1/angstrom, ring centres).
    """
    frames = run.data["counts"].transpose("frame", "y", "x").data
    more: tuple[da.Array, ...] = ()
    if parameters.errors == "file":
        if "counts_errors" not in run.data:
            raise LayoutError(run.provenance.path, "it gives no counts_errors; choose errors=poisson")
        more = (run.data["counts_errors"].transpose("frame", "y", "x").data ** 2,)
    rings = len(prepared.edges) - 1
    sums = each_frame(ring_sums, _as_dask(frames), prepared.plan, (3, rings), *map(_as_dask, more))
    return _labelled(sums, prepared.edges)


def _as_dask(array: Any) -> da.Array:
    import dask.array as da

    return array if isinstance(array, da.Array) else da.from_array(np.asarray(array), chunks="auto")


def _labelled(sums: da.Array, edges: Floats) -> xr.Dataset:
    import dask.array as da

    finished = da.map_blocks(_finish, sums, dtype=float, meta=np.empty((0, 0, 0)))
    return xr.Dataset(
        {
            "intensity": (("frame", "q"), finished[:, 0], {"units": "count"}),
            "intensity_errors": (("frame", "q"), finished[:, 1], {"units": "count"}),
            "weight": (("frame", "q"), finished[:, 2], {"units": "dimensionless"}),
        },
        coords={"q": ("q", (edges[1:] + edges[:-1]) / 2, {"units": "1/angstrom"})},
    )


def _finish(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    signal, weight, variance = sums[:, 0], sums[:, 1], sums[:, 2]
    return np.stack([*mean_intensity(signal, weight, variance), weight], axis=1)


def total_image(run: Measurement) -> xr.DataArray:
    """The sum of all frames with values that are no counts left out as NaN, lazily."""
    counts = run.data["counts"].transpose("frame", "y", "x")
    low, high = masks.valid_range(run.data, None)
    frames: Any = _as_dask(counts.data)
    summed = frames.map_blocks(_valid, low=low, high=high, dtype=float).sum(axis=0)
    return xr.DataArray(summed, dims=("y", "x"), attrs={"units": "count"})


def _valid(block: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    return np.where((block >= low) & (block <= high), block, np.nan).astype(float)


def integration_flags(run: Measurement, prepared: Integrator) -> tuple[Flag, ...]:
    """What the run and its integration have to say, together."""
    return merged(run.flags, prepared.flags)
