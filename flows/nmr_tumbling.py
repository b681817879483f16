"""R1 and R2 of amide nitrogens to the rotational correlation time."""

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
from tasks.nmr import dynamics_figures as figures
from tasks.nmr.parameters import RelaxationParameters
from tasks.nmr.parameters_dynamics import NoeParameters, TumblingParameters
from tasks.nmr.tumbling import tumbling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "tumbling.nxs"


class TumblingFlowParameters(Values):
    """Everything that may be chosen about it."""

    tumbling: TumblingParameters = TumblingParameters()
    relaxation: RelaxationParameters = RelaxationParameters()
    noe: NoeParameters = NoeParameters()


@flow(name="nmr-tumbling", description="R1 and R2 of amide nitrogens to the rotational correlation time")
def nmr_tumbling(
    sample: list[Path],
    parameters: TumblingFlowParameters = TumblingFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "nmr-tumbling",
) -> dict[str, Any]:
    """Find the correlation time that gives the measured R2/R1.

    Args:
        sample: One file with series of R1 and R2, or the products of both from nmr-relaxation
        parameters: The field, the N-H vector, and which residues count
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)

    def reduce() -> Reduced:
        return tumbling(_runs(sample), parameters.tumbling, parameters.relaxation, parameters.noe)

    return performed(order, sample, results, Work(reduce, draw, PRODUCT, signal="correlation_time"))


@step("look at what was asked for")
def ask(sample: list[Path], parameters: TumblingFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=_runs(sample))
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "nmr", inputs, values, orders.request("nmr-tumbling", sample, parameters))


def _runs(sample: list[Path]) -> list[Measurement]:
    runs = opened(sample, ReadingParameters())
    for run in runs:
        if run.metadata.technique != "nmr" or "height" not in run.data:
            raise UnsuitedError(run.provenance.path, "no series of peak heights, and no product of one")
    return runs


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Rates and correlation times by residue."""
    told = [each for each in found.findings if each.quantity == "rotational_correlation_time"]
    mean, error = (told[0].value, told[0].uncertainty) if told else (None, None)
    chosen = {"tumbling": figures.tumbling(found.tables["tumbling"], title, mean, error)}
    if "noe" in found.tables:
        chosen["noe"] = figures.noes(found.tables["noe"], title)
    return chosen


NMR_TUMBLING = Reduction(
    name="nmr-tumbling",
    title="Rotational correlation time from R1 and R2",
    techniques=("nmr",),
    parameters=TumblingFlowParameters,
    flow=nmr_tumbling,
    ask=ask,
)
