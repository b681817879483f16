"""Single ions with their signals to masses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from adapters.errors import UnsuitedError
from adapters.model import Measurement
from flows import order as orders
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.table_flow import Work, performed
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.ms import figures
from tasks.ms.detection import charge_detection as detect
from tasks.ms.parameters import DetectionParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "masses.nxs"


class DetectionFlowParameters(Values):
    """Everything that may be chosen about it."""

    detection: DetectionParameters = DetectionParameters()


@flow(name="charge-detection", description="Single ions with their signals to masses")
def charge_detection(
    sample: list[Path],
    parameters: DetectionFlowParameters = DetectionFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "charge-detection",
) -> dict[str, Any]:
    """Find the masses of single ions, or the modes of a histogram of masses.

    Args:
        sample: One list of ions, or one histogram of masses
        parameters: How charge and mass are found
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    return performed(
        order, sample, results, Work(lambda: detect(_one(sample), parameters.detection), draw, PRODUCT)
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: DetectionFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    values = parameters.model_dump(mode="json")
    asked = orders.request("charge-detection", sample, parameters)
    return orders.place(recipe, "ms", inputs, values, asked)


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or not all("ion_mz" in run.data or "mass" in run.data.coords for run in runs):
        raise UnsuitedError(sample[0], "not one list of ions or histogram of masses")
    return runs[0]


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    modes = [
        each for each in found.findings if each.quantity == "molecular_mass" and "ladder" not in each.method
    ]
    marked = [(each.value, each.uncertainty or 0.0) for each in modes[:6]]
    chosen = {"masses": figures.mass_histogram(found.tables["masses"], marked, title)}
    if "plane" in found.tables:
        chosen["plane"] = figures.charge_plane(found.tables["plane"], title)
    if "response" in found.tables:
        per_charge = found.facts["signal_per_charge"]
        chosen["response"] = figures.charge_response(found.tables["response"], per_charge, title)
    return chosen


CHARGE_DETECTION = Reduction(
    name="charge-detection",
    title="Masses of single ions by charge detection",
    techniques=("ms",),
    parameters=DetectionFlowParameters,
    flow=charge_detection,
    ask=ask,
)
