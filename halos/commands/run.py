"""`halos run`: a campaign in, every run reduced, the answer about the sample out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from halos.commands.fuse import lines as passport_lines
from halos.commands.output import Output, table
from halos.commands.reduce import performed
from halos.commands.settings import UsageError
from halos.commands.status import BROKEN, DONE, FAULT, status_of_kind

NAME = "run"
HELP = "run a campaign: reduce every run of a sample, fuse the products, write the passport"
PLANNED = {"asked": "to do", "done": "there already"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("campaign", type=Path, metavar="CAMPAIGN", help="the campaign's YAML file")
    parser.add_argument(
        "--out", type=Path, help="folder for products (default: halos-results, or HALOS_RESULTS)"
    )
    parser.add_argument(
        "--cluster", help="a cluster by name, or a YAML file (default: threads, or HALOS_CLUSTER)"
    )

    parser.add_argument(
        "--wait",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="how long to wait for sites (default: 3600); what takes longer goes on there",
    )
    parser.add_argument(
        "--key", type=Path, help="your private key, to sign what sites are asked (default: HALOS_KEY)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Say the plan, do it, and say what came of it."""
    if not args.campaign.is_file():
        raise UsageError(f"{args.campaign} is no file; give the campaign's YAML file")
    from flows.campaign_reader import read
    from flows.run_campaign import plan, run_campaign

    work = read(args.campaign)
    for line in plan_lines(plan(work, args.out)):
        output.say(line)
    if args.key is not None:
        os.environ["HALOS_KEY"] = str(args.key)
    answer = performed(
        run_campaign,
        output,
        args.campaign,
        results=args.out,
        cluster=args.cluster,
        patience_s=args.wait,
    )
    output.result(answer, lines(answer))
    return status(answer["runs"])


def plan_lines(planned: Iterable[Any]) -> list[str]:
    """The plan for a person."""
    rows = [
        (f"  {each.name}", each.recipe, PLANNED.get(each.state, each.state), each.reason) for each in planned
    ]
    return ["plan", *table(rows)]


def lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer for a person: each run with its state, then each passport."""
    rows = [
        (
            f"  {each['name']}",
            each["recipe"],
            each["site"],
            each["state"],
            each["reason"] or str(each["product"]),
        )
        for each in answer["runs"]
    ]
    said = [f"runs of {answer['sample']}", *table(rows)]
    for each in answer["fusions"]:
        said.append(f"answer {each['name']}")
        said += ["  none: no run has a product"] if each["answer"] is None else passport_lines(each["answer"])
    remarks = [f"  {flag['severity']}: {flag['message']}" for flag in answer["flags"]]
    return [*said, "to mind", *remarks] if remarks else said


def status(runs: Iterable[Mapping[str, Any]]) -> int:
    """Done if all runs are; else what the failed ones share, or the graver of fault and broken."""
    failed = {status_of_kind(each["kind"]) for each in runs if each["kind"]}
    if len(failed) <= 1:
        return failed.pop() if failed else DONE
    return FAULT if FAULT in failed else BROKEN
