"""Macromolecular crystallography: reflections in, cell and resolution out."""

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
from tasks.mx import figures
from tasks.mx.parameters import ReflectionParameters
from tasks.mx.reduction import summarise

PRODUCT = "shells.nxs"
WHAT = "a table of reflections"


class CrystalParameters(Values):
    """Everything that may be chosen about a table of reflections."""

    reading: ReadingParameters = ReadingParameters()
    reflections: ReflectionParameters = ReflectionParameters()


@flow(name="reflections", description="Cell and resolution of a table of Bragg reflections")
def reflections(
    sample: list[Path],
    parameters: CrystalParameters = CrystalParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a table needs none)
    recipe: str = "reflections",
) -> dict[str, Any]:
    """Summarise one table of reflections.

    Args:
        sample: One MTZ or XDS file
        parameters: Which columns are what, and where the signal ends; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a table is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_resolution(bench, sample, parameters)
        plots = draw(bench, answer, parameters, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"reflections of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: CrystalParameters, recipe: str) -> orders.Order:
    """Open the run, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "mx", inputs, values, orders.request("reflections", sample, parameters))


def _one(sample: list[Path], parameters: CrystalParameters) -> Measurement:
    return only(sample, parameters.reading, ("d_spacing",), WHAT)


@step("find cell and resolution")
def find_resolution(bench: Path, sample: list[Path], parameters: CrystalParameters) -> str:
    """Shells of resolution, and the spacing down to which there is signal."""
    found = summarise(_one(sample, parameters), parameters.reflections)
    facts = {"files": [path.name for path in sample], **found.facts}
    return leave(bench, "answer", Leaf(found.shells, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, parameters: CrystalParameters, title: str) -> tuple[str, ...]:
    """Signal over noise by resolution."""
    leaf = take(bench, answer)
    reached = next(each.value for each in leaf.findings if each.quantity == "resolution")
    least = parameters.reflections.least_ratio
    return drawn(bench, {"signal": figures.signal(leaf.data, reached, least, title)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The shells, committed whole."""
    leaf = take(bench, answer)
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables={"shells": leaf.data},
        plots=plots,
        started=started,
        signal="mean_i_over_sigma",
    )


REFLECTIONS = Reduction(
    name="reflections",
    title="Cell and resolution of a table of Bragg reflections",
    techniques=("mx",),
    parameters=CrystalParameters,
    flow=reflections,
    ask=ask,
)
