"""Several subtracted curves of one sample: a concentration series to zero, or SAXS and WAXS to one curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import xarray as xr
from prefect import flow
from pydantic import Field

from adapters.errors import MissingMetadataError, UnsuitedError
from adapters.model import Flag, Measurement, merged
from adapters.stores.products import ProductStore
from flows import bench as benches
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.curve_product import publish_curve
from flows.curves import metadata_of
from flows.engine import step
from flows.inputs import opened, ordered_inputs
from flows.parameters import ReadingParameters
from flows.recipe import Reduction
from flows.results import Outcome, default_results, drawn, once, shown, titled
from tasks.common.parameters import Values
from tasks.saxs import figures
from tasks.saxs.merging import merge
from tasks.saxs.parameters import MergingParameters, SeriesParameters, ShapeParameters
from tasks.saxs.series import extrapolate
from tasks.saxs.shape import characterise

TABLES = ("series", "low", "high", "guinier", "distances", "fit", "kratky")


class CombinationParameters(Values):
    """Everything that may be chosen about combining curves of one sample."""

    combine: Literal["concentrations", "ranges"] = Field(
        "concentrations", description="Extrapolate to zero concentration, or merge a low and a high q range"
    )
    concentrations_mg_ml: tuple[float, ...] = Field(
        (), description="Concentration of each curve in mg/ml, in their order; empty takes the files'"
    )
    reading: ReadingParameters = ReadingParameters()
    series: SeriesParameters = SeriesParameters()
    merging: MergingParameters = MergingParameters()
    shape: ShapeParameters = ShapeParameters()


@flow(name="saxs-series", description="Curves of one sample to one: zero concentration, or SAXS with WAXS")
def saxs_series(
    sample: list[Path],
    parameters: CombinationParameters = CombinationParameters(),  # noqa: B008 (frozen)
    results: Path | None = None,
    cluster: str | None = None,  # noqa: ARG001 (every reduction takes one; curves need none)
    recipe: str = "saxs-series",
) -> dict[str, Any]:
    """Combine subtracted curves of one sample, then find size, shape and mass.

    Args:
        sample: The curves: products of earlier reductions, or curve files
        parameters: How to combine them; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Not used; curves are small
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        combined = combine(bench, sample, parameters)
        answer = characterise_particle(bench, combined, parameters)
        plots = draw(bench, answer, titled(sample))
        return publish(store, bench, order, answer, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"{recipe} of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: CombinationParameters, recipe: str) -> orders.Order:
    """Open every curve, hash every file, and give the request its key."""
    inputs = ordered_inputs(sample=opened(sample, parameters.reading))
    values = parameters.model_dump(mode="json")
    return orders.place(recipe, "saxs", inputs, values, orders.request("saxs-series", sample, parameters))


@step("combine the curves")
def combine(bench: Path, sample: list[Path], parameters: CombinationParameters) -> str:
    """Extrapolate to zero concentration, or merge the ranges."""
    runs = opened(sample, parameters.reading)
    curves = [_curve(run) for run in runs]
    flags = merged(*(run.flags for run in runs))
    facts = {"files": [Path(run.provenance.path).name for run in runs], "metadata": {"technique": "saxs"}}
    if parameters.combine == "ranges":
        return _merged(bench, curves, flags, facts, parameters)
    return _extrapolated(bench, runs, curves, flags, facts, parameters)


def _curve(run: Measurement) -> xr.Dataset:
    if "intensity" not in run.data or run.data["intensity"].dims != ("frame", "q"):
        raise UnsuitedError(run.provenance.path, "not a curve of I(q); reduce it first")
    if run.data.sizes["frame"] != 1:
        raise UnsuitedError(
            run.provenance.path, f"{run.data.sizes['frame']} frames where one curve is needed"
        )
    if "intensity_errors" not in run.data:
        raise UnsuitedError(run.provenance.path, "its curve has no uncertainties")
    return run.data[["intensity", "intensity_errors"]].isel(frame=0, drop=True).compute()


def _merged(
    bench: Path,
    curves: list[xr.Dataset],
    flags: tuple[Flag, ...],
    facts: dict[str, Any],
    parameters: CombinationParameters,
) -> str:
    if len(curves) != 2:
        raise UnsuitedError(facts["files"][0], f"merging takes two curves, low and high, not {len(curves)}")
    low, high = sorted(curves, key=lambda curve: float(curve["q"][0]))
    found = merge(low, high, parameters.merging)
    leave(bench, "low", Leaf(low))
    leave(bench, "high", Leaf(high))
    return leave(bench, "combined", Leaf(found.curve, flags=merged(flags, found.flags), facts=facts))


def _extrapolated(
    bench: Path,
    runs: list[Measurement],
    curves: list[xr.Dataset],
    flags: tuple[Flag, ...],
    facts: dict[str, Any],
    parameters: CombinationParameters,
) -> str:
    given = parameters.concentrations_mg_ml
    concentrations = list(given) or [_concentration(run) for run in runs]
    found = extrapolate(curves, concentrations, parameters.series)
    leave(bench, "series", Leaf(found.series))
    facts["concentrations_mg_ml"] = concentrations
    return leave(
        bench, "combined", Leaf(_legal(found.curve), found.findings, merged(flags, found.flags), facts)
    )


def _concentration(run: Measurement) -> float:
    stated = run.metadata.concentration_mg_ml
    if stated is None:
        name = "concentration_mg_ml"
        raise MissingMetadataError(name, Path(run.provenance.path).name, "concentrations_mg_ml")
    return stated


def _legal(curve: xr.Dataset) -> xr.Dataset:
    """Intensity per mg/ml in a unit that NXcanSAS knows: 1/cm per mg/ml is 1000 cm2/g."""
    absolute = str(curve["intensity"].attrs["units"]).startswith("1/cm")
    factor, unit = (1000.0, "cm2/g") if absolute else (1.0, "arbitrary")
    scaled = curve.copy()
    for name in ("intensity", "intensity_errors"):
        scaled[name] = (curve[name].dims, curve[name].values * factor, {"units": unit})
    return scaled


@step("find size, shape and mass")
def characterise_particle(bench: Path, combined: str, parameters: CombinationParameters) -> str:
    """Guinier, P(r), volumes and masses of the combined curve."""
    leaf = take(bench, combined)
    found = characterise(leaf.data, metadata_of(leaf, "saxs"), parameters.shape)
    for name in ("guinier", "distances", "fit", "kratky"):
        leave(bench, name, Leaf(getattr(found, name)))
    whole = Leaf(leaf.data, leaf.findings + found.findings, merged(leaf.flags, found.flags), leaf.facts)
    return leave(bench, "answer", whole)


@step("draw")
def draw(bench: Path, answer: str, title: str) -> tuple[str, ...]:
    """The series or the ranges, then the plots of the combined curve."""
    leaf = take(bench, answer)
    chosen: dict[str, Any] = {}
    if benches.left(bench, "series") and (series := take(bench, "series").data).data_vars:
        chosen["series"] = figures.series(series, title)
    parts = {name: take(bench, name).data for name in ("low", "high") if benches.left(bench, name)}
    fits = {name: take(bench, name).data for name in ("guinier", "kratky", "distances", "fit")}
    chosen |= figures.shape_plots({**parts, "combined": leaf.data}, fits, title)
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, answer: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """The combined curve as NXcanSAS, with what it was made of."""
    names = [name for name in TABLES if benches.left(bench, name)]
    tables = {name: take(bench, name).data for name in names}
    told = ("files", "concentrations_mg_ml")
    leaf = take(bench, answer)
    return publish_curve(store, bench, order, leaf, tables=tables, plots=plots, started=started, told=told)


SAXS_SERIES = Reduction(
    name="saxs-series",
    title="Several curves of one sample to one",
    techniques=("saxs", "waxs", "curve"),
    parameters=CombinationParameters,
    flow=saxs_series,
    ask=ask,
)
