"""A movie or micrograph to motion and defocus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from pydantic import Field

from adapters.formats.mrc_writer import write_image
from adapters.model import Measurement
from flows import order as orders
from flows.compute import stream
from flows.engine import step
from flows.inputs import only, opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction, cluster_called
from flows.table_flow import Work, performed
from tasks.common.blocks import Arrived, Compute
from tasks.common.parameters import Values
from tasks.common.reduced import Reduced
from tasks.spa import figures
from tasks.spa.micrograph import micrograph
from tasks.spa.parameters import MicrographParameters

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr
    from matplotlib.figure import Figure

PRODUCT, SUM = "micrograph.nxs", "aligned.mrc"


class MicrographFiles(Values):
    """Files that belong to the movie."""

    gain: Path | None = Field(None, description="Gain reference of the camera, as an image")


class MicrographFlowParameters(Values):
    """Everything that may be chosen about it."""

    reading: ReadingParameters = ReadingParameters()
    files: MicrographFiles = MicrographFiles()
    micrograph: MicrographParameters = MicrographParameters()


@flow(name="em-micrograph", description="A movie or micrograph to motion and defocus")
def em_micrograph(
    sample: list[Path],
    parameters: MicrographFlowParameters = MicrographFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "em-micrograph",
) -> dict[str, Any]:
    """Correct and align a movie, and find the rings of the transfer function in its sum.

    Args:
        sample: One movie or micrograph: MRC, TIFF, EER or DM4
        parameters: How frames are corrected and aligned, and what must be known of the microscope
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)

    def reduced() -> Reduced:
        run = _one(sample, parameters)
        return micrograph(run, parameters.micrograph, _gain(parameters), _computing(run, cluster))

    work = Work(reduced, draw, PRODUCT, files={"sum": (SUM, write_sum)})
    return performed(order, sample, results, work)


@step("look at what was asked for")
def ask(sample: list[Path], parameters: MicrographFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    gain = _gain(parameters)
    inputs = ordered_inputs(sample=[_one(sample, parameters)], gain=[] if gain is None else [gain])
    values = parameters.model_dump(mode="json", exclude={"files": True})
    asked = orders.request("em-micrograph", sample, parameters)
    return orders.place(recipe, "spa", inputs, values, asked)


def _one(sample: list[Path], parameters: MicrographFlowParameters) -> Measurement:
    return only(sample, parameters.reading, ("image",), "a movie or a micrograph")


def _gain(parameters: MicrographFlowParameters) -> Measurement | None:
    path = parameters.files.gain
    return None if path is None else opened([path], ReadingParameters())[0]


def _computing(run: Measurement, cluster: str | None) -> Compute:
    def compute(lazy: da.Array, arrived: Arrived) -> None:
        stream(lazy, cluster_called(cluster), arrived, input_bytes=run.data["image"].nbytes)

    return compute


def write_sum(path: Path, table: xr.Dataset) -> None:
    """The aligned sum as MRC, as programs after this one take it."""
    voxel = None if "voxel" not in table else float(table["voxel"].values.mean())
    write_image(path, table["sum"].values, voxel)


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    chosen = {} if "motion" not in found.tables else {"motion": figures.motion(found.tables["motion"], title)}
    if "rings" in found.tables:
        chosen["rings"] = figures.rings(found.tables["rings"], found.facts, title)
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
