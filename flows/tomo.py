"""Tomography: a scan in, flat-fielded projections, the axis of rotation and one slice out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.model import Measurement
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.inputs import only, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.tomo import figures
from tasks.tomo.parameters import TomoParameters
from tasks.tomo.reduction import reconstruct

PRODUCT = "slice.nxs"
WHAT = "a tomography scan with projections and their angles"


class ScanParameters(Values):
    """Everything that may be chosen about a tomography scan."""

    reading: ReadingParameters = ReadingParameters()
    tomo: TomoParameters = TomoParameters()


@flow(name="tomo", description="A tomography scan to its axis of rotation and one reconstructed slice")
def tomo(
    sample: list[Path],
    parameters: ScanParameters = ScanParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; one slice needs none)
    recipe: str = "tomo",
) -> dict[str, Any]:
    """Find the axis of rotation of one scan and reconstruct one slice.

    Args:
        sample: One scan with flats and darks
        parameters: Which row, and how the axis is found; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; one slice is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = reconstruct_slice(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"tomography of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: ScanParameters, recipe: str) -> orders.Order:
    """Open the scan, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "tomo", inputs, values, orders.request("tomo", sample, parameters))


def _one(sample: list[Path], parameters: ScanParameters) -> Measurement:
    return only(sample, parameters.reading, ("angle",), WHAT)


@step("find the axis and reconstruct a slice")
def reconstruct_slice(bench: Path, sample: list[Path], parameters: ScanParameters) -> str:
    """Flat field, axis of rotation, filtered back-projection."""
    found = reconstruct(_one(sample, parameters), parameters.tomo)
    leave(bench, "sinogram", Leaf(found.sinogram))
    facts = {"files": [path.name for path in sample], **found.facts}
    return leave(bench, "answer", Leaf(found.slice, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The sinogram with the axis, and the slice."""
    leaf, rows = take(bench, answer), take(bench, "sinogram").data
    chosen = {
        "slice": figures.slice_image(leaf.data, title),
        "sinogram": figures.sinogram(rows, leaf.fact("axis_px"), title),
    }
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Slice and sinogram in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"slice": leaf.data, "sinogram": take(bench, "sinogram").data}
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables=tables,
        plots=plots,
        started=started,
        signal="attenuation",
    )


TOMO = Reduction(
    name="tomo",
    title="Axis of rotation and one slice of a tomography scan",
    techniques=("tomo",),
    parameters=ScanParameters,
    flow=tomo,
    ask=ask,
)
