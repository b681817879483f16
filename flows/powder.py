"""Powder diffraction: frames or a pattern in, peaks and the lattice parameter of a cubic cell out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from prefect import flow

from adapters.model import Flag, Measurement, merged
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.inputs import calibrated, corrections, detector_inputs, only, ordered_inputs
from flows.parameters import DetectorFiles, ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.geometry import resolve
from tasks.common.integration import integrate, integration_flags, prepare
from tasks.common.parameters import GeometryParameters, IntegrationParameters, Values
from tasks.powder import figures
from tasks.powder.parameters import LatticeParameters, PeakParameters
from tasks.powder.reduction import analyse, mean_pattern

PRODUCT = "pattern.nxs"
WHAT = "frames of a detector, or a pattern over q or 2theta"


class PowderParameters(Values):
    """Everything that may be chosen about a powder pattern."""

    reading: ReadingParameters = ReadingParameters()
    files: DetectorFiles = DetectorFiles()
    geometry: GeometryParameters = GeometryParameters()
    integration: IntegrationParameters = IntegrationParameters()
    peaks: PeakParameters = PeakParameters()
    lattice: LatticeParameters = LatticeParameters()


@flow(name="powder", description="Frames or a pattern to peaks, and to the lattice parameter of a cubic cell")
def powder(
    sample: list[Path],
    parameters: PowderParameters = PowderParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a mean pattern needs none)
    recipe: str = "powder",
) -> dict[str, Any]:
    """Find the peaks of one sample and index them on a cubic cell.

    Args:
        sample: One run: frames of a detector, or a pattern
        parameters: Geometry, peaks and lattice; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a mean pattern is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        pattern = pattern_of(bench, sample, parameters)
        answer = find_peaks(bench, pattern, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"powder diffraction of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: PowderParameters, recipe: str) -> orders.Order:
    """Open the run, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)]) + detector_inputs(parameters.files)
    values = parameters.model_dump(mode="json", exclude={"files": True})
    return orders.place(recipe, "powder", inputs, values, orders.request("powder", sample, parameters))


def _one(sample: list[Path], parameters: PowderParameters) -> Measurement:
    return only(sample, parameters.reading, ("counts", "intensity"), WHAT)


@step("bring frames to a pattern")
def pattern_of(bench: Path, sample: list[Path], parameters: PowderParameters) -> str:
    """Integrate images, or take the pattern as it is; with the wavelength if one is known."""
    run = _one(sample, parameters)
    if "counts" in run.data:
        curves, wavelength, flags = _integrated(run, parameters)
    else:
        names = [name for name in ("intensity", "intensity_errors") if name in run.data]
        curves, flags = run.data[names], run.flags
        wavelength = parameters.geometry.wavelength_angstrom or run.metadata.wavelength_angstrom
    facts = {"wavelength_angstrom": wavelength, "source": run.metadata.source}
    return leave(bench, "curves", Leaf(curves.compute(scheduler="threads"), flags=flags, facts=facts))


def _integrated(
    run: Measurement, parameters: PowderParameters
) -> tuple[xr.Dataset, float | None, tuple[Flag, ...]]:
    geometry, said = resolve(run.metadata, parameters.geometry, calibrated(parameters.files))
    prepared = prepare(run, geometry, parameters.integration, corrections(parameters.files))
    curves = integrate(run, prepared, parameters.integration)[["intensity", "intensity_errors"]]
    return curves, geometry.wavelength_angstrom, merged(integration_flags(run, prepared), said)


@step("find and index the peaks")
def find_peaks(bench: Path, curves: str, sample: list[Path], parameters: PowderParameters) -> str:
    """Background, peaks, their reflections, and the edge of the cell."""
    leaf = take(bench, curves)
    found = analyse(
        mean_pattern(leaf.data),
        leaf.fact("wavelength_angstrom"),
        leaf.fact("source"),
        parameters.peaks,
        parameters.lattice,
    )
    leave(bench, "peaks", Leaf(found.peaks))
    facts = {
        "files": [path.name for path in sample],
        "wavelength_angstrom": leaf.fact("wavelength_angstrom"),
        "peaks": [round(float(each), 6) for each in found.peaks["position"].values],
        "peaks_unit": found.peaks["position"].attrs["units"],
    }
    return leave(bench, "answer", Leaf(found.pattern, found.findings, merged(leaf.flags, found.flags), facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The pattern with its peaks, and how far they are from the lattice."""
    leaf, peaks = take(bench, answer), take(bench, "peaks").data
    chosen = {"pattern": figures.pattern(leaf.data, peaks, title)}
    if "residual" in peaks and np.isfinite(peaks["residual"].values).any():
        chosen["residuals"] = figures.residuals(peaks, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Pattern and peaks in one file, committed whole."""
    tables = {"pattern": take(bench, answer).data, "peaks": take(bench, "peaks").data}
    return publish_tables(
        store, bench, order, take(bench, answer), product=PRODUCT, tables=tables, plots=plots, started=started
    )


POWDER = Reduction(
    name="powder",
    title="Peaks of a powder pattern, and the lattice parameter of a cubic cell",
    techniques=("powder", "waxs", "image", "curve"),
    parameters=PowderParameters,
    flow=powder,
    ask=ask,
)
