"""SAXS behind a chromatography column: frames of an elution in; peak, Rg across it, and its curve out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from prefect import flow
from pydantic import Field

from adapters.model import merged
from adapters.stores.products import ProductStore
from flows import bench as benches
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.curve_product import publish_curve
from flows.curves import metadata_of, stacked
from flows.engine import logger, step
from flows.inputs import calibrated, corrections, detector_inputs, opened, ordered_inputs
from flows.order import input_of
from flows.parameters import ImageParameters, ReadingParameters
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from tasks.common.parameters import Values
from tasks.saxs import figures
from tasks.saxs.curve import CurveError
from tasks.saxs.elution import analyse
from tasks.saxs.parameters import ElutionParameters, ShapeParameters
from tasks.saxs.shape import characterise

TABLES = ("elution", "guinier", "distances", "fit", "kratky")
TOLD = ("frames", "baseline", "peaks", "plateau", "uv_lag_frames")


class SecParameters(Values):
    """Everything that may be chosen about a chromatography run."""

    uv: Path | None = Field(
        None,
        description="UV trace as text: frame number and absorbance; it is aligned to the X-rays",
    )
    reading: ReadingParameters = ReadingParameters()
    images: ImageParameters = ImageParameters()
    elution: ElutionParameters = ElutionParameters()
    shape: ShapeParameters = ShapeParameters()


@flow(name="sec-saxs", description="A chromatography run to its peak, Rg and mass across it, and its curve")
def sec_saxs(
    sample: list[Path],
    parameters: SecParameters = SecParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "sec-saxs",
) -> dict[str, Any]:
    """Reduce one elution: baseline, peak, Rg of every frame, and the curve of the main peak.

    Args:
        sample: All frames of the run in order: files, or folders of files
        parameters: How to reduce them; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Name of a cluster configuration; empty takes this machine's default
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        frames = curves_of(bench, sample, parameters, cluster)
        peak = find_peak(bench, frames, parameters)
        answer = characterise_peak(bench, peak, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"SEC-SAXS of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: SecParameters, recipe: str) -> orders.Order:
    """Open every frame, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=opened(sample, parameters.reading))
    inputs += detector_inputs(parameters.images.files)
    if parameters.uv is not None:
        inputs.append(input_of("uv", parameters.uv))
    values = parameters.model_dump(mode="json", exclude={"uv": True, "images": {"files": True}})
    return orders.place(recipe, "saxs", inputs, values, orders.request("sec-saxs", sample, parameters))


@step("bring frames to curves")
def curves_of(bench: Path, sample: list[Path], parameters: SecParameters, cluster: str | None) -> str:
    """Integrate images, or take curves as they are; one stack of frames."""
    images = parameters.images
    leaf, picture = stacked(
        "sample",
        opened(sample, parameters.reading),
        images,
        images.normalization,
        calibrated(images.files),
        corrections(images.files),
        cluster_called(cluster),
    )
    if picture is not None:
        leave(bench, "picture", picture)
    return leave(bench, "frames", leaf)


@step("find baseline and peak")
def find_peak(bench: Path, frames: str, parameters: SecParameters) -> str:
    """Baseline, peaks, Rg and mass of each frame, and the mean curve where Rg is constant."""
    stack = take(bench, frames)
    found = analyse(stack.data, parameters.elution, _uv(parameters.uv))
    if found.curve is None:
        raise CurveError("; ".join(flag.message for flag in found.flags if flag.severity.word == "invalid"))
    leave(bench, "elution", Leaf(found.trace))
    logger().info("main peak at frame %d", found.peaks[0][0])
    facts = {
        **(stack.facts or {}),
        "frames": stack.data.sizes["frame"],
        "baseline": [list(each) for each in found.baseline],
        "peaks": [list(each) for each in found.peaks],
        "plateau": list(found.plateau or ()),
        "uv_lag_frames": None if found.uv_lag is None else list(found.uv_lag),
    }
    return leave(bench, "peak", Leaf(found.curve, found.findings, merged(stack.flags, found.flags), facts))


def _uv(path: Path | None) -> xr.DataArray | None:
    if path is None:
        return None
    try:
        table = np.loadtxt(path, comments="#", ndmin=2)
    except ValueError as error:
        said = f"{path} is no UV trace: {error}"
        raise CurveError(said, "Give frame number and absorbance in columns") from error
    if table.shape[1] != 2:
        raise CurveError(f"{path} has {table.shape[1]} columns", "A UV trace has frame number and absorbance")
    return xr.DataArray(table[:, 1], dims="uv_frame", coords={"uv_frame": table[:, 0]})


@step("find size, shape and mass")
def characterise_peak(bench: Path, peak: str, parameters: SecParameters) -> str:
    """Guinier, P(r), volumes and masses of the curve of the peak."""
    leaf = take(bench, peak)
    scale = parameters.images.normalization.absolute_scale_uncertainty
    measured = leaf.data.assign_attrs(scale_uncertainty=scale or 0.0)
    found = characterise(measured, metadata_of(leaf, "saxs"), parameters.shape)
    for name in ("guinier", "distances", "fit", "kratky"):
        leave(bench, name, Leaf(getattr(found, name)))
    whole = Leaf(leaf.data, leaf.findings + found.findings, merged(leaf.flags, found.flags), leaf.facts)
    return leave(bench, "answer", whole)


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The elution with Rg across the peak, then the plots of the peak's curve."""
    leaf = take(bench, answer)
    chosen = {"elution": figures.elution(take(bench, "elution").data, leaf.facts or {}, title)}
    chosen |= figures.shape_plots({"peak": leaf.data}, _fits(bench), title)
    return drawn(bench, chosen)


def _fits(bench: Path) -> dict[str, xr.Dataset]:
    return {name: take(bench, name).data for name in ("guinier", "kratky", "distances", "fit")}


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The curve of the peak as NXcanSAS, with the elution as a table in it."""
    names = [name for name in TABLES if benches.left(bench, name)]
    tables = {name: take(bench, name).data for name in names}
    leaf = take(bench, answer)
    return publish_curve(store, bench, order, leaf, tables=tables, plots=plots, started=started, told=TOLD)


SEC_SAXS = Reduction(
    name="sec-saxs",
    title="SAXS behind a chromatography column",
    techniques=("saxs",),
    parameters=SecParameters,
    flow=sec_saxs,
    ask=ask,
)
