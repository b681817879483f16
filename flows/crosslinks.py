"""Cross-linked residues to distances in a structure."""

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
from tasks.ms.crosslinks import Model, model_of
from tasks.ms.crosslinks import crosslinks as measure
from tasks.ms.parameters import CrosslinkParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCT = "crosslinks.nxs"


class CrosslinkFlowParameters(Values):
    """Everything that may be chosen about it."""

    structure: Path | None = Field(None, description="PDB or mmCIF file in which distances are measured")
    sequences: Path | None = Field(None, description="FASTA file of the linked proteins")
    links: CrosslinkParameters = CrosslinkParameters()


@flow(name="crosslinks", description="Cross-linked residues to distances in a structure")
def crosslinks(
    sample: list[Path],
    parameters: CrosslinkFlowParameters = CrosslinkFlowParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; these data need none)
    recipe: str = "crosslinks",
) -> dict[str, Any]:
    """List unique residue pairs, and measure them in a structure where one is given.

    Args:
        sample: One table of cross-links
        parameters: Which links count, and the structure
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
            lambda: measure(_one(sample), parameters.links, _model(parameters), _proteins(parameters)),
            draw,
            PRODUCT,
        ),
    )


@step("look at what was asked for")
def ask(sample: list[Path], parameters: CrosslinkFlowParameters, recipe: str) -> orders.Order:
    """Open every file, hash it, and give the request its key."""
    inputs = ordered_inputs(
        sample=[_one(sample)], structure=_read(parameters.structure), sequences=_read(parameters.sequences)
    )
    values = parameters.model_dump(mode="json", exclude={"structure": True, "sequences": True})
    asked = orders.request("crosslinks", sample, parameters)
    return orders.place(recipe, "ms", inputs, values, asked)


def _one(sample: list[Path]) -> Measurement:
    runs = opened(sample, ReadingParameters())
    if len(runs) != 1 or not all("residue_1" in run.data for run in runs):
        raise UnsuitedError(sample[0], "not one table of cross-links")
    return runs[0]


def _read(path: Path | None) -> list[Measurement]:
    return opened([path], ReadingParameters()) if path else []


def _model(parameters: CrosslinkFlowParameters) -> Model | None:
    for run in _read(parameters.structure):
        if run.metadata.technique != "structure":
            raise UnsuitedError(run.provenance.path, "no atomic model; give a PDB or mmCIF file")
        return model_of(run)
    return None


def _proteins(parameters: CrosslinkFlowParameters) -> dict[str, str]:
    for run in _read(parameters.sequences):
        if "protein_sequence" not in run.data:
            raise UnsuitedError(run.provenance.path, "no sequences; give a FASTA file")
        both = (run.data["accession"].values, run.data["protein_sequence"].values)
        return {str(name): str(sequence) for name, sequence in zip(*both, strict=True)}
    return {}


def draw(found: Reduced, title: str) -> dict[str, Figure]:
    """Its plots, in the order in which they are best looked at."""
    chosen = {"pairs": figures.link_plane(found.tables["pairs"], title)}
    if "distances" in found.tables:
        longest, chance = found.facts["longest_allowed_angstrom"], found.facts["by_chance_median_angstrom"]
        chosen["distances"] = figures.link_distances(found.tables["distances"], longest, chance, title)
    return chosen


CROSSLINKS = Reduction(
    name="crosslinks",
    title="Cross-links, and their distances in a structure",
    techniques=("ms",),
    parameters=CrosslinkFlowParameters,
    flow=crosslinks,
    ask=ask,
)
