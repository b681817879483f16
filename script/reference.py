"""Write the pages of docs/reference that follow from the code; `make reference` runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make reference` from the code; change it there. -->\n"


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n".join([f"# {title}\n", MADE, *filter(None, parts)]).rstrip() + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def command() -> str:
    """Every subcommand with its arguments."""
    from halos.commands import _parser

    parts = [
        "Every command takes `--json` (one JSON document on standard output, all else on standard error),\n"
        "`--verbose` and `--help`. Statuses it ends with: [exit status](exit-status.md).\n"
    ]
    for name, sub in _subparsers(_parser()).items():
        parts += [f"## halos {name}\n", f"{_sentence(sub.description)}\n", _arguments(sub)]
        for action in _choices(sub):
            inner = _subparsers(sub)[action.dest]
            parts += [f"### halos {name} {action.dest}\n", f"{_sentence(action.help)}\n", _arguments(inner)]
    return page("The command", *parts)


COMMON = {"help", "json", "verbose"}


def _arguments(parser: argparse.ArgumentParser) -> str:
    # Not argparse's own layout, which differs between versions of Python.
    hidden = (*COMMON, "action")
    actions = [each for each in parser._actions if each.dest not in hidden]
    rows = [(f"`{_spelled(each)}`", _help(parser, each)) for each in actions]
    return table(("argument", "meaning"), rows) if rows else ""


def _spelled(action: argparse.Action) -> str:
    named = str(action.metavar or action.dest)
    if not action.option_strings:
        return f"{named} ..." if action.nargs == "+" else named
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{action.option_strings[-1]}{value}"


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "a file or folder") % {**vars(action), "prog": parser.prog}


def _sentence(text: str | None) -> str:
    return f"{(text or '')[:1].upper()}{(text or '')[1:]}."


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _choices(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action._choices_actions)
    return []


STATUSES = {
    "DONE": "done",
    "FAULT": "a fault of HALOS itself; a traceback follows, please report it",
    "USAGE": "wrong usage: an option, a parameter, a place for results",
    "NOT_READY": "not ready: something is still being written or has not arrived; look again later",
    "BROKEN": "broken or unknown input: waiting does not help",
    "MISSING": "a quantity is needed that the file does not say; the message names the parameter",
    "REFUSED": "refused by policy",
}


def exit_status() -> str:
    """The table of statuses, and which error ends in which."""
    from halos.commands import status

    meanings = [(str(getattr(status, name)), meaning) for name, meaning in STATUSES.items()]
    meanings.append(("130", "stopped by Ctrl-C"))
    errors = [(f"`{name}`", f"`{module}`", str(code)) for module, name, code in status.ROWS]
    return page(
        "Exit status",
        "How to act on them in a script: [what the exit codes mean](../how-to/exit-codes.md).\n",
        table(("status", "meaning"), sorted(meanings, key=lambda row: int(row[0]))),
        "## Which error ends in which\n",
        "The first row that fits an error, or a parent of it, decides; what is in no row is 1.\n",
        table(("error", "module", "status"), errors),
    )


def findings() -> str:
    """The vocabulary."""
    from adapters.model import QUANTITIES

    rows = [(f"`{name}`", each.unit, each.definition) for name, each in QUANTITIES.items()]
    return page(
        "Findings",
        "Quantities that a product may claim, each with a value, a standard uncertainty or the reason why\n"
        "there is none, its unit, its method and its assumptions. Any unit of the same kind is allowed;\n"
        "`any` takes the unit of the curve.\n",
        table(("quantity", "unit", "meaning"), rows),
    )


def recipes() -> str:
    """Every recipe with its parameters."""
    from flows.recipe import recipe_called, recipe_names

    parts = [
        "Parameters of every recipe, as `--set name=value` takes them. A name may be cut to its last part\n"
        "where only one parameter ends so: `--set q_min=0.01`. Values are YAML: lists are `[a, b]`.\n"
        "How to keep your own choices in a file: [write a recipe](../how-to/write-a-recipe.md).\n"
    ]
    shown: dict[str, str] = {}
    for name in recipe_names():
        recipe, reduction = recipe_called(name)
        parts += [f"## {name}\n", f"{recipe.title}. For: {', '.join(reduction.techniques)}.\n"]
        if recipe.parameters:
            parts.append(f"Sets {_set(recipe.parameters)}.\n")
        if reduction.name in shown:
            parts.append(f"Parameters as [{shown[reduction.name]}](#{shown[reduction.name]}).\n")
            continue
        shown[reduction.name] = name
        parts.append(table(("parameter", "default", "meaning"), _rows(reduction.parameters)))
    return page("Recipes and their parameters", *parts)


def _set(values: dict[str, Any], prefix: str = "") -> str:
    said = []
    for key, value in values.items():
        inner = isinstance(value, dict)
        said.append(_set(value, f"{prefix}{key}.") if inner else f"`{prefix}{key}` to `{value}`")
    return ", ".join(said)


def _rows(model: Any) -> list[tuple[str, str, str]]:
    from halos.commands.settings import leaves

    return [(f"`{name}`", _default(info), info.description or "") for name, info in leaves(model).items()]


def _default(info: Any) -> str:
    if info.default is PydanticUndefined:
        return "needed" if info.default_factory is None else "empty"
    if info.default is None or info.default == () or isinstance(info.default, BaseModel):
        return "empty"
    return f"`{info.default}`"


def site() -> str:
    """What may stand in the files of a site."""
    from deployments.site.policy import Asker, Policy, Stays, Way
    from deployments.site.rules import Pairing, Rule, Rules
    from deployments.site.site import SiteValues

    head = ("key", "default", "meaning")
    files = {"site.yaml": SiteValues, "policy.yaml": Policy, "watch.yaml": Rules}
    groups = {
        "policy.yaml": {"askers": Asker, "leaving": Way, "stays": Stays},
        "watch.yaml": {"rules": Rule, "rules, buffer": Pairing},
    }
    parts = [
        "`halos site init` writes these files with examples. Unknown keys are errors. Paths count from the\n"
        "folder of the site. Why they are as they are: [whom a site trusts](../explanation/trust.md).\n"
    ]
    for name, model in files.items():
        parts += [f"## {name}\n", table(head, _keys(model))]
        for group, inner in groups.get(name, {}).items():
            parts += [
                f"Each of `{group}`:\n" if group != "stays" else "`stays`:\n",
                table(head, _keys(inner)),
            ]
    return page("The files of a site", *parts)


def _keys(model: Any) -> list[tuple[str, str, str]]:
    said = model.model_fields.items()
    return [(f"`{name}`", _default(info), info.description or "each as below") for name, info in said]


PAGES: dict[str, Callable[[], str]] = {
    "command.md": command,
    "exit-status.md": exit_status,
    "findings.md": findings,
    "recipes.md": recipes,
    "site.md": site,
}

if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make())
