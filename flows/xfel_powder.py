"""Frames of several modules to their sum and one azimuthal curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from prefect import flow
from pydantic import Field

from adapters.model import merged
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.compute import stream
from flows.engine import step
from flows.free_electron import (
    FreeElectronReading,
    GeometryFile,
    facts_of,
    geometry_inputs,
    placed,
    single,
)
from flows.inputs import ordered_inputs
from flows.progress import reported
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.modules import beam, prepare_modules
from tasks.common.parameters import IntegrationParameters, Values
from tasks.sfx import figures
from tasks.sfx.parameters import BeamParameters
from tasks.sfx.powder import BlockSums, block_sums, powder

PRODUCT = "powder.nxs"


class PowderParameters(Values):
    """Everything that may be chosen about a powder sum."""

    reading: FreeElectronReading = FreeElectronReading()
    geometry: GeometryFile = Field(GeometryFile(), description="Where the modules stand")
    beam: BeamParameters = BeamParameters()
    integration: IntegrationParameters = IntegrationParameters()


@flow(name="xfel-powder", description="Frames of several modules to their sum and one azimuthal curve")
def xfel_powder(
    sample: list[Path],
    parameters: PowderParameters = PowderParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "xfel-powder",
) -> dict[str, Any]:
    """Add up the frames of one run.

    Args:
        sample: One run of a detector of several modules
        parameters: How it is read, where its modules stand, and how rings are made
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = add_frames(bench, sample, parameters, cluster)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"powder sum of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: PowderParameters, recipe: str) -> orders.Order:
    """Open the run, hash its files, and give the request its key."""
    run = single(sample, parameters.reading, ("modules",))
    _, geometry = placed(run, parameters.geometry)
    beam(run.metadata, geometry.metadata, parameters.beam.wavelength_angstrom, parameters.beam.distance_m)
    inputs = ordered_inputs(sample=[run]) + geometry_inputs(parameters.geometry)
    # Files count by their content, not by their names.
    values = parameters.model_dump(mode="json", exclude={"geometry": {"file": True}})
    return orders.place(recipe, "modules", inputs, values, orders.request("xfel-powder", sample, parameters))


@step("add up the frames")
def add_frames(bench: Path, sample: list[Path], parameters: PowderParameters, cluster: str | None) -> str:
    """The sum of all frames, and the mean of their azimuthal curves."""
    run = single(sample, parameters.reading, ("modules",))
    places, geometry = placed(run, parameters.geometry)
    chosen = parameters.beam
    wavelength, distance, said = beam(
        run.metadata, geometry.metadata, chosen.wavelength_angstrom, chosen.distance_m
    )
    prepared = prepare_modules(places, distance, wavelength, parameters.integration)
    whole: list[BlockSums] = []
    blocks: list[tuple[int, np.ndarray[Any, Any]]] = []
    lazy = block_sums(run, prepared)
    with reported(f"adding up {titled(sample)}", lazy.numblocks[0], "powder") as report:

        def arrived(number: int, block: np.ndarray[Any, Any]) -> None:
            sums: BlockSums = block[0]
            blocks.append((number, sums.rings))
            whole[:] = [whole[0].plus(sums)] if whole else [sums]
            report(len(blocks))

        stream(lazy, cluster_called(cluster), arrived, input_bytes=run.data["counts"].nbytes)
    found = powder(run, prepared, whole[0], blocks)
    image = found.image
    image["positions"] = (("module", "y", "x", "axis"), places.positions, {"units": "m"})
    leave(bench, "image", Leaf(image))
    flags = merged(found.flags, geometry.flags, said)
    facts = {
        **facts_of(run, sample),
        "frames": run.data.sizes["frame"],
        "wavelength_angstrom": wavelength,
        "distance_m": distance,
    }
    return leave(bench, "curve", Leaf(found.curve, flags=flags, facts=facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The curve, the mean frame, and the brightest value of each pixel."""
    image = take(bench, "image").data
    where = image["positions"].values
    return drawn(
        bench,
        {
            "curve": figures.curve(take(bench, answer).data, title),
            "mean": figures.detector(image["mean"].values, where, f"{title}: mean of frames", "mean value"),
            "highest": figures.detector(
                image["highest"].values, where, f"{title}: brightest of frames", "highest value"
            ),
        },
    )


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Curve and images in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"curve": leaf.data, "image": take(bench, "image").data}
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


XFEL_POWDER = Reduction(
    name="xfel-powder",
    title="Powder sum and azimuthal curve of a run of several modules",
    techniques=("modules",),
    parameters=PowderParameters,
    flow=xfel_powder,
    ask=ask,
)
