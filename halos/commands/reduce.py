"""`halos reduce`: runs in, one product with findings, flags and plots out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.model import rounded
from halos.commands.output import Output, table
from halos.commands.settings import UsageError, applied
from halos.commands.status import DONE

NAME = "reduce"
# What is said without a recipe, where it takes the runs.
DEFAULT = "saxs"
HELP = "reduce runs to a product with findings, flags and plots"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="runs of the sample: files or folders"
    )
    parser.add_argument(
        "--recipe", help="a recipe by name, or a YAML file (default: saxs, for runs that it takes)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter; --parameters lists them"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for products (default: halos-results, or HALOS_RESULTS)"
    )
    parser.add_argument(
        "--cluster", help="a cluster by name, or a YAML file (default: threads, or HALOS_CLUSTER)"
    )
    parser.add_argument("--parameters", action=_Parameters, help="list the parameters of the recipe and stop")


class _Parameters(argparse.Action):
    """List the parameters of the recipe named before it, like --help does."""

    def __init__(self, option_strings: list[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> None:
        from flows.recipe import recipe_called
        from halos.commands.settings import leaves

        reduction = recipe_called(getattr(namespace, "recipe", None) or DEFAULT)[1]
        rows = [
            (name, _default(info), info.description or "")
            for name, info in leaves(reduction.parameters).items()
        ]
        # argparse would send a last message to standard error, but this is what was asked for.
        sys.stdout.write("\n".join(table([("parameter", "default", "meaning"), *rows])) + "\n")
        parser.exit(DONE)


def _default(info: Any) -> str:
    if info.is_required():
        return "needed"
    return "empty" if info.default is None else str(info.default)


def run(args: argparse.Namespace, output: Output) -> int:
    """Reduce, and say what came of it."""
    from configs.load import checked
    from flows.ledger.entering import entered
    from flows.order import request
    from flows.recipe import recipe_called
    from flows.results import default_results

    chosen = args.recipe or _fitting(args.paths[0])
    recipe, reduction = recipe_called(chosen)
    values = applied(reduction.parameters, recipe.parameters, args.set)
    parameters = checked(values, reduction.parameters, "the parameters given")
    name = Path(chosen).stem
    home = args.out or default_results()
    with entered(home, name, args.paths, request(reduction.name, args.paths, parameters)):
        answer = performed(
            reduction.flow,
            output,
            args.paths,
            parameters=parameters,
            results=home,
            cluster=args.cluster,
            recipe=name,
        )
    output.result(answer, lines(answer))
    return DONE


def _fitting(path: Path) -> str:
    """The default recipe if it takes the run; UsageError with the recipes that do otherwise."""
    from adapters.errors import AdapterError
    from adapters.registry import open_run
    from flows.recipe import recipe_called, recipe_names

    try:
        technique = open_run(path).metadata.technique
    except (AdapterError, OSError):
        # The reduction says what is wrong, and takes what more it is told about the run.
        return DEFAULT
    if technique in recipe_called(DEFAULT)[1].techniques:
        return DEFAULT
    fit = [name for name in recipe_names() if technique in recipe_called(name)[1].techniques]
    how = f"say how to reduce it: --recipe {' or '.join(fit)}" if fit else "no recipe takes it yet"
    raise UsageError(f"{path} is a run of {technique}; {how}")


def performed(flow: Any, output: Output, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Run a flow: tracked by the server that PREFECT_API_URL names, else as plain Python."""
    from flows.progress import heard_by

    with heard_by(output.progress):
        tracked = bool(os.environ.get("PREFECT_API_URL"))
        answer: dict[str, Any] = (flow if tracked else flow.fn)(*args, **kwargs)
    return answer


def lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer for a person: findings, remarks, and where everything lies."""
    rows = [
        (
            f"  {each['quantity'].replace('_', ' ')}",
            rounded(each["value"], each["uncertainty"]),
            each["unit"],
            each["method"],
        )
        for each in answer["findings"]
    ]
    said = ["findings", *table(rows)] if rows else ["no findings"]
    if answer["flags"]:
        said += ["to mind", *(f"  {flag['severity']}: {flag['message']}" for flag in answer["flags"])]
    if answer["plots"]:
        said += ["plots", *(f"  {path}" for path in answer["plots"])]
    before = " (computed before)" if answer["cached"] else f" ({answer['seconds']:.1f} s)"
    return [*said, f"product{before}", f"  {answer['product']}", f"  key {answer['key']}"]
