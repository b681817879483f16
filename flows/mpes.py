"""Electrons of a momentum microscope to a binned volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import logger, step
from flows.free_electron import FreeElectronReading, single
from flows.inputs import ordered_inputs
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.mpes import figures
from tasks.mpes.parameters import ElectronParameters
from tasks.mpes.reduction import volume

PRODUCT = "volume.nxs"


class MpesParameters(Values):
    """Everything that may be chosen about electrons."""

    reading: FreeElectronReading = FreeElectronReading()
    electrons: ElectronParameters = ElectronParameters()


@flow(name="mpes", description="Electrons of a delay-line detector to a binned volume")
def mpes(
    sample: list[Path],
    parameters: MpesParameters = MpesParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; trains pass through one process)
    recipe: str = "mpes",
) -> dict[str, Any]:
    """Bin the electrons of one run.

    Args:
        sample: One run: a file, or the folder of its files
        parameters: How it is read and binned
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a block of trains at a time is binned here
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = bin_electrons(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"electrons of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: MpesParameters, recipe: str) -> orders.Order:
    """Open the run, hash its files, and give the request its key."""
    inputs = ordered_inputs(sample=[single(sample, parameters.reading, ("mpes",))])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "mpes", inputs, values, orders.request("mpes", sample, parameters))


@step("bin the electrons")
def bin_electrons(bench: Path, sample: list[Path], parameters: MpesParameters) -> str:
    """All electrons of the run to one volume, and what fell outside it."""
    run = single(sample, parameters.reading, ("mpes",))
    found = volume(run, parameters.electrons)
    logger().info("%d electrons of %d trains", found.facts["electrons"], found.facts["trains"])
    facts = {"files": [path.name for path in sample], **found.facts}
    return leave(bench, "volume", Leaf(found.data, flags=found.flags, facts=facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """Projections on the first two axes, and on each axis alone."""
    data = take(bench, answer).data
    names = [str(dim) for dim in data["intensity"].dims]
    chosen: dict[str, Any] = {}
    if len(names) > 1:
        chosen["plane"] = figures.plane(data, names[0], names[1], title)
    for name in names:
        chosen[f"along-{name.replace('/', '-').replace(' ', '-')}"] = figures.line(data, name, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The volume in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"volume": leaf.data}
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


MPES = Reduction(
    name="mpes",
    title="Binned volume of photoelectrons",
    techniques=("mpes",),
    parameters=MpesParameters,
    flow=mpes,
    ask=ask,
)
