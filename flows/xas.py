"""X-ray absorption: a scan over energy in, the position of its edge out."""

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
from tasks.xas import figures
from tasks.xas.parameters import EdgeParameters
from tasks.xas.reduction import edge

PRODUCT = "absorption.nxs"
WHAT = "a scan over energy"


class AbsorptionParameters(Values):
    """Everything that may be chosen about an absorption spectrum."""

    reading: ReadingParameters = ReadingParameters()
    edge: EdgeParameters = EdgeParameters()


@flow(name="xas", description="Position of an absorption edge, and the normalised spectrum")
def xas(
    sample: list[Path],
    parameters: AbsorptionParameters = AbsorptionParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a scan needs none)
    recipe: str = "xas",
) -> dict[str, Any]:
    """Find the edge in one scan.

    Args:
        sample: One scan with columns of energy and absorption
        parameters: Which columns are what; the file seldom says it
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a scan is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_edge(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"absorption of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: AbsorptionParameters, recipe: str) -> orders.Order:
    """Open the run, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "xas", inputs, values, orders.request("xas", sample, parameters))


def _one(sample: list[Path], parameters: AbsorptionParameters) -> Measurement:
    return only(sample, parameters.reading, ("point", "absorption"), WHAT)


@step("find the edge")
def find_edge(bench: Path, sample: list[Path], parameters: AbsorptionParameters) -> str:
    """Slopes, the steepest point, and lines before and after the edge."""
    found = edge(_one(sample, parameters), parameters.edge)
    facts = {"files": [path.name for path in sample]}
    return leave(bench, "answer", Leaf(found.spectrum, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The spectrum, and the slope about its edge."""
    leaf = take(bench, answer)
    found = leaf.findings[0]
    return drawn(bench, {"edge": figures.spectrum(leaf.data, found.value, found.uncertainty or 0.0, title)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The spectrum, committed whole."""
    leaf = take(bench, answer)
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables={"spectrum": leaf.data},
        plots=plots,
        started=started,
        signal="absorption",
    )


XAS = Reduction(
    name="xas",
    title="Position of an absorption edge, and the normalised spectrum",
    techniques=("xas", "scan"),
    parameters=AbsorptionParameters,
    flow=xas,
    ask=ask,
)
