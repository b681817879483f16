"""`halos ledger`: what was asked and what became of it, why, and another try."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halos.commands.output import Output, table
from halos.commands.settings import UsageError
from halos.commands.status import DONE

if TYPE_CHECKING:
    from flows.ledger.ledger import Ledger
    from flows.ledger.requests import Request

NAME = "ledger"
HELP = "show what was asked and what became of it, why, or try again"
STATES = ("asked", "running", "done", "waiting", "quarantined", "refused")
SHORT = 12


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="[list | why | retry]")
    listing = actions.add_parser("list", help="every request with its state, and why it is not done")
    listing.add_argument(
        "--state", action="append", choices=STATES, default=[], help="only these; may be given again"
    )
    why = actions.add_parser("why", help="all that is known of one request, and how it came to be so")
    retry = actions.add_parser("retry", help="try again what waits, is in quarantine, or was refused")
    for action in (why, retry):
        action.add_argument("key", metavar="KEY", help="a key or the beginning of it, or the name of a run")
    _which(parser, None)
    for action in actions.choices.values():
        # So that options may stand behind the action too, as in the other commands.
        _which(action, argparse.SUPPRESS)
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(state=[])


def _which(parser: argparse.ArgumentParser, default: Any) -> None:
    said = "folder for products whose ledger it is (default: halos-results, or HALOS_RESULTS)"
    parser.add_argument("--out", type=Path, default=default, help=said)
    said = "the ledger itself (default: HALOS_LEDGER)"
    parser.add_argument("--ledger", metavar="URL", default=default, help=said)


def run(args: argparse.Namespace, output: Output) -> int:
    """Do the action; without one, list."""
    actions = {"list": _list, None: _list, "why": _why, "retry": _retry}
    return actions[args.action](args, output)


def opened(out: Path | None, url: str | None) -> Ledger:
    """The ledger that is meant; one that is not there is not made."""
    from flows.ledger.database import missing, place_of
    from flows.ledger.ledger import ledger_at
    from flows.results import default_results

    chosen = url or place_of(out or default_results())
    if (file := missing(chosen)) is not None:
        raise UsageError(f"there is no ledger {file} yet; --out names the folder for products it belongs to")
    return ledger_at(chosen)


def _list(args: argparse.Namespace, output: Output) -> int:
    ledger = opened(args.out, args.ledger)
    found = [each.to_json() for each in ledger.requests(states=args.state)]
    counts = {state: sum(each["state"] == state for each in found) for state in STATES}
    document = {"ledger": ledger.place, "counts": counts, "requests": found}
    output.result(document, [*table([_row(each) for each in found]), _counted(counts)])
    return DONE


def _row(said: Mapping[str, Any]) -> Sequence[str]:
    name = str(said["key"] or said["id"])[:SHORT]
    run = f"{said['site']}: {said['run']}" if said["site"] else said["run"]
    return (name, said["state"], said["recipe"], run, said["reason"] or said["product"])


def _counted(counts: Mapping[str, int]) -> str:
    told = [f"{count} {state}" for state, count in counts.items() if count]
    return ", ".join(told) or "nothing was asked"


def _why(args: argparse.Namespace, output: Output) -> int:
    ledger = opened(args.out, args.ledger)
    request = ledger.called(args.key)
    keys = [request.key] if request.key else []
    document = {
        **request.to_json(),
        "paths": list(request.paths),
        "computed": [_computed(each) for key in keys for each in ledger.products(key)],
        "history": [_event(each) for each in ledger.history(request.id, *keys)],
    }
    output.result(document, _lines(document))
    return DONE


def _computed(product: Mapping[str, Any]) -> dict[str, Any]:
    told = ("store", "state", "reason", "computations", "commits", "token", "product")
    return {name: product[name] for name in told}


def _event(said: Mapping[str, Any]) -> dict[str, Any]:
    what = "key" if said["token"] else "request"
    return {"time": _time(said["at"]), "of": what, "state": said["state"], "reason": said["reason"]}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="seconds")


def _lines(said: Mapping[str, Any]) -> list[str]:
    rows = [
        ("run", f"{said['site']}: {said['run']}" if said["site"] else said["run"]),
        ("state", said["state"]),
        ("reason", said["reason"]),
        ("recipe", said["recipe"]),
        ("files", ", ".join(said["paths"])),
        ("key", said["key"] or said["id"]),
        ("product", said["product"]),
        *(("computed", f"{each['computations']} times in {each['store']}") for each in said["computed"]),
    ]
    events = [(f"  {each['time']}", each["of"], each["state"], each["reason"]) for each in said["history"]]
    return [*table([row for row in rows if row[1]]), "what became of it", *table(events)]


def _retry(args: argparse.Namespace, output: Output) -> int:
    ledger = opened(args.out, args.ledger)
    request = ledger.retry(ledger.called(args.key))
    if request.site:
        said = f"{request.run} is asked for again; the watcher of {request.site} takes it up at its next look"
        output.result(request.to_json(), [said])
        return DONE
    return _again(ledger, request, output)


def _again(ledger: Ledger, request: Request, output: Output) -> int:
    from flows.ledger.entering import ending
    from flows.ledger.record import on_behalf_of
    from flows.recipe import reductions
    from halos.commands.reduce import lines, performed

    asked = request.asked
    reduction = reductions().get(str(asked.get("reduction")))
    if reduction is None:
        raise UsageError("nobody can ask for it again by itself; give the command that asked for it again")
    with on_behalf_of(request.id), ending(ledger, request.id):
        answer = performed(
            reduction.flow,
            output,
            [Path(each) for each in asked["sample"]],
            parameters=reduction.parameters.model_validate(asked["parameters"]),
            results=Path(request.notes["store"]),
            recipe=request.recipe,
        )
    output.result(answer, lines(answer))
    return DONE
