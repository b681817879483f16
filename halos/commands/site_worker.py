"""`halos site worker`: take what the hub asks for, as far as the site allows it."""

from __future__ import annotations

import argparse
from pathlib import Path

from halos.commands.output import Output
from halos.commands.status import DONE
from halos.commands.stopping import stopped_by_signals

NAME = "worker"
HELP = "work for the hub, by the rules in policy.yaml, until interrupted"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this action's arguments."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the site's folder (default: here)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Work until Ctrl-C."""
    from deployments.site.site import site_at
    from deployments.site.worker import hub_of, working

    site = site_at(args.folder)
    with stopped_by_signals(), working(site, output.say) as worker:
        output.say(f"site {site.name} works for {hub_of(site)}; Ctrl-C stops it")
        worker.on()
    return DONE
