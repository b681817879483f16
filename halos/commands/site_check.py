"""`halos site check`: everything that is wrong with a site, and what to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from halos.commands.output import Output
from halos.commands.status import DONE, USAGE

NAME = "check"
HELP = "say everything that is wrong with a site, and what to do"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this action's arguments."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the site's folder (default: here)"
    )
    parser.add_argument("--no-hub", action="store_true", help="do not call the hub")


def run(args: argparse.Namespace, output: Output) -> int:
    """Look at everything, and tell all faults at once."""
    from configs.load import ConfigurationError
    from deployments.site.check import check, unreadable
    from deployments.site.site import site_at

    try:
        found = check(site_at(args.folder), with_hub=not args.no_hub)
    except ConfigurationError as error:
        found = unreadable(args.folder.resolve(), error)
    lines = [f"fault   {each}" for each in found.faults] + [f"remark  {each}" for each in found.remarks]
    if not found.faults:
        lines.append(f"site {found.site} is in order")
    output.result(found.to_json(), lines)
    return USAGE if found.faults else DONE
