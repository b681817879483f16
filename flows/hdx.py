"""State tables to uptake, back exchange and difference maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from adapters.errors import UnsuitedError
from adapters.model import Measurement
from flows import order as orders
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.table_flow import Work, performed
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.ms import figures
from tasks.ms.exchange import exchange
from tasks.ms.parameters import ExchangeParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "exchange.nxs"


class HdxParameters(Values):
    """Everything that may be chosen about it."""

    exchange: ExchangeParameters = ExchangeParameters()


@flow(name="hdx", description="State tables to uptake, back exchange and difference maps")
def hdx(
    sample: list[Path],
    parameters: HdxParameters = HdxParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "hdx",
) -> dict[str, Any]:
    """Compare states by their uptake of deuterium.

    Args:
        sample: State tables of one protein
        parameters: Which state is the reference, which the control
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    return performed(
        order, sample, results, Work(lambda: exchange(_all(sample), parameters.exchange), draw, PRODUCT)
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: HdxParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=_all(sample))
    values = parameters.model_dump(mode="json")
    asked = orders.request("hdx", sample, parameters)
    return orders.place(recipe, "ms", inputs, values, asked)


def _all(sample: list[Path]) -> list[Measurement]:
    runs = opened(sample, ReadingParameters())
    for run in runs:
        if "uptake" not in run.data:
            raise UnsuitedError(run.provenance.path, "no table of uptakes")
    return runs


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    tables = found.tables
    chosen = {"uptake": figures.uptake_map(tables["uptake"], title)}
    chosen["times"] = figures.uptake_times(found.facts["mean_uptake_da"], title)
    for name, table in tables.items():
        if name.startswith("difference"):
            chosen[name.replace("_", "-")] = figures.difference_map(table, found.facts["significance"], title)
    return chosen


HDX = Reduction(
    name="hdx",
    title="Hydrogen-deuterium exchange: uptake and differences of states",
    techniques=("ms",),
    parameters=HdxParameters,
    flow=hdx,
    ask=ask,
)
