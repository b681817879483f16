"""`halos site`: a facility's side, one module an action."""

from __future__ import annotations

import argparse
from typing import Any

from halos.commands import site_check, site_init, site_outbox, site_watch, site_worker
from halos.commands.output import Output

NAME = "site"
HELP = "a facility's side: reduce where the data lie, by the facility's own rules"
ACTIONS: tuple[Any, ...] = (site_init, site_check, site_worker, site_watch, site_outbox)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    names = " | ".join(action.NAME for action in ACTIONS)
    actions = parser.add_subparsers(dest="action", metavar=f"[{names}]", required=True)
    for action in ACTIONS:
        sub = actions.add_parser(action.NAME, help=action.HELP, description=action.HELP)
        action.arguments(sub)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, output: Output) -> int:
    """Do the action."""
    chosen = next(action for action in ACTIONS if args.action == action.NAME)
    return int(chosen.run(args, output))
