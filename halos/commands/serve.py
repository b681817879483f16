"""`halos serve`: the hub on this machine, with a form for each recipe in the browser."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from halos.commands.output import Output, table
from halos.commands.settings import UsageError
from halos.commands.status import DONE
from halos.commands.stopping import stopped_by_signals

if TYPE_CHECKING:
    from deployments.hub import Hub

NAME = "serve"
HELP = "serve the hub on this machine: forms in the browser, a worker that does what they ask"
PORTS = range(65536)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=4200, help="port to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="the hub's own folder (default: ~/.halos, or HALOS_HOME)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="folder for products (default: HALOS_RESULTS, or results in the hub's folder)",
    )
    parser.add_argument(
        "--incoming",
        type=Path,
        metavar="DIR",
        help="take in what sites lay into their folders in DIR (default: HALOS_INCOMING, or none)",
    )
    parser.add_argument(
        "--at-once", type=int, default=2, metavar="N", help="analyses at the same time (default: %(default)s)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Serve until interrupted."""
    if args.port not in PORTS:
        raise UsageError(f"--port {args.port} is no port; give 0 to {PORTS[-1]}")
    if args.at_once < 1:
        raise UsageError("--at-once needs 1 or more")
    with stopped_by_signals():
        try:
            _serve(args, output)
        except KeyboardInterrupt:
            output.say("stopped")
    return DONE


def _serve(args: argparse.Namespace, output: Output) -> None:
    from deployments.hub import Plan, home_at, hub, incoming_at

    home = home_at(args.home, args.results, os.environ)
    incoming = incoming_at(args.incoming, os.environ)
    plan = Plan(home, host=args.host, port=args.port, at_once=args.at_once, incoming=incoming)
    with hub(plan, output.say, os.environ) as up:
        output.result(up.to_json(), lines(up))
        try:
            up.wait()
        finally:
            output.say("stopping the worker, then the server ...")


def lines(hub: Hub) -> list[str]:
    """The addresses, for a person."""
    rows = [(f"  {each.name}", each.form, each.description) for each in hub.offered]
    return [
        f"HALOS is at {hub.url}",
        "forms",
        *table(rows),
        f"results go to {hub.home.results}",
        *([] if hub.incoming is None else [f"products of sites come in by {hub.incoming}"]),
        "Ctrl-C stops it",
    ]
