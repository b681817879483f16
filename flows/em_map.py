"""A map of electron microscopy to resolution, symmetry, size, and the place and hand of a model in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from prefect import flow
from pydantic import Field

from adapters.errors import UnsuitedError
from adapters.model import Measurement
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, left, take
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.kernels.composition import ELECTRONS
from tasks.common.parameters import Values
from tasks.spa import figures
from tasks.spa.map import Model, reduce
from tasks.spa.parameters import MapParameters
from tasks.structure.parameters import StructureParameters
from tasks.structure.particle import particle_of

PRODUCT = "map.nxs"
TABLES = (
    "power",
    "fsc_halves",
    "fsc_model",
    "symmetry",
    "placements",
    "local_resolution",
    "local_slice",
    "map",
    "placed",
)


class MapFiles(Values):
    """Files that belong to the map."""

    half_maps: tuple[Path, ...] = Field((), description="The two half maps of the reconstruction")
    local_resolution: Path | None = Field(None, description="Map of the local resolution, on the same grid")
    model: Path | None = Field(None, description="PDB or mmCIF file to be sought in the map")


class MapFlowParameters(Values):
    """Everything that may be chosen about a map."""

    files: MapFiles = MapFiles()
    map: MapParameters = MapParameters()
    structure: StructureParameters = StructureParameters()


@flow(name="em-map", description="A map to resolution, symmetry, size, and the place of a model in it")
def em_map(
    sample: list[Path],
    parameters: MapFlowParameters = MapFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a map needs none)
    recipe: str = "em-map",
) -> dict[str, Any]:
    """Reduce one map, with half maps, local resolution and a model where they are given.

    Args:
        sample: One map in MRC or CCP4 format
        parameters: Files that belong to it, and how it is measured
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a map fits in memory
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = measure_map(bench, sample, parameters)
        plots = draw(bench, answer, parameters, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"map {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: MapFlowParameters, recipe: str) -> orders.Order:
    """Open all maps and the model, hash them, and give the request its key."""
    files = parameters.files
    inputs = ordered_inputs(
        sample=[_one(sample)],
        half=_opened(files.half_maps),
        local=_opened([files.local_resolution] if files.local_resolution else []),
        model=_opened([files.model] if files.model else []),
    )
    values = parameters.model_dump(mode="json", exclude={"files": True})
    return orders.place(recipe, "spa", inputs, values, orders.request("em-map", sample, parameters))


def _opened(paths: Any) -> list[Measurement]:
    return opened(list(paths), ReadingParameters()) if paths else []


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or "density" not in runs[0].data:
        raise UnsuitedError(
            sample[0], "not one map; give one MRC or CCP4 file with a density in three dimensions"
        )
    return runs[0]


@step("measure the map")
def measure_map(bench: Path, sample: list[Path], parameters: MapFlowParameters) -> str:
    """Power, size, symmetry, resolution, and the model's place."""
    files = parameters.files
    local = _opened([files.local_resolution]) if files.local_resolution else [None]
    found = reduce(_one(sample), parameters.map, _opened(files.half_maps), local[0], _model(parameters))
    for name in TABLES[1:]:
        if name in found.tables:
            leave(bench, name, Leaf(found.tables[name]))
    facts = {"files": [path.name for path in sample], **found.facts}
    return leave(bench, "answer", Leaf(found.tables["power"], found.findings, found.flags, facts))


def _model(parameters: MapFlowParameters) -> Model | None:
    path = parameters.files.model
    if path is None:
        return None
    run = _opened([path])[0]
    if run.metadata.technique != "structure":
        raise UnsuitedError(path, "no atomic model; give a PDB or mmCIF file")
    particle = particle_of(run, parameters.structure)
    carried = zip(particle.elements, particle.hydrogens, strict=True)
    electrons = np.array([ELECTRONS[element] + count for element, count in carried], float)
    return Model(particle.positions, electrons, path.name)


@step("draw")
def draw(bench: Path, answer: str, parameters: MapFlowParameters, title: str) -> tuple[str, ...]:
    """Slices, shells, symmetry, placements and local resolution."""
    leaf = take(bench, answer)
    tables = {name: take(bench, name).data for name in TABLES[1:] if left(bench, name)}
    chosen = {"slices": figures.slices(tables["map"], leaf.fact("level"), tables.get("placed"), title)}
    curves = {name: table for name, table in tables.items() if name.startswith("fsc_")}
    if curves:
        chosen["shells"] = figures.shells(curves, title)
    if "placements" in tables:
        chosen["placements"] = figures.placements(tables["placements"], title)
    least = parameters.map.least_symmetry
    chosen["symmetry"] = figures.symmetry(tables["symmetry"], least, f"{title}: {leaf.fact('point_group')}")
    if "local_slice" in tables:
        both = (tables["local_slice"], tables["local_resolution"])
        chosen["local"] = figures.local_resolution(*both, leaf.fact("voxel_angstrom"), title)
    chosen["power"] = figures.power(leaf.data, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """All tables in one file, committed whole."""
    leaf = take(bench, answer)
    rest = {name: take(bench, name).data for name in TABLES[1:] if left(bench, name)}
    tables = {"power": leaf.data, **rest}
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


EM_MAP = Reduction(
    name="em-map",
    title="Map to resolution, symmetry, size and fit of a model",
    techniques=("spa",),
    parameters=MapFlowParameters,
    flow=em_map,
    ask=ask,
)
