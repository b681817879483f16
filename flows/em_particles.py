"""A stack of particle images to its statistics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow

from adapters.model import Measurement
from flows import order as orders
from flows.compute import stream
from flows.engine import step
from flows.inputs import only, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction, cluster_called
from flows.table_flow import Work, performed
from tasks.common.blocks import Arrived
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.spa import figures
from tasks.spa.parameters import StackParameters
from tasks.spa.particles import statistics

if TYPE_CHECKING:
    import dask.array as da
    from matplotlib.figure import Figure

PRODUCT = "stack.nxs"


class StackFlowParameters(Values):
    """Everything that may be chosen about it."""

    reading: ReadingParameters = ReadingParameters()
    stack: StackParameters = StackParameters()


@flow(name="em-particles", description="A stack of particle images to its statistics")
def em_particles(
    sample: list[Path],
    parameters: StackFlowParameters = StackFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "em-particles",
) -> dict[str, Any]:
    """Mean, variance and outliers of particle images, and their mean power spectrum.

    Args:
        sample: One stack of particle images, with its star file beside it if the pixel is only there
        parameters: The diameter of the particle, and what stands out
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)

    def reduced() -> Reduced:
        run = _one(sample, parameters)

        def compute(lazy: da.Array, arrived: Arrived) -> None:
            stream(lazy, cluster_called(cluster), arrived, input_bytes=run.data["image"].nbytes)

        return statistics(run, parameters.stack, compute)

    return performed(order, sample, results, Work(reduced, draw, PRODUCT))


@step("look at what was asked for")
def ask(sample: list[Path], parameters: StackFlowParameters, recipe: str) -> orders.Order:
    """Open the stack, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "spa", inputs, values, orders.request("em-particles", sample, parameters))


def _one(sample: list[Path], parameters: StackFlowParameters) -> Measurement:
    return only(sample, parameters.reading, ("image",), "a stack of particle images")


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    return {
        "images": figures.stack(found.tables["images"], title),
        "power": figures.mean_power(found.tables["power"], title),
    }


EM_PARTICLES = Reduction(
    name="em-particles",
    title="Statistics of a stack of particle images",
    techniques=("spa",),
    parameters=StackFlowParameters,
    flow=em_particles,
    ask=ask,
)
