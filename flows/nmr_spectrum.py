"""An NMR spectrum in one or two dimensions to its peaks and integrals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from adapters.errors import UnsuitedError
from adapters.formats.nef_writer import Dimension, write_peaks
from adapters.model import Measurement
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.nmr_title import titled
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.nmr import figures
from tasks.nmr.parameters import PeakParameters, ProcessingParameters
from tasks.nmr.peaks import peak_list
from tasks.nmr.spectrum import spectrum

PRODUCT = "spectrum.nxs"
# The same peaks for the programs of the field.
PEAKS = "peaks.nef"
FORMS = ("fid", "intensity")


class SpectrumParameters(Values):
    """Everything that may be chosen about one NMR spectrum."""

    processing: ProcessingParameters = ProcessingParameters()
    peaks: PeakParameters = PeakParameters()


@flow(name="nmr-spectrum", description="An NMR spectrum, raw or processed, to its peaks and integrals")
def nmr_spectrum(
    sample: list[Path],
    parameters: SpectrumParameters = SpectrumParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a spectrum needs none)
    recipe: str = "nmr-spectrum",
) -> dict[str, Any]:
    """Find the peaks of one spectrum.

    Args:
        sample: One experiment: a TopSpin folder, one of its pdata folders, or a file of another kind
        parameters: How decays become a spectrum, and what counts as a peak
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a spectrum is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_peaks(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"peaks of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: SpectrumParameters, recipe: str) -> orders.Order:
    """Open the experiment, hash its files, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    return orders.place(
        recipe,
        "nmr",
        inputs,
        parameters.model_dump(mode="json"),
        orders.request("nmr-spectrum", sample, parameters),
    )


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or runs[0].metadata.technique != "nmr" or not set(FORMS) & set(runs[0].data):
        raise UnsuitedError(sample[0], "not one NMR spectrum; give one experiment")
    return runs[0]


@step("process and find peaks")
def find_peaks(bench: Path, sample: list[Path], parameters: SpectrumParameters) -> str:
    """Spectrum, noise, peaks, integrals."""
    run = _one(sample)
    found = spectrum(run, parameters.processing)
    listed = peak_list(run, found, parameters.peaks)
    leave(bench, "peaks", Leaf(listed.peaks))
    leave(bench, "regions", Leaf(listed.regions))
    said = run.metadata.raw
    facts = {
        "files": [path.name for path in sample],
        "noise": found.noise,
        "nuclei": [said.get("indirect_nucleus", "F1"), said.get("nucleus", "")],
        "frequencies": _frequencies(run),
    }
    return leave(bench, "answer", Leaf(found.data, listed.findings, (*found.flags, *listed.flags), facts))


def _frequencies(run: Measurement) -> list[float | None]:
    """Frequencies (MHz) of the indirect and the direct dimension, None where the file does not say."""
    names = ("indirect_frequency", "frequency")
    said = [float(run.data[name]) if name in run.data else None for name in names]
    return [said[0], said[1] if said[1] is not None else run.metadata.raw.get("field_mhz")]


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The spectrum with its peaks and integrals, or the plane as contours."""
    leaf, peaks, regions = (take(bench, name) for name in (answer, "peaks", "regions"))
    first, second = leaf.fact("nuclei")
    if "shift_1" in leaf.data.dims:
        noise = float(leaf.fact("noise"))
        return drawn(bench, {"plane": figures.plane(leaf.data, peaks.data, noise, title, (first, second))})
    return drawn(bench, {"spectrum": figures.line(leaf.data, peaks.data, regions.data, title, second)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Spectrum, peaks and integrals in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {name: take(bench, name).data for name in ("peaks", "regions")}
    title = "_".join(Path(name).stem for name in leaf.fact("files"))
    write_peaks(bench / PEAKS, tables["peaks"], _dimensions(leaf), title, order.key)
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables={"spectrum": leaf.data, **tables}, plots=plots,
        started=started,
    )  # fmt: skip


def _dimensions(leaf: Leaf) -> list[Dimension]:
    axes = ["shift_1", "shift_2"] if "shift_1" in leaf.data.dims else ["shift"]
    found = []
    for axis, nucleus, frequency in zip(
        axes, leaf.fact("nuclei")[-len(axes) :], leaf.fact("frequencies")[-len(axes) :], strict=True
    ):
        shift = leaf.data[axis].values
        step = abs(float(shift[1] - shift[0]))
        named = nucleus if nucleus not in ("", "F1") else None
        found.append(Dimension(named, frequency, step * len(shift), float(shift.max())))
    return found


NMR_SPECTRUM = Reduction(
    name="nmr-spectrum",
    title="Peaks and integrals of an NMR spectrum",
    techniques=("nmr",),
    parameters=SpectrumParameters,
    flow=nmr_spectrum,
    ask=ask,
)
