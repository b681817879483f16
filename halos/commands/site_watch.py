"""`halos site watch`: every run below the data roots is reduced by itself, by rule."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halos.commands.output import Output, table
from halos.commands.status import BROKEN, DONE, MISSING, NOT_READY
from halos.commands.stopping import stopped_by_signals

if TYPE_CHECKING:
    from deployments.site.site import Site

NAME = "watch"
HELP = "reduce every run below the data roots by itself, once, by the rules in watch.yaml"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this action's arguments."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the site's folder (default: here)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="end when nothing more can be done now")
    how.add_argument("--status", action="store_true", help="only say what is known of each run")


def run(args: argparse.Namespace, output: Output) -> int:
    """Watch until Ctrl-C; with --once until nothing more can be done."""
    from deployments.audit import Audit
    from deployments.site.site import site_at
    from deployments.site.watch import watching
    from deployments.site.ways import ways_out

    site = site_at(args.folder)
    if args.status:
        return _told(_known(site), output)
    with (
        stopped_by_signals(),
        ways_out(site, Audit(site.audit), output.say) as ways,
        watching(site, output.say, ways.let_go) as watch,
    ):
        if not args.once:
            output.say(f"watching {', '.join(map(str, site.roots.values()))}; Ctrl-C stops it")
            watch.on()
        watch.once()
        ways.flush()
        return _told(watch.status(), output)


def _known(site: Site) -> dict[str, Any]:
    from deployments.site.kept import Kept, status_of
    from flows.ledger.database import missing, place_of
    from flows.ledger.ledger import ledger_of

    # Looking does not lay a ledger where there is none yet.
    if missing(place_of(site.results)) is not None:
        return status_of(site.name, {})
    return Kept(site, ledger_of(site.results)).status()


def _told(status: Mapping[str, Any], output: Output) -> int:
    rows = [
        (each["state"], each["run"], each["recipe"], each["reason"] or each["product"])
        for each in status["runs"]
    ]
    counts = [f"{count} {state}" for state, count in status["counts"].items() if count]
    output.result(status, [*table(rows), ", ".join(counts) or "no run is known yet"])
    return _ends_in(status["counts"])


def _ends_in(counts: Mapping[str, int]) -> int:
    """The gravest of what became of the runs."""
    gravest = {"quarantined": BROKEN, "refused": MISSING, "waiting": NOT_READY, "running": NOT_READY}
    gravest["asked"] = NOT_READY
    return next((status for state, status in gravest.items() if counts[state]), DONE)
