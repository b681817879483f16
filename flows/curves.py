"""Steps that bring runs to one stack of curves: integrate images, normalise, line up frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import UnsuitedError
from adapters.model import Flag, Geometry, Measurement, Metadata, merged
from flows.bench import Leaf
from flows.compute import Cluster, stream
from flows.parameters import ImageParameters
from flows.progress import reported
from tasks.common.geometry import resolve
from tasks.common.integration import Corrections, Integrator, integrate, prepare, total_image
from tasks.common.normalization import normalize
from tasks.common.parameters import NormalizationParameters

Floats = NDArray[np.float64]


def stacked(
    role: str,
    runs: Sequence[Measurement],
    parameters: ImageParameters,
    normalization: NormalizationParameters,
    calibrated: Geometry | None,
    corrections: Corrections,
    cluster: Cluster,
    edges: Floats | None = None,
) -> tuple[Leaf, Leaf | None]:
    """All frames of all runs as one stack of curves, and the detector picture where there is one.

    Images of all runs share the rings of the first, or the `edges` given (1/angstrom).
    """
    curves: list[xr.Dataset] = []
    flags: list[tuple[Flag, ...]] = []
    picture: Leaf | None = None
    for run in runs:
        if "counts" in run.data:
            curve, said, prepared = _from_images(
                run, parameters, normalization, calibrated, corrections, cluster, role, edges
            )
            edges = prepared.edges
            picture = picture or _picture(run, prepared)
        else:
            curve, said = run.data[_names(run)].compute(), run.flags
        curves.append(curve)
        flags.append(said)
    return Leaf(_joined(curves, runs), flags=merged(*flags), facts=facts_of(runs)), picture


def _names(run: Measurement) -> list[str]:
    if "intensity" not in run.data or run.data["intensity"].dims != ("frame", "q"):
        raise UnsuitedError(run.provenance.path, "neither detector images nor curves of I(q)")
    if "intensity_errors" not in run.data:
        raise UnsuitedError(
            run.provenance.path, "its curve has no uncertainties, so nothing can be judged by it"
        )
    return ["intensity", "intensity_errors"]


def _from_images(
    run: Measurement,
    parameters: ImageParameters,
    normalization: NormalizationParameters,
    calibrated: Geometry | None,
    corrections: Corrections,
    cluster: Cluster,
    role: str,
    edges: Floats | None,
) -> tuple[xr.Dataset, tuple[Flag, ...], Integrator]:
    geometry, said = resolve(run.metadata, parameters.geometry, calibrated)
    prepared = prepare(run, geometry, parameters.integration, corrections, edges)
    lazy = integrate(run, prepared, parameters.integration)
    computed = _streamed(lazy, run, cluster, role)
    scaled, more = normalize(computed, run.metadata, normalization)
    return scaled[["intensity", "intensity_errors"]], merged(run.flags, said, prepared.flags, more), prepared


def _streamed(lazy: xr.Dataset, run: Measurement, cluster: Cluster, role: str) -> xr.Dataset:
    import dask.array as da

    both = da.stack([lazy["intensity"].data, lazy["intensity_errors"].data], axis=1)
    frames, rings = lazy.sizes["frame"], lazy.sizes["q"]
    gathered = np.empty((frames, 2, rings))
    name = Path(run.provenance.path).name
    with reported(f"integrating {name}", frames, f"integrate-{role}") as report:
        done = 0

        def arrived(start: int, block: np.ndarray[Any, Any]) -> None:
            nonlocal done
            gathered[start : start + len(block)] = block
            done += len(block)
            report(done)

        stream(both, cluster, arrived, input_bytes=run.data["counts"].nbytes)
    found = lazy.drop_vars(["intensity", "intensity_errors", "weight"])
    found["intensity"] = (("frame", "q"), gathered[:, 0], lazy["intensity"].attrs)
    found["intensity_errors"] = (("frame", "q"), gathered[:, 1], lazy["intensity_errors"].attrs)
    return found


# The picture is to be looked at; more frames than this add light but no insight.
PICTURE_FRAMES = 20


def _picture(run: Measurement, prepared: Integrator) -> Leaf:
    few = Measurement(run.data.isel(frame=slice(0, PICTURE_FRAMES)), run.metadata, run.provenance, run.flags)
    image = total_image(few).compute(scheduler="threads").astype(np.float32)
    data = xr.Dataset(
        {
            "total": image,
            "bad": (("y", "x"), prepared.bad, {"units": "dimensionless"}),
            "ring": (("y", "x"), prepared.plan.rings, {"units": "dimensionless"}),
        }
    )
    data["ring_edges"] = ("edge", prepared.edges, {"units": "1/angstrom"})
    return Leaf(data, facts={"geometry": prepared.geometry.to_json(), "frames": few.data.sizes["frame"]})


def _joined(curves: list[xr.Dataset], runs: Sequence[Measurement]) -> xr.Dataset:
    first = curves[0]
    for curve, run in zip(curves, runs, strict=True):
        same = curve.sizes["q"] == first.sizes["q"] and np.allclose(curve["q"], first["q"], rtol=1e-6, atol=0)
        if not same:
            raise UnsuitedError(run.provenance.path, f"its q differs from that of {runs[0].provenance.path}")
        unit = curve["intensity"].attrs.get("units")
        if unit != first["intensity"].attrs.get("units"):
            raise UnsuitedError(run.provenance.path, f"it is in {unit!r}, unlike {runs[0].provenance.path}")
    joined = xr.concat(
        [curve.assign_coords(q=first["q"]) for curve in curves],
        dim="frame",
        coords="minimal",
        compat="override",
    )
    return joined.assign_coords(frame=("frame", np.arange(joined.sizes["frame"])))


def facts_of(runs: Sequence[Measurement]) -> dict[str, Any]:
    """What all runs agree on; where they differ, nothing is said."""
    stated = [run.metadata.stated() for run in runs]
    common = {
        name: value
        for name, value in stated[0].items()
        if name not in ("geometry", "start_time") and all(each.get(name) == value for each in stated)
    }
    return {"metadata": common, "files": [Path(run.provenance.path).name for run in runs]}


def metadata_of(leaf: Leaf, technique: str) -> Metadata:
    """The metadata that a stack's runs agree on."""
    said = dict(leaf.fact("metadata") or {})
    # A detector file that states no technique calls itself an image; its curve is none any more.
    if said.get("technique") in (None, "image"):
        said["technique"] = technique
    return Metadata(**said)
