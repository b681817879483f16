"""Peak heights with and without saturation to heteronuclear NOEs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from pydantic import Field

from adapters.errors import UnsuitedError
from adapters.model import Measurement
from flows import order as orders
from flows.engine import step
from flows.inputs import only, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.table_flow import Work, performed
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.nmr import dynamics_figures as figures
from tasks.nmr.noe import noe, saturated_pair
from tasks.nmr.parameters_dynamics import NoeParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "noe.nxs"
WHAT = "a list of peaks with their heights"


class NoeFlowParameters(Values):
    """Everything that may be chosen about it."""

    reference: Path | None = Field(
        None, description="Peak list without saturation; empty where one file holds both"
    )
    noe: NoeParameters = NoeParameters()


@flow(name="nmr-noe", description="Peak heights with and without saturation to heteronuclear NOEs")
def nmr_noe(
    sample: list[Path],
    parameters: NoeFlowParameters = NoeFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "nmr-noe",
) -> dict[str, Any]:
    """Divide heights with saturation by those without.

    Args:
        sample: One file with both kinds of spectra, or the peak list with saturation
        parameters: The list without saturation, and the noise
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    work = Work(lambda: noe(_joined(sample, parameters), parameters.noe), draw, PRODUCT, signal="noe")
    return performed(order, sample, results, work)


@step("look at what was asked for")
def ask(sample: list[Path], parameters: NoeFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_list(sample)], reference=_reference(parameters))
    values = parameters.model_dump(mode="json", exclude={"reference"})
    return orders.place(recipe, "nmr", inputs, values, orders.request("nmr-noe", sample, parameters))


def _list(paths: list[Path]) -> Measurement:
    run = only(paths, ReadingParameters(), ["height"], WHAT)
    if run.metadata.technique != "nmr":
        raise UnsuitedError(paths[0], f"{run.metadata.technique} where NMR data are needed")
    return run


def _reference(parameters: NoeFlowParameters) -> list[Measurement]:
    return [_list([parameters.reference])] if parameters.reference else []


def _joined(sample: list[Path], parameters: NoeFlowParameters) -> Measurement:
    run = _list(sample)
    return next((saturated_pair(run, other) for other in _reference(parameters)), run)


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """NOEs by residue."""
    table = found.tables["noe"]
    return {"noe": figures.noes(table, title)} if (table["refused"].values == "").any() else {}


NMR_NOE = Reduction(
    name="nmr-noe",
    title="Heteronuclear NOE from peak heights",
    techniques=("nmr",),
    parameters=NoeFlowParameters,
    flow=nmr_noe,
    ask=ask,
)
