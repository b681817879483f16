"""`halos adapters`: list the readers, start a new one, or check one against a path."""

from __future__ import annotations

import argparse
import inspect as introspection
from importlib import import_module
from pathlib import Path
from typing import Any

from halos.commands.output import Output, table
from halos.commands.settings import UsageError
from halos.commands.status import BROKEN, DONE

NAME = "adapters"
HELP = "list the adapters, start a new one, or check one"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="[list | new | check]")
    actions.add_parser("list", help="all adapters, and those that could not be loaded")
    new = actions.add_parser("new", help="write a small package with an adapter, its sample and its tests")
    new.add_argument("name", help="name of the adapter, such as mylab_saxs")
    new.add_argument("--folder", type=Path, default=Path(), help="where to write it (default: here)")
    check = actions.add_parser("check", help="run the conformance checks on a path")
    check.add_argument("adapter", help="MODULE:ADAPTER, or the name of an installed adapter")
    check.add_argument("path", type=Path)
    for action in actions.choices.values():
        # So that --json may stand behind the action too, as in the other commands.
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, output: Output) -> int:
    """Do the action; without one, list."""
    actions = {"list": _list, None: _list, "new": _new, "check": _check}
    return actions[args.action](args, output)


def _list(_: argparse.Namespace, output: Output) -> int:
    from adapters.registry import registry

    known = registry()
    document = {
        "adapters": [{"name": each.name, "about": _about(each)} for each in known.adapters],
        "broken": [{"name": name, "reason": reason} for name, reason in known.broken],
    }
    lines = table([(each["name"], each["about"]) for each in document["adapters"]])
    lines += [f"cannot be loaded: {each['name']} ({each['reason']})" for each in document["broken"]]
    output.result(document, lines)
    return DONE


def _about(adapter: Any) -> str:
    said = getattr(adapter, "title", None)
    if said is None:
        said = (introspection.getdoc(type(adapter)) or "").partition("\n")[0]
    facility = getattr(adapter, "facility", None)
    instrument = getattr(adapter, "instrument", None)
    place = " ".join(str(each) for each in (facility, instrument) if each)
    return f"{place}: {said}" if place and said else said or place


def _new(args: argparse.Namespace, output: Output) -> int:
    from adapters.testing.template import scaffold

    written = scaffold(args.name, args.folder)
    output.result({"written": [str(path) for path in written]}, [f"wrote {path}" for path in written])
    return DONE


def _check(args: argparse.Namespace, output: Output) -> int:
    from adapters.testing.checking import judge

    found = judge(_loaded(args.adapter), args.path)
    document = {"checks": [{"check": name, "passed": ok, "reason": reason} for name, ok, reason in found]}
    output.result(
        document, table([("passed" if ok else "FAILED", name, reason) for name, ok, reason in found])
    )
    return DONE if all(ok for _, ok, _ in found) else BROKEN


def _loaded(name: str) -> Any:
    from adapters.registry import registry

    module, colon, attribute = name.partition(":")
    if not colon:
        try:
            return registry().named(name)
        except KeyError as error:
            raise UsageError(
                f"no adapter is called {name}; give MODULE:ADAPTER for one not installed"
            ) from error
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{name} cannot be imported: {error}") from error
    return found() if isinstance(found, type) else found
