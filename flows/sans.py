"""SANS by time of flight: events of a sample in, I(q) out, with transmission and background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from prefect import flow
from pydantic import Field

from adapters.errors import MissingMetadataError, UnsuitedError
from adapters.formats import wavelength_table
from adapters.model import Finding, Flag, Measurement, merged
from adapters.stores.products import ProductStore
from flows import bench as benches
from flows import order as orders
from flows.bench import Leaf, leave, take
from flows.compute import stream
from flows.curve_product import publish_curve
from flows.curves import facts_of
from flows.engine import logger, step
from flows.inputs import opened, ordered_inputs
from flows.order import input_of
from flows.parameters import ReadingParameters
from flows.progress import reported
from flows.recipe import Reduction, cluster_called
from flows.results import Outcome, default_results, drawn, once, shown, titled
from tasks.common.parameters import Values
from tasks.sans import figures
from tasks.sans.beam import Spectrum, beam_of, transmission, transmission_flags
from tasks.sans.kernels.intensity import Curve, Exposure
from tasks.sans.kernels.table import EventPlan
from tasks.sans.parameters import BeamParameters, BinningParameters, InstrumentParameters
from tasks.sans.reduction import (
    Counted,
    counted,
    curve_of,
    edges_of,
    exposure,
    frame_flags,
    instrument_of,
    labelled,
    plan_of,
    slab_tables,
    subtracted,
)

TOLD = ("files", "events", "transmission", "source_distance_m")


class SansParameters(Values):
    """Everything that may be chosen about a SANS reduction."""

    background: tuple[Path, ...] = Field(
        (), description="Runs of the empty cell or the solvent; empty subtracts nothing"
    )
    sample_transmission: Path | None = Field(
        None, description="Run with the transmission of the sample; empty takes a number, or nothing"
    )
    background_transmission: Path | None = Field(
        None, description="Run with the transmission of the background"
    )
    empty_beam: Path | None = Field(
        None, description="Run without a sample, to which transmissions are relative"
    )
    direct_beam: Path | None = Field(
        None, description="Text with wavelength in angstrom and response of detector over monitor"
    )
    reading: ReadingParameters = ReadingParameters()
    instrument: InstrumentParameters = InstrumentParameters()
    binning: BinningParameters = BinningParameters()
    beam: BeamParameters = BeamParameters()
    background_beam: BeamParameters | None = Field(
        None, description="For the background, where it differs; empty takes the same as for the sample"
    )


@flow(name="sans", description="Neutron events to one curve I(q), with the covariance of its normalisation")
def sans(
    sample: list[Path],
    parameters: SansParameters = SansParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    cluster: str | None = None,
    recipe: str = "sans",
) -> dict[str, Any]:
    """Reduce the runs of one sample, with its background if there is one.

    Args:
        sample: Runs of the sample in event mode, each by its full path
        parameters: How to reduce them; every field has a default
        results: Folder for the product; empty takes the hub's own
        cluster: Where to compute, by the name of a cluster configuration; empty takes threads
        recipe: Name under which the product is kept
    """
    store = ProductStore(results or default_results())
    order = ask(sample, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        parts = count_events(bench, "sample", sample, parameters, cluster)
        curve = divide(bench, parts, parameters)
        if parameters.background:
            others = count_events(bench, "background", list(parameters.background), parameters, cluster)
            curve = subtract_background(bench, curve, divide(bench, others, parameters))
        plots = draw(bench, curve, titled(sample))
        return publish(store, bench, order, curve, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"SANS of {titled(sample)}")
    return outcome.to_json()


@step("look at what was asked for")
def ask(sample: list[Path], parameters: SansParameters, recipe: str) -> orders.Order:
    """Open every run, hash every file, and give the request its key."""
    inputs = ordered_inputs(
        sample=events_in(sample, parameters.reading),
        background=events_in(parameters.background, parameters.reading),
        sample_transmission=_one(parameters.sample_transmission, parameters),
        background_transmission=_one(parameters.background_transmission, parameters),
        empty_beam=_one(parameters.empty_beam, parameters),
    )
    if parameters.direct_beam is not None:
        wavelength_table.read(parameters.direct_beam)
        inputs.append(input_of("direct_beam", parameters.direct_beam))
    # Files count by their content, not by their names.
    files = dict.fromkeys(
        ("background", "sample_transmission", "background_transmission", "empty_beam", "direct_beam"), True
    )
    values = parameters.model_dump(mode="json", exclude=files)
    return orders.place(recipe, "sans", inputs, values, orders.request("sans", sample, parameters))


def events_in(paths: Sequence[Path], reading: ReadingParameters) -> list[Measurement]:
    """The runs, all of which must hold events."""
    runs = opened(paths, reading)
    for run in runs:
        if "event_id" not in run.data:
            said = f"a {run.metadata.technique} run without events; curves go to the recipe saxs"
            raise UnsuitedError(run.provenance.path, said)
    return runs


def _one(path: Path | None, parameters: SansParameters) -> list[Measurement]:
    return [] if path is None else opened([path], parameters.reading)


@step("count events")
def count_events(
    bench: Path, role: str, paths: list[Path], parameters: SansParameters, cluster: str | None
) -> str:
    """Every event once into a table over wavelength and q, and what of the beam each run had."""
    runs = events_in(paths, parameters.reading)
    chosen = parameters.instrument
    instruments = [instrument_of(run, chosen) for run in runs]
    wavelength, q = _edges(bench) or edges_of(instruments[0], parameters.binning)
    beam = parameters.background_beam if role == "background" else None
    through, mean, flags = _through(role, wavelength, instruments[0].flight_m, parameters)
    tables, exposures, events = [], [], 0
    for run, instrument in zip(runs, instruments, strict=True):
        plan = plan_of(instrument, chosen, wavelength, q)
        found = _streamed(run, plan, cluster, role)
        seen = beam_of(
            run,
            wavelength,
            instrument.flight_m,
            beam or parameters.beam,
            through,
            _response(parameters, wavelength),
        )
        exposures.append(exposure(found, plan, instrument, seen))
        tables.append(found.counts)
        events += found.events
        flags = merged(
            flags,
            run.flags,
            instrument.flags,
            frame_flags(instrument, chosen, wavelength),
            found.flags,
            seen.flags,
        )
    logger().info("%s: %d events in %d runs", role, events, len(runs))
    facts = {
        **facts_of(runs),
        "events": events,
        "transmission": mean,
        "source_distance_m": instruments[0].flight_m,
    }
    findings = _findings(mean) if role == "sample" else ()
    return leave(
        bench, f"{role}-counts", Leaf(_packed(exposures, wavelength, q, through), findings, flags, facts)
    )


def _edges(bench: Path) -> tuple[Any, Any] | None:
    # The background is subtracted point by point, so it shares the bins of the sample.
    if not benches.left(bench, "sample-counts"):
        return None
    data = take(bench, "sample-counts").data
    return data["wavelength_edges"].values, data["q_edges"].values


def _through(
    role: str, wavelength: Any, flight_m: float, parameters: SansParameters
) -> tuple[Spectrum | None, list[float] | None, tuple[Flag, ...]]:
    path = getattr(parameters, f"{role}_transmission")
    if path is None:
        return None, None, ()
    if parameters.empty_beam is None:
        raise MissingMetadataError("the beam without a sample", str(path.name), "empty_beam")
    run, empty = opened([path, parameters.empty_beam], parameters.reading)
    found = transmission(run, empty, wavelength, flight_m, parameters.beam)
    mean, error, flags = transmission_flags(found)
    return found, [mean, error], flags


def _findings(mean: list[float] | None) -> tuple[Finding, ...]:
    if mean is None or not np.isfinite(mean).all():
        return ()
    said = ("mean over the wavelengths used, weighted by precision",)
    return (
        Finding("transmission", mean[0], mean[1], "dimensionless", "monitors with and without sample", said),
    )


def _response(parameters: SansParameters, wavelength: Any) -> Any:
    if parameters.direct_beam is None:
        return None
    at, values = wavelength_table.read(parameters.direct_beam)
    middles = 0.5 * (wavelength[1:] + wavelength[:-1])
    return np.interp(middles, at, values, left=np.nan, right=np.nan)


def _streamed(run: Measurement, plan: EventPlan, cluster: str | None, role: str) -> Counted:
    rows = slab_tables(run, plan)
    total = np.zeros(plan.size, np.int64)
    name = Path(run.provenance.path).name
    with reported(f"counting {name}", rows.shape[0], f"count-{role}") as report:
        done = 0

        def arrived(_: int, block: np.ndarray[Any, Any]) -> None:
            nonlocal done
            total[:] += block.sum(axis=0)
            done += len(block)
            report(done)

        size = run.data["event_id"].nbytes + run.data["time_of_flight"].nbytes
        stream(rows, cluster_called(cluster), arrived, input_bytes=size)
    return counted(total, plan)


def _packed(exposures: list[Exposure], wavelength: Any, q: Any, through: Spectrum | None) -> xr.Dataset:
    none, sr = {"units": "dimensionless"}, {"units": "sr"}
    data = xr.Dataset(
        {
            "counts": (
                ("run", "wavelength", "q"),
                np.stack([each.counts for each in exposures]),
                {"units": "count"},
            ),
            "solid_angle": (
                ("run", "wavelength", "q"),
                np.stack([each.solid_angles for each in exposures]),
                sr,
            ),
            "beam": (("run", "wavelength"), np.stack([each.beam for each in exposures]), none),
            "beam_variance": (
                ("run", "wavelength"),
                np.stack([each.beam_variance for each in exposures]),
                none,
            ),
        },
        coords={
            "wavelength": ("wavelength", 0.5 * (wavelength[1:] + wavelength[:-1]), {"units": "angstrom"}),
            "q": ("q", 0.5 * (q[1:] + q[:-1]), {"units": "1/angstrom"}),
        },
    )
    data["wavelength_edges"] = ("wavelength_edge", wavelength, {"units": "angstrom"})
    data["q_edges"] = ("q_edge", q, {"units": "1/angstrom"})
    if through is not None:
        data["transmission"] = ("wavelength", through[0], none)
        data["transmission_errors"] = ("wavelength", np.sqrt(through[1]), none)
    return data


@step("divide by the beam")
def divide(bench: Path, counts: str, parameters: SansParameters) -> str:
    """Counts over what each cell could have seen, with the covariance of the beam."""
    leaf, role = take(bench, counts), counts.removesuffix("-counts")
    exposures = [
        Exposure(
            *(leaf.data[name].values[run] for name in ("counts", "solid_angle", "beam", "beam_variance"))
        )
        for run in range(leaf.data.sizes["run"])
    ]
    chosen = (role == "background" and parameters.background_beam) or parameters.beam
    curve, whole = curve_of(exposures, leaf.data["q_edges"].values, chosen)
    _leave_whole(bench, role, whole, leaf.data["q_edges"].values, str(curve["intensity"].attrs["units"]))
    return leave(bench, role, Leaf(curve, leaf.findings, leaf.flags, leaf.facts))


def _leave_whole(bench: Path, role: str, whole: Curve, edges: Any, unit: str) -> None:
    """Every bin with the covariance that the beam makes, which the plain curve has no place for."""
    q = ("q", 0.5 * (edges[1:] + edges[:-1]), {"units": "1/angstrom"})
    data = xr.Dataset(
        {
            "covariance": (("q", "q_other"), whole.common, {"units": f"({unit})**2"}),
            "intensity": ("q", whole.intensity, {"units": unit}),
            "variance": ("q", whole.variance, {"units": f"({unit})**2"}),
        },
        coords={"q": q, "q_other": ("q_other", q[1], q[2])},
    )
    data["q_edges"] = ("q_edge", edges, {"units": "1/angstrom"})
    leave(bench, f"{role}-whole", Leaf(data))


@step("subtract the background")
def subtract_background(bench: Path, sample: str, background: str) -> str:
    """Sample minus background, with errors and the covariance of both beams."""
    first, second = take(bench, sample), take(bench, background)
    both = [_curve(bench, sample), _curve(bench, background)]
    edges = take(bench, f"{sample}-whole").data["q_edges"].values
    unit = str(first.data["intensity"].attrs["units"])
    if second.data["intensity"].attrs["units"] != unit:
        raise UnsuitedError(background, "sample and background are on different scales")
    found = subtracted(*both)
    _leave_whole(bench, "subtracted", found, edges, unit)
    flags = merged(first.flags, (_of(background, flag) for flag in second.flags))
    return leave(bench, "subtracted", Leaf(labelled(found, edges, unit), first.findings, flags, first.facts))


def _curve(bench: Path, role: str) -> Curve:
    data = take(bench, f"{role}-whole").data
    return Curve(data["intensity"].values, data["variance"].values, data["covariance"].values)


def _of(role: str, flag: Flag) -> Flag:
    return Flag(flag.code, flag.severity, f"{role}: {flag.message}")


@step("draw")
def draw(bench: Path, curve: str, title: str) -> tuple[str, ...]:
    """Pictures beside the product."""
    counts = take(bench, "sample-counts").data
    summed = counts.sum("run", keep_attrs=True)
    chosen = {
        "curve": figures.curve(take(bench, curve).data, title),
        "table": figures.table(summed, title),
        "beam": figures.beam(summed, title),
    }
    return drawn(bench, chosen)


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: orders.Order, curve: str, plots: tuple[str, ...], started: float
) -> Outcome:
    """One NXcanSAS file with its manifest, committed whole."""
    leaf = take(bench, curve)
    counts = take(bench, "sample-counts").data
    beam = counts[[name for name in counts.data_vars if counts[name].dims[-1:] == ("wavelength",)]]
    whole = take(bench, f"{curve}-whole").data
    tables = {
        "counts": counts[["counts", "solid_angle"]].sum("run", keep_attrs=True),
        "beam": beam.sum("run", keep_attrs=True),
        "covariance": whole[["covariance"]],
    }
    if curve == "subtracted":
        tables |= {name: take(bench, name).data for name in ("sample", "background")}
    return publish_curve(store, bench, order, leaf, tables=tables, plots=plots, started=started, told=TOLD)


SANS = Reduction(
    name="sans",
    title="SANS by time of flight: events to I(q)",
    techniques=("sans",),
    parameters=SansParameters,
    flow=sans,
    ask=ask,
)
