"""Diffraction patterns of a scanned beam to virtual detectors and deflection."""

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
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.stem import figures
from tasks.stem.kernels.detectors import Sums
from tasks.stem.parameters import PatternParameters
from tasks.stem.reduction import reduce

if TYPE_CHECKING:
    import dask.array as da
    from matplotlib.figure import Figure

PRODUCT = "scan.nxs"
WHAT = "a scan of diffraction patterns"


class Stem4dParameters(Values):
    """Everything that may be chosen about it."""

    reading: ReadingParameters = ReadingParameters()
    patterns: PatternParameters = PatternParameters()


@flow(name="stem4d", description="Diffraction patterns of a scanned beam to virtual detectors and deflection")
def stem4d(
    sample: list[Path],
    parameters: Stem4dParameters = Stem4dParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "stem4d",
) -> dict[str, Any]:
    """Bright field, annular dark field and centre of mass of every pattern of one scan.

    Args:
        sample: One 4D-STEM scan
        parameters: How patterns lie on the scan, and which rings are summed
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)

    def reduced() -> Reduced:
        run = _one(sample, parameters)
        return reduce(run, parameters.patterns, lambda lazy: _computed(lazy, run, cluster))

    work = Work(reduced, draw, PRODUCT, signal="dark_field")
    return performed(order, sample, results, work)


@step("look at what was asked for")
def ask(sample: list[Path], parameters: Stem4dParameters, recipe: str) -> orders.Order:
    """Open the scan, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample, parameters)])
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "stem", inputs, values, orders.request("stem4d", sample, parameters))


def _one(sample: list[Path], parameters: Stem4dParameters) -> Measurement:
    return only(sample, parameters.reading, ("patterns",), WHAT)


def _computed(lazy: da.Array, run: Measurement, cluster: str | None) -> list[Sums]:
    """One result a block, in the order of the scan, whatever order they arrive in."""
    found: dict[int, Sums] = {}

    def arrived(start: int, block: Any) -> None:
        found[start] = block[0]

    stream(lazy, cluster_called(cluster), arrived, input_bytes=run.data["patterns"].nbytes)
    return [found[start] for start in sorted(found)]


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    size = found.facts["pixel"]
    pixel = None if size is None else (float(size[0]), str(size[1]))
    return {
        "detectors": figures.detectors(found.tables["detectors"], title),
        "deflection": figures.deflection(found.tables["deflection"], pixel, title),
        "pattern": figures.pattern(found.tables["mean_pattern"], found.facts, title),
    }


STEM4D = Reduction(
    name="stem4d",
    title="Virtual detectors and deflection of a 4D-STEM scan",
    techniques=("stem",),
    parameters=Stem4dParameters,
    flow=stem4d,
    ask=ask,
)
