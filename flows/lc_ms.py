"""Ion currents over time, and a check of identified peptides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from pydantic import Field

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
from tasks.ms.chromatogram import chromatogram
from tasks.ms.parameters import ChromatogramParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "chromatogram.nxs"


class LcMsParameters(Values):
    """Everything that may be chosen about it."""

    identifications: Path | None = Field(None, description="idXML file of peptides identified in this run")
    chromatogram: ChromatogramParameters = ChromatogramParameters()


@flow(name="lc-ms", description="Ion currents over time, and a check of identified peptides")
def lc_ms(
    sample: list[Path],
    parameters: LcMsParameters = LcMsParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "lc-ms",
) -> dict[str, Any]:
    """Follow total and single ion currents, and look for identified peptides.

    Args:
        sample: One mzML file
        parameters: Which masses are followed, and the identifications
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; the data are small
        recipe: Name under which the product is kept
    """
    order = ask(sample, parameters, recipe)
    return performed(
        order,
        sample,
        results,
        Work(
            lambda: chromatogram(_one(sample), parameters.chromatogram, _identified(parameters)),
            draw,
            PRODUCT,
        ),
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: LcMsParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(sample=[_one(sample)], identifications=_identifications(parameters))
    values = parameters.model_dump(mode="json", exclude={"identifications": True})
    asked = orders.request("lc-ms", sample, parameters)
    return orders.place(recipe, "ms", inputs, values, asked)


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or not all("scan_time" in run.data for run in runs):
        raise UnsuitedError(sample[0], "not one mass spectrometry run with times")
    return runs[0]


def _identifications(parameters: LcMsParameters) -> list[Measurement]:
    path = parameters.identifications
    found = opened([path], ReadingParameters()) if path else []
    for run in found:
        if "peptide" not in run.data:
            raise UnsuitedError(run.provenance.path, "no table of identified peptides; give idXML")
    return found


def _identified(parameters: LcMsParameters) -> Measurement | None:
    return next(iter(_identifications(parameters)), None)


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    tables = found.tables
    chosen = {"chromatogram": figures.chromatogram(tables["chromatogram"], tables.get("extracted"), title)}
    if "identifications" in tables:
        chosen["identifications"] = figures.identification_errors(tables["identifications"], title)
    return chosen


LC_MS = Reduction(
    name="lc-ms",
    title="Chromatograms, and identifications checked against their run",
    techniques=("ms",),
    parameters=LcMsParameters,
    flow=lc_ms,
    ask=ask,
)
