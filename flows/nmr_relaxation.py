"""A series of NMR spectra, or of peak lists, to relaxation times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.errors import UnsuitedError
from adapters.formats.nmr_star_writer import write_rates
from adapters.model import Measurement
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, left, take
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.nmr_title import titled
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.nmr import figures
from tasks.nmr.parameters import PeakParameters, ProcessingParameters, RelaxationParameters
from tasks.nmr.relaxation import heights_of_lists, heights_of_spectra, quantity_of, relaxation
from tasks.nmr.selection import one_series, proton_mhz
from tasks.nmr.series import joined
from tasks.nmr.spectrum import spectrum

PRODUCT = "relaxation.nxs"
# The same rates as BMRB takes them.
RATES = "rates.str"


class SeriesParameters(Values):
    """Everything that may be chosen about a relaxation series."""

    processing: ProcessingParameters = ProcessingParameters()
    peaks: PeakParameters = PeakParameters()
    relaxation: RelaxationParameters = RelaxationParameters()


@flow(
    name="nmr-relaxation",
    description="A series of NMR spectra or peak lists to T1, T2 or T1rho of every peak",
)
def nmr_relaxation(
    sample: list[Path],
    parameters: SeriesParameters = SeriesParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a series is small)
    recipe: str = "nmr-relaxation",
) -> dict[str, Any]:
    """Fit an exponential to every peak of a series.

    Args:
        sample: One pseudo two-dimensional experiment, one file with a series, or one peak list a delay
        parameters: How spectra are made, where peaks are, and what is fitted
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a series is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = fit_peaks(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"relaxation of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: SeriesParameters, recipe: str) -> orders.Order:
    """Open all files, hash them, and give the request its key."""
    inputs = ordered_inputs(sample=_runs(sample))
    return orders.place(
        recipe,
        "nmr",
        inputs,
        parameters.model_dump(mode="json"),
        orders.request("nmr-relaxation", sample, parameters),
    )


def _runs(sample: list[Path]) -> list[Measurement]:
    runs = opened(sample, ReadingParameters())
    for run in runs:
        if run.metadata.technique != "nmr":
            raise UnsuitedError(run.provenance.path, f"{run.metadata.technique} where NMR data are needed")
    return runs


@step("fit relaxation")
def fit_peaks(bench: Path, sample: list[Path], parameters: SeriesParameters) -> str:
    """Heights at every delay, and an exponential through those of each peak."""
    runs = _runs(sample)
    run = joined(runs)
    run = one_series(run, parameters.relaxation.quantity, parameters.relaxation.series, "relaxation.series")
    quantity = quantity_of(run, parameters.relaxation)
    flags = run.flags
    if "height" in run.data:
        heights = heights_of_lists(run, parameters.relaxation)
    else:
        found = spectrum(run, parameters.processing)
        heights = heights_of_spectra(found, parameters.peaks, parameters.relaxation)
        flags = found.flags
        leave(bench, "spectra", Leaf(found.data.assign(delay=("row", heights.delay, {"units": "s"}))))
    fitted = relaxation(heights, quantity, parameters.relaxation, flags, parameters.peaks.claims)
    fitted.table.attrs["quantity"] = quantity
    if (field := proton_mhz(run)) is not None:
        fitted.table.attrs["proton_mhz"] = field
    facts = {
        "files": [path.name for path in sample],
        "quantity": quantity,
        "nucleus": run.metadata.raw.get("nucleus", ""),
    }
    return leave(bench, "answer", Leaf(fitted.table, fitted.findings, fitted.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The spectra by delay where there are any, the decays, and the times."""
    leaf = take(bench, answer)
    quantity = leaf.fact("quantity")
    chosen = {}
    if left(bench, "spectra"):
        chosen["series"] = figures.series(take(bench, "spectra").data, title, leaf.fact("nucleus"))
    if (leaf.data["refused"].values == "").any():
        chosen["decays"] = figures.decays(leaf.data, quantity, title)
        chosen["times"] = figures.times(leaf.data, quantity, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Fits with the heights behind them, and the spectra they are from."""
    leaf = take(bench, answer)
    tables = {"relaxation": leaf.data}
    if left(bench, "spectra"):
        tables["spectra"] = take(bench, "spectra").data
    write_rates(bench / RATES, leaf.data, leaf.fact("quantity"), leaf.data.attrs.get("proton_mhz"))
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started,
        signal="height",
    )  # fmt: skip


NMR_RELAXATION = Reduction(
    name="nmr-relaxation",
    title="Relaxation times from a series of NMR spectra or peak lists",
    techniques=("nmr",),
    parameters=SeriesParameters,
    flow=nmr_relaxation,
    ask=ask,
)
