"""`halos site outbox`: what is on its way to the hub, and why it is not there yet."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halos.commands.output import Output, table
from halos.commands.status import DONE, NOT_READY, REFUSED

if TYPE_CHECKING:
    from deployments.site.outbox import Outbox

NAME = "outbox"
HELP = "what is on its way from this site, and why it is not there yet"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this action's arguments."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the site's folder (default: here)"
    )
    parser.add_argument("--all", action="store_true", help="also what has arrived")
    parser.add_argument(
        "--retry", action="store_true", help="let what was refused go once more, now that its cause is mended"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Say it; with --retry after giving what was refused another chance."""
    from deployments.site.site import site_at
    from deployments.site.ways import outboxes

    boxes = outboxes(site_at(args.folder))
    again = sum(box.retry() for box in boxes) if args.retry else 0
    told = [_told(box, everything=args.all) for box in boxes]
    said = {"again": again, "ways": told}
    output.result(said, lines(said))
    stages = {each["stage"] for way in told for each in way["products"]}
    if "refused" in stages:
        return REFUSED
    return NOT_READY if stages & {"waiting", "sent"} else DONE


def _told(box: Outbox, *, everything: bool) -> dict[str, Any]:
    products = [
        {
            "stage": note.stage.value,
            "product": note.product,
            "reason": note.reason,
            "again_in_s": round(max(0.0, note.due - time.time()), 1) if note.stage == "waiting" else None,
        }
        for note in box.notes()
        if everything or note.stage != "received"
    ]
    return {"to": box.target, "trouble": box.trouble(), "products": products}


def lines(said: dict[str, Any]) -> list[str]:
    """For a person: each place with its link, then what is on its way there."""
    found = [f"{said['again']} refused products may go once more"] if said["again"] else []
    for way in said["ways"]:
        found.append(f"to {way['to']}" + (f": {way['trouble']}" if way["trouble"] else ""))
        rows = [
            (f"  {each['stage']}", Path(each["product"]).name, each["reason"]) for each in way["products"]
        ]
        found += table(rows) if rows else ["  nothing is on its way"]
    return found or ["the policy of this site lets nothing leave"]
