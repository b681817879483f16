"""Shifts in two states to how far each amide moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from pydantic import Field

from adapters.errors import MissingMetadataError, UnsuitedError
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
from tasks.nmr.parameters_dynamics import PerturbationParameters
from tasks.nmr.perturbation import perturbation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "perturbation.nxs"
WHAT = "a table of assigned shifts or a list of named peaks"


class PerturbationFlowParameters(Values):
    """Everything that may be chosen about it."""

    reference: Path | None = Field(
        None, description="Shifts or peaks in the other state, from which moves are counted"
    )
    perturbation: PerturbationParameters = PerturbationParameters()


@flow(name="nmr-perturbation", description="Shifts in two states to how far each amide moves")
def nmr_perturbation(
    sample: list[Path],
    parameters: PerturbationFlowParameters = PerturbationFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "nmr-perturbation",
) -> dict[str, Any]:
    """Compare the amides of two states.

    Args:
        sample: Assigned shifts or named peaks in one state, as with a ligand
        parameters: The other state, weights, and from where on a move counts
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)

    def reduce() -> Reduced:
        return perturbation(_assigned(sample), _reference(parameters), parameters.perturbation)

    return performed(order, sample, results, Work(reduce, draw, PRODUCT, signal="perturbation"))


@step("look at what was asked for")
def ask(sample: list[Path], parameters: PerturbationFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_assigned(sample)], reference=[_reference(parameters)])
    values = parameters.model_dump(mode="json", exclude={"reference"})
    asked = orders.request("nmr-perturbation", sample, parameters)
    return orders.place(recipe, "nmr", inputs, values, asked)


def _assigned(paths: list[Path]) -> Measurement:
    run = only(paths, ReadingParameters(), ["chemical_shift", "position"], WHAT)
    if run.metadata.technique != "nmr":
        raise UnsuitedError(paths[0], f"{run.metadata.technique} where NMR data are needed")
    return run


def _reference(parameters: PerturbationFlowParameters) -> Measurement:
    if parameters.reference is None:
        raise MissingMetadataError("the other state", "the sample", "reference")
    return _assigned([parameters.reference])


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Moves by residue, and both states in the plane of their shifts."""
    table = found.tables["perturbation"]
    threshold = float(found.facts["threshold_ppm"])
    return {
        "perturbation": figures.perturbations(table, threshold, title),
        "plane": figures.moves(table, title),
    }


NMR_PERTURBATION = Reduction(
    name="nmr-perturbation",
    title="Chemical shift perturbation between two states",
    techniques=("nmr",),
    parameters=PerturbationFlowParameters,
    flow=nmr_perturbation,
    ask=ask,
)
