"""X-ray fluorescence: spectra in, peaks out, and energies where lines are known."""

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
from tasks.xrf import figures
from tasks.xrf.parameters import LineParameters
from tasks.xrf.reduction import lines

PRODUCT = "spectrum.nxs"
WHAT = "a run of fluorescence spectra"


class FluorescenceParameters(Values):
    """Everything that may be chosen about a fluorescence spectrum."""

    reading: ReadingParameters = ReadingParameters()
    lines: LineParameters = LineParameters()


@flow(name="xrf", description="Peaks of a fluorescence spectrum, and their energies where lines are known")
def xrf(
    sample: list[Path],
    parameters: FluorescenceParameters = FluorescenceParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a spectrum needs none)
    recipe: str = "xrf",
) -> dict[str, Any]:
    """Find the peaks of one run.

    Args:
        sample: One run of spectra
        parameters: Where to look, and which lines are known; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a spectrum is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_lines(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"fluorescence of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: FluorescenceParameters, recipe: str) -> orders.Order:
    """Open the run, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "xrf", inputs, values, orders.request("xrf", sample, parameters))


def _one(sample: list[Path], parameters: FluorescenceParameters) -> Measurement:
    return only(sample, parameters.reading, ("spectra",), WHAT)


@step("find the lines")
def find_lines(bench: Path, sample: list[Path], parameters: FluorescenceParameters) -> str:
    """Background, peaks, and the energy calibration where there is one."""
    found = lines(_one(sample, parameters), parameters.lines)
    leave(bench, "peaks", Leaf(found.peaks))
    facts = {
        "files": [path.name for path in sample],
        "peaks": [round(float(each), 3) for each in found.peaks["position"].values],
    }
    return leave(bench, "answer", Leaf(found.spectrum, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The spectrum with its peaks."""
    leaf, peaks = take(bench, answer), take(bench, "peaks").data
    return drawn(bench, {"spectrum": figures.spectrum(leaf.data, peaks, title)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Spectrum and peaks in one file, committed whole."""
    leaf = take(bench, answer)
    return publish_tables(
        store,
        bench,
        order,
        leaf,
        product=PRODUCT,
        tables={"spectrum": leaf.data, "peaks": take(bench, "peaks").data},
        plots=plots,
        started=started,
        signal="spectra",
    )


XRF = Reduction(
    name="xrf",
    title="Peaks of a fluorescence spectrum, and their energies where lines are known",
    techniques=("xrf", "image"),
    parameters=FluorescenceParameters,
    flow=xrf,
    ask=ask,
)
