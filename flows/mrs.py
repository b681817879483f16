"""The magnetic resonance spectrum of one voxel to its peaks."""

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
from tasks.mri import figures
from tasks.mri.parameters import SpectroscopyParameters
from tasks.mri.spectroscopy import voxel_spectrum

PRODUCT = "spectrum.nxs"


class VoxelParameters(Values):
    """Everything that may be chosen about a voxel's spectrum."""

    spectrum: SpectroscopyParameters = SpectroscopyParameters()


@flow(
    name="mrs", description="The magnetic resonance spectrum of one voxel to its peaks, named by metabolite"
)
def mrs(
    sample: list[Path],
    parameters: VoxelParameters = VoxelParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a spectrum needs none)
    recipe: str = "mrs",
) -> dict[str, Any]:
    """Find and name the peaks of a voxel.

    Args:
        sample: One spectrum: .rda, DICOM or NIfTI-MRS
        parameters: How the spectrum is made, and what counts as a peak
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a spectrum is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = find_peaks(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample), parameters)
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"peaks of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: VoxelParameters, recipe: str) -> orders.Order:
    """Open the spectrum, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    return orders.place(
        recipe, "mri", inputs, parameters.model_dump(mode="json"), orders.request("mrs", sample, parameters)
    )


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or runs[0].metadata.technique != "mri" or "fid" not in runs[0].data:
        raise UnsuitedError(sample[0], "not one spectrum of a voxel; give one file")
    return runs[0]


@step("process and find peaks")
def find_peaks(bench: Path, sample: list[Path], parameters: VoxelParameters) -> str:
    """Spectrum, noise, named peaks."""
    found = voxel_spectrum(_one(sample), parameters.spectrum)
    leave(bench, "peaks", Leaf(found.peaks))
    facts = {"files": [path.name for path in sample]}
    return leave(bench, "answer", Leaf(found.spectrum, found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, answer: str, title: str, parameters: VoxelParameters) -> tuple[str, ...]:
    """The spectrum with its peaks by name."""
    data, peaks = take(bench, answer).data, take(bench, "peaks").data
    low, high = parameters.spectrum.shift_min_ppm, parameters.spectrum.shift_max_ppm
    return drawn(bench, {"spectrum": figures.spectrum(data, peaks, title, low, high)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Spectrum and peaks in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"spectrum": leaf.data, "peaks": take(bench, "peaks").data}
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


MRS = Reduction(
    name="mrs",
    title="Peaks of the magnetic resonance spectrum of one voxel, named by metabolite",
    techniques=("mri",),
    parameters=VoxelParameters,
    flow=mrs,
    ask=ask,
)
