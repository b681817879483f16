"""Spectra at places to images of single masses."""

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
from tasks.imaging_ms import figures
from tasks.imaging_ms.parameters import ImagingParameters
from tasks.imaging_ms.reduction import images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "images.nxs"


class ImagingFlowParameters(Values):
    """Everything that may be chosen about it."""

    imaging: ImagingParameters = ImagingParameters()


@flow(name="imaging-ms", description="Spectra at places to images of single masses")
def imaging_ms(
    sample: list[Path],
    parameters: ImagingFlowParameters = ImagingFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "imaging-ms",
) -> dict[str, Any]:
    """Make images of one run.

    Args:
        sample: One imzML file, or one folder of a timsTOF (.d)
        parameters: Which masses are drawn
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    return performed(
        order, sample, results, Work(lambda: images(_one(sample), parameters.imaging), draw, PRODUCT)
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: ImagingFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)])
    values = parameters.model_dump(mode="json")
    asked = orders.request("imaging-ms", sample, parameters)
    return orders.place(recipe, "imaging_ms", inputs, values, asked)


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or not all(run.metadata.technique == "imaging_ms" for run in runs):
        raise UnsuitedError(sample[0], "not one run of imaging mass spectrometry")
    return runs[0]


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    return {
        "total": figures.total(found.tables["total"], title),
        "ions": figures.ions(found.tables["images"], title),
        "mean": figures.mean(found.tables["mean"], found.facts["mz"], title),
    }


IMAGING_MS = Reduction(
    name="imaging-ms",
    title="Images of total current and of single masses",
    techniques=("imaging_ms",),
    parameters=ImagingFlowParameters,
    flow=imaging_ms,
    ask=ask,
)
