"""Magnetic resonance volumes to maps of tissue properties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import flow

from adapters.errors import MissingExtraError, UnsuitedError
from adapters.formats.nifti_writer import write_map
from adapters.model import Input, Measurement
from adapters.registry import open_run
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.compute import stream
from flows.engine import logger, step
from flows.inputs import opened, ordered_inputs
from flows.order import input_of
from flows.parameters import ReadingParameters
from flows.progress import reported
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.parameters import Values
from tasks.mri import figures
from tasks.mri.maps import QUANTITIES, findings, joined, labelled, plan
from tasks.mri.parameters import MapParameters

PRODUCT = "maps.nxs"


class MapsParameters(Values):
    """Everything that may be chosen about maps."""

    maps: MapParameters = MapParameters()


@flow(
    name="mri-maps",
    description="Magnetic resonance volumes to maps of T1, T2, MTR, diffusion or signal to noise",
)
def mri_maps(
    sample: list[Path],
    parameters: MapsParameters = MapsParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "mri-maps",
) -> dict[str, Any]:
    """Map one property voxel by voxel.

    Args:
        sample: Volumes of one grid: one file or folder with all of them, or several in order
        parameters: What is mapped, and where
        results: Folder for the product; empty takes the hub's own
        cluster: Where blocks of voxels are computed; empty takes threads
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = map_voxels(bench, sample, parameters, cluster)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"maps of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: MapsParameters, recipe: str) -> orders.Order:
    """Open all volumes, hash them, and give the request its key."""
    inputs = [*ordered_inputs(sample=_runs(sample)), *_mask_input(parameters)]
    return orders.place(
        recipe,
        "mri",
        inputs,
        parameters.model_dump(mode="json", exclude={"maps": {"mask"}}),
        orders.request("mri-maps", sample, parameters),
    )


def _runs(sample: list[Path]) -> list[Measurement]:
    runs = opened(sample, ReadingParameters())
    for run in runs:
        if run.metadata.technique != "mri" or "signal" not in run.data:
            raise UnsuitedError(run.provenance.path, "no magnetic resonance images; maps are made of those")
    return runs


def _mask_input(parameters: MapsParameters) -> list[Input]:
    return [] if parameters.maps.mask is None else [input_of("mask", parameters.maps.mask)]


def _mask(parameters: MapsParameters) -> NDArray[np.bool_] | None:
    if parameters.maps.mask is None:
        return None
    found = open_run(parameters.maps.mask).data
    if "signal" not in found or found.sizes["volume"] != 1:
        raise UnsuitedError(parameters.maps.mask, "not one volume, as a mask is")
    return np.asarray(found["signal"].values[0] != 0)


@step("map voxels")
def map_voxels(bench: Path, sample: list[Path], parameters: MapsParameters, cluster: str | None) -> str:
    """All voxels inside the mask, block by block."""
    run = joined(_runs(sample))
    planned = plan(run, parameters.maps, _mask(parameters))
    computed = np.empty(planned.lazy.shape)
    with reported(f"mapping {titled(sample)}", planned.lazy.shape[0], "map-voxels") as report:
        done = 0

        def arrived(start: int, block: NDArray[Any]) -> None:
            nonlocal done
            computed[start : start + len(block)] = block
            done += len(block)
            report(done)

        stream(planned.lazy, cluster_called(cluster), arrived, input_bytes=int(run.data["signal"].nbytes))
    maps = labelled(planned, computed)
    found, said = findings(planned, maps, str(parameters.maps.method))
    facts = {"files": [path.name for path in sample], "method": parameters.maps.method}
    return leave(bench, "answer", Leaf(maps, found, (*planned.flags, *said), facts))


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """Each map with its uncertainty, and how its values are distributed."""
    leaf = take(bench, answer)
    names = [each.name for each in QUANTITIES[leaf.fact("method")]]
    if not (leaf.data["quality"].values == 1).any():
        return ()
    if "label" in leaf.data:
        return drawn(bench, {name: figures.voxels(leaf.data, name, title) for name in names})
    chosen = {name: figures.maps(leaf.data, name, title) for name in names}
    return drawn(bench, {**chosen, "distribution": figures.distribution(leaf.data, names, title)})


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """Maps, uncertainties and quality in one file, and as NIfTI beside it."""
    leaf = take(bench, answer)
    first = QUANTITIES[leaf.fact("method")][0].name
    if "affine" in leaf.data:
        _beside(bench, leaf)
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables={"maps": leaf.data}, plots=plots, started=started,
        signal=first,
    )  # fmt: skip


def _beside(bench: Path, leaf: Leaf) -> None:
    affine = leaf.data["affine"].values
    try:
        for name, variable in leaf.data.items():
            if variable.dims == ("z", "y", "x"):
                write_map(bench / f"{name}.nii", variable.values, affine)
    except MissingExtraError as error:
        # The product is whole without them.
        logger().warning("no NIfTI files are written: %s", error)


MRI_MAPS = Reduction(
    name="mri-maps",
    title="Maps of T1, T2, T2*, magnetisation transfer, diffusion or signal to noise",
    techniques=("mri",),
    parameters=MapsParameters,
    flow=mri_maps,
    ask=ask,
)
