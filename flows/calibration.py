"""A calibrant image in, a refined detector geometry out, or a refusal with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from prefect import flow
from pydantic import Field

from adapters.errors import UnsuitedError
from adapters.formats import poni
from adapters.model import Geometry, Measurement, merged
from adapters.stores.products import ProductStore
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.curve_product import publish_curve
from flows.engine import step
from flows.inputs import calibrated, corrections, detector_inputs, opened, ordered_inputs
from flows.parameters import DetectorFiles, ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from tasks.common import figures, masks
from tasks.common.calibration import Calibration, CalibrationParameters, calibrate, ring_angles
from tasks.common.geometry import pixel_maps, resolve
from tasks.common.integration import Corrections, integrate, prepare, total_image
from tasks.common.parameters import GeometryParameters, IntegrationParameters, Values

GEOMETRY = "geometry.poni"


class CalibrantParameters(Values):
    """Everything that may be chosen about a calibration."""

    calibration: CalibrationParameters = Field(description="What the rings come from, and how they are used")
    reading: ReadingParameters = ReadingParameters()
    files: DetectorFiles = DetectorFiles()
    geometry: GeometryParameters = GeometryParameters()
    integration: IntegrationParameters = IntegrationParameters()


@flow(name="calibration", description="A calibrant image to a refined detector geometry, or a refusal")
def calibration(
    sample: list[Path],
    parameters: CalibrantParameters,
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; a single image needs none)
    recipe: str = "calibration",
) -> dict[str, Any]:
    """Refine where the detector stands from the rings of a calibrant.

    Args:
        sample: One image of the calibrant, or several frames of it
        parameters: The calibrant, the geometry to start from, and when to refuse
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; a calibrant is one image
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        refined = refine_geometry(bench, sample, parameters)
        plots = draw(bench, refined, parameters, titled(sample))
        return publish(store, bench, order, refined, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"calibration with {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: CalibrantParameters, recipe: str) -> orders.Order:
    """Open the image, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=opened(sample, parameters.reading)) + detector_inputs(parameters.files)
    values = parameters.model_dump(mode="json", exclude={"files": True})
    return orders.place(recipe, "saxs", inputs, values, orders.request("calibration", sample, parameters))


@step("refine the geometry on the rings")
def refine_geometry(bench: Path, sample: list[Path], parameters: CalibrantParameters) -> str:
    """Find the rings, fit the geometry, and integrate with it."""
    run = _one(opened(sample, parameters.reading))
    start, said = resolve(run.metadata, parameters.geometry, calibrated(parameters.files))
    given = corrections(parameters.files)
    image, bad, told = _image(run, given, parameters)
    found = calibrate(image, bad, start, parameters.calibration)
    curve = _curve(run, found.geometry, given, parameters)
    poni.write(bench / GEOMETRY, found.geometry)
    leave(bench, "image", Leaf(_pixels(image, found), facts={"rings": len(found.rings)}))
    facts = {
        "files": [path.name for path in sample],
        "metadata": {"technique": "saxs", "wavelength_angstrom": found.geometry.wavelength_angstrom},
        "geometry": found.geometry.to_json(),
        "rings": [ring + 1 for ring in found.rings],
        "points": len(found.points.ring),
        "rms_px": found.rms_px,
    }
    flags = merged(run.flags, said, told, found.flags)
    return leave(bench, "calibrant", Leaf(curve, found.findings, flags, facts))


def _one(runs: list[Measurement]) -> Measurement:
    if len(runs) != 1 or "counts" not in runs[0].data:
        raise UnsuitedError(runs[0].provenance.path, "a calibration takes one run of detector images")
    return runs[0]


def _image(run: Measurement, given: Corrections, parameters: CalibrantParameters) -> tuple[Any, Any, Any]:
    rectangles = parameters.integration.masked_rectangles
    bad, told = masks.combined(run.data, given.mask, rectangles, run.provenance.path)
    image = np.asarray(total_image(run).compute(scheduler="threads").values, float)
    if given.dark is not None:
        image = image - given.dark * run.data.sizes["frame"]
    if given.flat is not None:
        image = np.where(given.flat > 0, image / np.where(given.flat > 0, given.flat, 1.0), np.nan)
    return image, bad, told


def _curve(
    run: Measurement, geometry: Geometry, given: Corrections, parameters: CalibrantParameters
) -> xr.Dataset:
    prepared = prepare(run, geometry, parameters.integration, given)
    curves = integrate(run, prepared, parameters.integration).compute(scheduler="threads")
    frames = curves.sizes["frame"]
    mean = curves[["intensity"]].mean("frame")
    mean["intensity_errors"] = np.sqrt((curves["intensity_errors"] ** 2).sum("frame")) / frames
    for name in ("intensity", "intensity_errors"):
        mean[name].attrs["units"] = "arbitrary"
    return mean


def _pixels(image: Any, found: Calibration) -> xr.Dataset:
    shape = (image.shape[0], image.shape[1])
    maps = pixel_maps(found.geometry, shape)
    return xr.Dataset(
        {
            "image": (("y", "x"), image, {"units": "count"}),
            "two_theta": (("y", "x"), maps.two_theta, {"units": "radian"}),
        }
    )


@step("draw")
def draw(bench: Path, refined: str, parameters: CalibrantParameters, title: str) -> tuple[str, ...]:
    """The rings over the image, and the pattern with the tabulated lines."""
    pixels, leaf = take(bench, "image").data, take(bench, refined)
    wavelength = leaf.fact("geometry")["wavelength_angstrom"]
    two_theta = pixels["two_theta"].values
    angles = ring_angles(parameters.calibration.calibrant, wavelength, float(two_theta.max()))
    q = 4 * np.pi / wavelength * np.sin(angles / 2)
    return drawn(
        bench,
        {
            "rings": figures.calibrant_image(pixels["image"].values, two_theta, angles, title),
            "curve": figures.calibrant_curve(leaf.data, q, title),
        },
    )


@step("commit the product", retries=1)
def publish(
    store: ProductStore,
    bench: Path,
    order: orders.Order,
    refined: str,
    plots: tuple[str, ...],
    started: float,
) -> Outcome:
    """The pattern as NXcanSAS, the geometry as PONI beside it."""
    told = ("files", "geometry", "rings", "points", "rms_px")
    return publish_curve(
        store, bench, order, take(bench, refined), tables={}, plots=plots, started=started, told=told
    )


CALIBRATION = Reduction(
    name="calibration",
    title="Detector geometry from a calibrant",
    techniques=("saxs", "waxs", "powder", "image"),
    parameters=CalibrantParameters,
    flow=calibration,
    ask=ask,
)
