"""SAXS or WAXS of one sample: frames in, size and mass of the particle out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from pydantic import Field

from adapters.model import merged
from adapters.stores.products import ProductStore
from flows import bench as benches
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.curve_product import publish_curve
from flows.curves import metadata_of, stacked
from flows.engine import logger, step
from flows.inputs import calibrated, corrections, detector_inputs, opened, ordered_inputs
from flows.parameters import ImageParameters, ReadingParameters
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from tasks.common.parameters import Values
from tasks.saxs import figures
from tasks.saxs.frames import average
from tasks.saxs.parameters import AveragingParameters, ShapeParameters, SubtractionParameters
from tasks.saxs.shape import characterise
from tasks.saxs.subtraction import subtract

TABLES = ("sample", "buffer", "guinier", "distances", "fit", "kratky")
TOLD = ("files", "kept", "frames", "buffer_scale", "buffer_scale_error")


class SaxsParameters(Values):
    """Everything that may be chosen about a SAXS reduction."""

    buffer: tuple[Path, ...] = Field(
        (), description="Frames of the buffer alone; empty takes the sample's curve as subtracted already"
    )
    reading: ReadingParameters = ReadingParameters()
    images: ImageParameters = ImageParameters()
    averaging: AveragingParameters = AveragingParameters()
    subtraction: SubtractionParameters = SubtractionParameters()
    shape: ShapeParameters = ShapeParameters()


@flow(name="saxs", description="Frames to one curve, and from it size, shape and mass of the particle")
def saxs(
    sample: list[Path],
    parameters: SaxsParameters = SaxsParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "saxs",
) -> dict[str, Any]:
    """Reduce one sample, with its buffer if there is one.

    Args:
        sample: Frames of the sample: files, or folders of files, each by its full path
        parameters: How to reduce them; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        frames = curves_of(bench, "sample", sample, parameters, cluster)
        curve = average_frames(bench, frames, parameters)
        if parameters.buffer:
            buffer_frames = curves_of(bench, "buffer", list(parameters.buffer), parameters, cluster)
            buffer = average_frames(bench, buffer_frames, parameters)
            curve = subtract_buffer(bench, curve, buffer, parameters)
        answer = characterise_particle(bench, curve, parameters)
        plots = draw(bench, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"SAXS of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: SaxsParameters, recipe: str) -> orders.Order:
    """Open every run, hash every file, and give the request its key."""
    runs = {
        "sample": opened(sample, parameters.reading),
        "buffer": opened(parameters.buffer, parameters.reading),
    }
    inputs = ordered_inputs(**runs) + detector_inputs(parameters.images.files)
    # Files count by their content, not by their names.
    values = parameters.model_dump(mode="json", exclude={"buffer": True, "images": {"files": True}})
    return orders.place(
        recipe, _technique(runs["sample"]), inputs, values, orders.request("saxs", sample, parameters)
    )


def _technique(runs: list[Any]) -> str:
    stated = {run.metadata.technique for run in runs} - {"image", "curve"}
    return stated.pop() if len(stated) == 1 else "saxs"


@step("bring frames to curves")
def curves_of(
    bench: Path, role: str, paths: list[Path], parameters: SaxsParameters, cluster: str | None
) -> str:
    """Integrate images, or take curves as they are; one stack of frames."""
    images = parameters.images
    normalization = images.normalization
    if role == "buffer" and images.buffer_normalization is not None:
        normalization = images.buffer_normalization
    leaf, picture = stacked(
        role,
        opened(paths, parameters.reading),
        images,
        normalization,
        calibrated(images.files),
        corrections(images.files),
        cluster_called(cluster),
        _rings_of_sample(bench),
    )
    if picture is not None:
        leave(bench, f"{role}-picture", picture)
    logger().info("%s: %d frames of %d points", role, leaf.data.sizes["frame"], leaf.data.sizes["q"])
    return leave(bench, f"{role}-frames", leaf)


def _rings_of_sample(bench: Path) -> Any:
    # Sample and buffer are subtracted point by point, so they share their rings.
    if not benches.left(bench, "sample-picture"):
        return None
    return take(bench, "sample-picture").data["ring_edges"].values


@step("average frames that agree")
def average_frames(bench: Path, frames: str, parameters: SaxsParameters) -> str:
    """One curve of all frames that are the same within their noise."""
    stack = take(bench, frames)
    found = average(stack.data, parameters.averaging)
    role = frames.removesuffix("-frames")
    flags = merged(stack.flags, (_told_of(role, flag) for flag in found.flags))
    facts = {**(stack.facts or {}), "kept": list(found.kept), "frames": stack.data.sizes["frame"]}
    return leave(bench, role, Leaf(found.curve, flags=flags, facts=facts))


def _told_of(role: str, flag: Any) -> Any:
    return type(flag)(flag.code, flag.severity, f"{role}: {flag.message}")


@step("subtract the buffer")
def subtract_buffer(bench: Path, sample: str, buffer: str, parameters: SaxsParameters) -> str:
    """Sample minus buffer, with errors."""
    whole, background = take(bench, sample), take(bench, buffer)
    found = subtract(whole.data, background.data, parameters.subtraction)
    facts = {**(whole.facts or {}), "buffer_scale": found.scale, "buffer_scale_error": found.scale_error}
    flags = merged(whole.flags, background.flags, found.flags)
    return leave(bench, "subtracted", Leaf(found.curve, flags=flags, facts=facts))


@step("find size, shape and mass")
def characterise_particle(bench: Path, curve: str, parameters: SaxsParameters) -> str:
    """Guinier, P(r), volumes, masses, and every doubt about them."""
    leaf = take(bench, curve)
    scale = parameters.images.normalization.absolute_scale_uncertainty
    measured = leaf.data.assign_attrs(scale_uncertainty=scale or 0.0)
    found = characterise(measured, metadata_of(leaf, "saxs"), parameters.shape)
    for name in ("guinier", "distances", "fit", "kratky"):
        leave(bench, name, Leaf(getattr(found, name)))
    facts = {**(leaf.facts or {}), "curve": curve}
    return leave(bench, "answer", Leaf(leaf.data, found.findings, merged(leaf.flags, found.flags), facts))


@step("draw")
def draw(bench: Path, title: str) -> tuple[str, ...]:
    """Pictures beside the product."""
    chosen: dict[str, Any] = {}
    if benches.left(bench, "sample-picture"):
        chosen["detector"] = figures.detector(take(bench, "sample-picture").data, title)
    there = [name for name in ("sample", "buffer", "subtracted") if benches.left(bench, name)]
    fits = {name: take(bench, name).data for name in ("guinier", "kratky", "distances", "fit")}
    chosen |= figures.shape_plots({name: take(bench, name).data for name in there}, fits, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """One NXcanSAS file with its manifest, committed whole."""
    names = [name for name in TABLES if benches.left(bench, name)]
    tables = {name: take(bench, name).data for name in names}
    leaf = take(bench, answer)
    return publish_curve(store, bench, order, leaf, tables=tables, plots=plots, started=started, told=TOLD)


SAXS = Reduction(
    name="saxs",
    title="SAXS or WAXS of one sample, with its buffer",
    techniques=("saxs", "waxs", "sans", "image", "curve"),
    parameters=SaxsParameters,
    flow=saxs,
    ask=ask,
)
