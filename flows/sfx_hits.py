"""Frames of a detector to Bragg peaks and the share of frames that are hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from prefect import flow
from pydantic import Field

from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.compute import stream
from flows.engine import logger, step
from flows.free_electron import (
    FreeElectronReading,
    GeometryFile,
    facts_of,
    geometry_inputs,
    placed,
    single,
)
from flows.inputs import ordered_inputs
from flows.progress import reported
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.modules import usable
from tasks.common.parameters import Values
from tasks.sfx import figures
from tasks.sfx.hits import BlockPeaks, gathered, peaks_of_blocks, planned
from tasks.sfx.parameters import HitParameters

PRODUCT = "hits.nxs"


class HitFlowParameters(Values):
    """Everything that may be chosen about hits."""

    reading: FreeElectronReading = FreeElectronReading()
    geometry: GeometryFile = Field(GeometryFile(), description="Where the modules stand")
    hits: HitParameters = HitParameters()


@flow(name="sfx-hits", description="Frames of several modules to Bragg peaks and the share of hits")
def sfx_hits(
    sample: list[Path],
    parameters: HitFlowParameters = HitFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "sfx-hits",
) -> dict[str, Any]:
    """Find the hits of one run.

    Args:
        sample: One run of a detector of several modules
        parameters: How it is read, where its modules stand, what a peak and a hit are
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_hits(bench, sample, parameters, cluster)
        plots = draw(bench, answer, parameters, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"hits of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: HitFlowParameters, recipe: str) -> orders.Order:
    """Open the run, hash its files, and give the request its key."""
    run = single(sample, parameters.reading, ("modules",))
    placed(run, parameters.geometry)
    inputs = ordered_inputs(sample=[run]) + geometry_inputs(parameters.geometry)
    # Files count by their content, not by their names.
    values = parameters.model_dump(mode="json", exclude={"geometry": {"file": True}})
    return orders.place(recipe, "sfx", inputs, values, orders.request("sfx-hits", sample, parameters))


@step("find peaks and hits")
def find_hits(bench: Path, sample: list[Path], parameters: HitFlowParameters, cluster: str | None) -> str:
    """Peaks of every frame, and the share of frames with enough of them."""
    run = single(sample, parameters.reading, ("modules",))
    places, geometry = placed(run, parameters.geometry)
    plan = planned(places, parameters.hits.peaks)
    lazy = peaks_of_blocks(run, plan)
    starts = np.concatenate([[0], np.cumsum(run.data["counts"].data.chunks[0])])
    blocks: list[tuple[int, BlockPeaks]] = []
    with reported(f"finding peaks in {titled(sample)}", len(starts) - 1, "peaks") as report:

        def arrived(number: int, block: np.ndarray[Any, Any]) -> None:
            blocks.append((int(starts[number]), block[0]))
            report(len(blocks))

        stream(lazy, cluster_called(cluster), arrived, input_bytes=run.data["counts"].nbytes)
    found = gathered(run, places, blocks, parameters.hits)
    logger().info("%d peaks in %d frames", found.table.sizes["peak"], found.table.sizes["frame"])
    _leave_best_frame(bench, run.data, found.table, places.positions)
    flags = tuple(dict.fromkeys((*found.flags, *geometry.flags)))
    return leave(bench, "hits", Leaf(found.table, found.findings, flags, facts_of(run, sample)))


def _leave_best_frame(
    bench: Path, data: xr.Dataset, table: xr.Dataset, positions: np.ndarray[Any, Any]
) -> None:
    """The frame with most peaks, to be looked at."""
    if not table.sizes["frame"]:
        return
    best = int(table["peaks"].values.argmax())
    frame = data["counts"].isel(frame=slice(best, best + 1)).values
    mask = data["mask"].isel(frame=slice(best, best + 1)).values if "mask" in data else None
    dims = ("module", "y", "x")
    picture = {"value": (dims, usable(frame, mask)[0].astype(np.float32), {"units": "arbitrary"})}
    places = {"positions": ((*dims, "axis"), positions, {"units": "m"})}
    leave(bench, "best", Leaf(xr.Dataset(picture | places), facts={"frame": best}))


@step("draw")
def draw(bench: Path, answer: str, parameters: HitFlowParameters, title: str) -> tuple[str, ...]:
    """How many peaks frames have, and the frame with most of them."""
    table = take(bench, answer).data
    counts = table["peaks"].values[np.asarray(table["looked_at"].values, bool)]
    chosen = {"peak-counts": figures.peak_counts(counts, parameters.hits.least_peaks, title)}
    if table.sizes["frame"]:
        best = take(bench, "best")
        frame = best.fact("frame")
        mine = table.isel(peak=table["peak_frame"].values == frame)
        said = f"{title}: frame {frame}, {mine.sizes['peak']} peaks"
        chosen["best-frame"] = figures.peaks_on_frame(
            best.data["value"].values, best.data["positions"].values, mine, said
        )
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The tables of frames and peaks in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"hits": leaf.data}
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables=tables,
        plots=plots,
        started=started,
        signal="peaks",
    )


SFX_HITS = Reduction(
    name="sfx-hits",
    title="Bragg peaks and hit fraction of a run of several modules",
    techniques=("modules",),
    parameters=HitFlowParameters,
    flow=sfx_hits,
    ask=ask,
)
