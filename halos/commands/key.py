"""`halos key`: make the key pair that requests to sites are signed with, or show the fingerprint of one."""

from __future__ import annotations

import argparse
from pathlib import Path

from halos.commands.output import Output
from halos.commands.status import DONE

NAME = "key"
HELP = "make the key pair that your requests to sites are signed with, or show one"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="[new | show]", required=True)
    new = actions.add_parser("new", help="make a key pair; the public file goes to the sites")
    new.add_argument("name", help="your name, as sites will know you, such as anna or anna@example.org")
    new.add_argument("--folder", type=Path, help="where to put it (default: ~/.halos/keys)")
    show = actions.add_parser("show", help="the name and fingerprint of a public key")
    show.add_argument("path", type=Path, help="the public file, ending in .pub")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, output: Output) -> int:
    """Do the action."""
    return {"new": _new, "show": _show}[args.action](args, output)


def _new(args: argparse.Namespace, output: Output) -> int:
    from flows.keys import laid, trusted

    folder = args.folder if args.folder is not None else Path.home() / ".halos" / "keys"
    private, public = laid(folder, args.name)
    key = trusted(public)
    document = {
        "name": key.name,
        "fingerprint": key.fingerprint,
        "private": str(private),
        "public": str(public),
    }
    lines = [
        f"private key  {private} (keep it; give it to nobody)",
        f"public key   {public} (give it to the sites that you ask)",
        f"fingerprint  {key.fingerprint}",
    ]
    output.result(document, lines)
    return DONE


def _show(args: argparse.Namespace, output: Output) -> int:
    from flows.keys import trusted

    key = trusted(args.path)
    output.result({"name": key.name, "fingerprint": key.fingerprint}, [f"{key.name}  {key.fingerprint}"])
    return DONE
