"""A mass spectrum of whole molecules to their masses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.errors import UnsuitedError
from adapters.model import Measurement
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.ms import figures
from tasks.ms.parameters import MassParameters
from tasks.ms.reduction import masses

PRODUCT = "spectrum.nxs"


class NativeParameters(Values):
    """Everything that may be chosen about a spectrum of whole molecules."""

    masses: MassParameters = MassParameters()


@flow(name="native-ms", description="A spectrum of whole molecules to their masses, by ladders of charges")
def native_ms(
    sample: list[Path],
    parameters: NativeParameters = NativeParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a spectrum needs none)
    recipe: str = "native-ms",
) -> dict[str, Any]:
    """Find the masses in one spectrum.

    Args:
        sample: One spectrum as text, or one mzML file
        parameters: How peaks are found and given charges
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a spectrum is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_masses(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"masses in {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: NativeParameters, recipe: str) -> orders.Order:
    """Open the spectrum, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    return orders.place(
        recipe,
        "ms",
        inputs,
        parameters.model_dump(mode="json"),
        orders.request("native-ms", sample, parameters),
    )


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or runs[0].metadata.technique != "ms":
        raise UnsuitedError(sample[0], "not one mass spectrum; give one text or mzML file")
    return runs[0]


@step("find the masses")
def find_masses(bench: Path, sample: list[Path], parameters: NativeParameters) -> str:
    """Peaks, ladders of charges, masses."""
    found = masses(_one(sample), parameters.masses)
    leave(bench, "rungs", Leaf(found.rungs))
    facts = {"files": [path.name for path in sample]}
    return leave(bench, "answer", Leaf(found.profile, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The spectrum with its ladders, and the mass by each charge."""
    leaf, rungs = take(bench, answer), take(bench, "rungs").data
    chosen = {"spectrum": figures.ladder(leaf.data, rungs, title)}
    if leaf.findings:
        first = leaf.findings[0]
        error = (first.uncertainty or 0.0) * 1000
        chosen["charges"] = figures.rung_masses(rungs, first.value * 1000, error, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Profile and ladders in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"spectrum": leaf.data, "rungs": take(bench, "rungs").data}
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


NATIVE_MS = Reduction(
    name="native-ms",
    title="Masses of whole molecules from a spectrum",
    techniques=("ms",),
    parameters=NativeParameters,
    flow=native_ms,
    ask=ask,
)
