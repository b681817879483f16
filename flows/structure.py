"""A file of coordinates to mass, size and calculated scattering of its particle, met with a curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr
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
from tasks.common.parameters import Values
from tasks.structure import figures
from tasks.structure.parameters import CurveParameters, StructureParameters
from tasks.structure.reduction import reduce

PRODUCT = "structure.nxs"


class ModelParameters(Values):
    """Everything that may be chosen about an atomic model."""

    curve: Path | None = Field(
        None, description="Measured and subtracted curve to compare with; empty only calculates one"
    )
    reading: ReadingParameters = ReadingParameters()
    structure: StructureParameters = StructureParameters()
    comparison: CurveParameters = CurveParameters()


@flow(name="structure", description="Coordinates to mass, size and scattering in solution")
def structure(
    sample: list[Path],
    parameters: ModelParameters = ModelParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a model needs none)
    recipe: str = "structure",
) -> dict[str, Any]:
    """Reduce one atomic model, compared with a measured curve if there is one.

    Args:
        sample: One PDB or mmCIF file
        parameters: Which particle it stands for, and how it meets the curve
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a model is small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        answer = characterise_model(bench, sample, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"structure {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: ModelParameters, recipe: str) -> orders.Order:
    """Open the model and the curve, hash both, and give the request its key."""
    curves = [] if parameters.curve is None else opened([parameters.curve], parameters.reading)
    inputs = ordered_inputs(sample=[_one(sample)], curve=curves)
    values = parameters.model_dump(mode="json", exclude={"curve": True})
    return orders.place(recipe, "structure", inputs, values, orders.request("structure", sample, parameters))


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or runs[0].metadata.technique != "structure":
        raise UnsuitedError(sample[0], "not one atomic model; give one PDB or mmCIF file")
    return runs[0]


@step("find mass, size and scattering")
def characterise_model(bench: Path, sample: list[Path], parameters: ModelParameters) -> str:
    """The particle of the model, its findings, its curve, and the fit to the measured one."""
    measured = None if parameters.curve is None else _measured(parameters)
    found = reduce(_one(sample), parameters.structure, parameters.comparison, measured)
    if found.fit.data_vars:
        leave(bench, "fit", Leaf(found.fit))
    facts = {"files": [path.name for path in sample], **found.facts}
    return leave(bench, "answer", Leaf(found.curve, found.findings, found.flags, facts))


def _measured(parameters: ModelParameters) -> xr.Dataset:
    assert parameters.curve is not None  # asked by the caller
    run = opened([parameters.curve], parameters.reading)[0]
    data = run.data
    if "intensity_errors" not in data or data["intensity"].dims != ("frame", "q") or data.sizes["frame"] != 1:
        raise UnsuitedError(parameters.curve, "not one curve of I(q) with uncertainties; reduce it first")
    return data[["intensity", "intensity_errors"]].isel(frame=0, drop=True).compute()


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The calculated curve, and the fit where there is one."""
    leaf = take(bench, answer)
    chosen = {"calculated": figures.calculated(leaf.data, title)}
    if left(bench, "fit"):
        chosen["fit"] = figures.fitted(take(bench, "fit").data, leaf.fact("chi2"), title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The calculated curve and the fit in one file, committed whole."""
    leaf = take(bench, answer)
    tables = {"curve": leaf.data} | ({"fit": take(bench, "fit").data} if left(bench, "fit") else {})
    return publish_tables(
        store, bench, order, leaf, product=PRODUCT, tables=tables, plots=plots, started=started
    )


STRUCTURE = Reduction(
    name="structure",
    title="Atomic model to mass, size and scattering",
    techniques=("structure",),
    parameters=ModelParameters,
    flow=structure,
    ask=ask,
)
