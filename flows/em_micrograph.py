"""A movie or micrograph to motion and defocus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from adapters.errors import LayoutError
from adapters.model import Measurement
from flows import order as orders
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.table_flow import Work, performed
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.spa import figures
from tasks.spa.micrograph import micrograph
from tasks.spa.parameters import MicrographParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "micrograph.nxs"


class MicrographFlowParameters(Values):
    """Everything that may be chosen about it."""

    micrograph: MicrographParameters = MicrographParameters()


@flow(name="em-micrograph", description="A movie or micrograph to motion and defocus")
def em_micrograph(
    sample: list[Path],
    parameters: MicrographFlowParameters = MicrographFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "em-micrograph",
) -> dict[str, Any]:
    """Align a movie, and find the rings of the transfer function in its sum.

    Args:
        sample: One movie or micrograph in MRC
        parameters: How frames are aligned, and what must be known of the microscope
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    return performed(
        order, sample, results, Work(lambda: micrograph(_one(sample), parameters.micrograph), draw, PRODUCT)
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: MicrographFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    values = parameters.model_dump(mode="json")
    asked = orders.request("em-micrograph", sample, parameters)
    return orders.place(recipe, "spa", inputs, values, asked)


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or not all("image" in run.data for run in runs):
        raise LayoutError(sample[0], "not one movie or micrograph")
    return runs[0]


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    chosen = {} if "motion" not in found.tables else {"motion": figures.motion(found.tables["motion"], title)}
    chosen["rings"] = figures.rings(found.tables["rings"], found.facts["reach_angstrom"], title)
    chosen["power"] = figures.power_spectrum(found.tables["power"], title)
    return chosen


EM_MICROGRAPH = Reduction(
    name="em-micrograph",
    title="Motion of a movie, and the defocus of a micrograph",
    techniques=("spa",),
    parameters=MicrographFlowParameters,
    flow=em_micrograph,
    ask=ask,
)
