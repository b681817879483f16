"""A stream of indexed crystals to one lattice, with the share of hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.free_electron import single
from flows.inputs import ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.sfx import figures
from tasks.sfx.cells import cells
from tasks.sfx.parameters import CellParameters

PRODUCT = "cells.nxs"


class StreamParameters(Values):
    """Everything that may be chosen about the lattices of a stream."""

    cells: CellParameters = CellParameters()


@flow(name="sfx-cells", description="Indexed crystals of a stream to one lattice, with its uncertainty")
def sfx_cells(
    sample: list[Path],
    parameters: StreamParameters = StreamParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a stream needs none)
    recipe: str = "sfx-cells",
) -> dict[str, Any]:
    """Find the lattice in one stream.

    Args:
        sample: One CrystFEL stream
        parameters: Which lattices count
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a stream is text
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_lattice(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"lattice of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: StreamParameters, recipe: str) -> orders.Order:
    """Open the stream, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[single(sample, ReadingParameters(), ("sfx",))])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "sfx", inputs, values, orders.request("sfx-cells", sample, parameters))


@step("find the lattice")
def find_lattice(bench: Path, sample: list[Path], parameters: StreamParameters) -> str:
    """Lattices that agree, and their mean."""
    found = cells(single(sample, ReadingParameters(), ("sfx",)), parameters.cells)
    facts = {"files": [path.name for path in sample]}
    return leave(bench, "cells", Leaf(found.table, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The edges of every lattice."""
    return drawn(bench, {"edges": figures.edges(take(bench, answer).data, title)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The table of lattices in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"cells": leaf.data}
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables=tables,
        plots=plots,
        started=started,
        signal="cell_a",
    )


SFX_CELLS = Reduction(
    name="sfx-cells",
    title="Lattice and hit fraction of a stream of indexed crystals",
    techniques=("sfx",),
    parameters=StreamParameters,
    flow=sfx_cells,
    ask=ask,
)
