"""Every run of a campaign to its product, and the products to the answers about the sample."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from adapters.model import Flag
from adapters.stores.products import ProductStore
from flows.campaign import Job, Join, Work
from flows.campaign_reader import read
from flows.campaign_rows import Planned, Reduced
from flows.campaign_sites import ask_sites, asking, await_sites
from flows.engine import in_flow_run, logger, step
from flows.fuse import fuse
from flows.ledger.entering import entered
from flows.order import request
from flows.progress import reported
from flows.results import default_results
from flows.states import ASKED, DONE, kind_of, state_of
from flows.telling import ROOMS

PATIENCE_S = 3600.0


@flow(name="campaign", description="Every run of a sample to its product, and the products to one answer")
def run_campaign(
    campaign: Path,
    results: Path | None = None,
    cluster: str | None = None,
    patience_s: float = PATIENCE_S,
) -> dict[str, Any]:
    """Reduce all runs of a campaign where their data lie, and fuse what came of them.

    Args:
        campaign: The campaign's YAML file
        results: Folder for products; empty takes the hub's own
        cluster: Where to compute what lies here, by the name of a cluster configuration; empty takes threads
        patience_s: How long to wait for sites, in seconds; what takes longer goes on there
    """
    work = read(campaign)
    home = results or default_results()
    look_what_is_there(work, home)
    with asking(work.away, home) as sites:
        asked = ask_sites(work.away, sites)
        reduced = reduce_runs(work.jobs, home, cluster)
        reduced += await_sites(asked, sites, patience_s)
    fused = [fuse_runs(join, reduced, home) for join in work.joins]
    return answered(work, reduced, fused)


def plan(work: Work, results: Path | None = None) -> list[Planned]:
    """What will become of each run, without computing anything."""
    store = ProductStore(results or default_results())
    here = [_planned(job, store) for job in work.jobs]
    # What a site has done already is for the site to say.
    return here + [Planned(run.name, run.recipe, ASKED, f"at {run.site}", None) for run in work.away]


@step("look what is there")
def look_what_is_there(work: Work, results: Path) -> None:
    """Tell what will be reduced, what is there already, and what cannot be, with the reason."""
    for each in plan(work, results):
        logger().info("%s (%s): %s %s", each.name, each.recipe, each.state, each.reason)


def _planned(job: Job, store: ProductStore) -> Planned:
    if job.reduction.ask is None:
        return Planned(job.name, job.recipe, ASKED, "", None)
    # A run that cannot be read must not keep the others from being planned.
    try:
        key = job.reduction.ask(list(job.paths), job.parameters, job.recipe).key
    except Exception as error:
        return Planned(job.name, job.recipe, state_of(error), str(error), None)
    state = DONE if store.find(job.recipe, key) is not None else ASKED
    return Planned(job.name, job.recipe, state, "", key)


def reduce_runs(jobs: Sequence[Job], results: Path, cluster: str | None) -> list[Reduced]:
    """Reduce one run after another; one that fails does not stop the others."""
    reduced = []
    with reported("runs of the campaign", len(jobs), "runs") as report:
        for number, job in enumerate(jobs, start=1):
            reduced.append(_reduced(job, results, cluster))
            report(number)
    return reduced


def _reduced(job: Job, results: Path, cluster: str | None) -> Reduced:
    reduction: Any = job.reduction.flow
    call = reduction if in_flow_run() else getattr(reduction, "fn", reduction)
    asked = request(job.reduction.name, job.paths, job.parameters)
    try:
        with entered(results, job.recipe, job.paths, asked):
            answer = call(
                list(job.paths),
                parameters=job.parameters,
                results=results,
                cluster=cluster,
                recipe=job.recipe,
            )
    except Exception as error:
        return _failed(job, error)
    return Reduced(job.name, job.recipe, DONE, "", None, answer)


def _failed(job: Job, error: Exception) -> Reduced:
    ours = type(error).__module__.partition(".")[0] in ROOMS
    level, trace = (logging.INFO, None) if ours else (logging.ERROR, error)
    logger().log(level, "%s could not be reduced: %s", job.name, error, exc_info=trace)
    return Reduced(job.name, job.recipe, state_of(error), str(error), kind_of(error), None)


def fuse_runs(join: Join, reduced: Sequence[Reduced], results: Path) -> dict[str, Any] | None:
    """The answer from those runs that have a product, None where none has."""
    products = [
        Path(each.answer["product"]) for each in reduced if each.name in join.runs and each.answer is not None
    ]
    if not products:
        return None
    call: Any = fuse if in_flow_run() else fuse.fn
    answer: dict[str, Any] = call(products, parameters=join.parameters, results=results)
    return answer


def answered(
    work: Work, reduced: Sequence[Reduced], fused: Sequence[dict[str, Any] | None]
) -> dict[str, Any]:
    """The answer of `halos run --json` and of the flow: the first fusion on top, all below."""
    first = fused[0] or {"passport": None, "report": None, "crate": None, "quantities": {}, "products": []}
    said = {name: first[name] for name in ("passport", "report", "crate", "quantities", "products")}
    missing = [each for each in reduced if each.state != DONE]
    flags = [*first.get("flags", []), *(flag.to_json() for flag in _remarks(work, first, missing))]
    return {
        "sample": work.sample.name,
        **said,
        "flags": flags,
        "runs": [each.to_json() for each in reduced],
        "fusions": [
            {"name": join.name, "answer": answer} for join, answer in zip(work.joins, fused, strict=True)
        ],
    }


def _remarks(work: Work, first: dict[str, Any], missing: Sequence[Reduced]) -> list[Flag]:
    remarks = [
        Flag.caution("run_without_product", f"{each.name} is not in the answer ({each.state}): {each.reason}")
        for each in missing
    ]
    found = first["quantities"].get("oligomeric_state", {}).get("consensus")
    expected = work.sample.stoichiometry
    if expected is not None and found is not None and round(found) != expected:
        said = f"the campaign expects {expected} protomers in a particle, the runs say {found:g}"
        remarks.append(Flag.caution("stoichiometry_differs", said))
    return remarks
