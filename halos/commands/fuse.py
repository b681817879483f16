"""`halos fuse`: products of one sample in, its passport out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.model import rounded
from halos.commands.output import Output, table
from halos.commands.reduce import performed
from halos.commands.settings import applied
from halos.commands.status import DONE

NAME = "fuse"
HELP = "fuse products of one sample into its passport: claims, consensus, verdict"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument(
        "products", nargs="+", type=Path, metavar="PRODUCT", help="folders of products, or a file in them"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the fusion"
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the passport (default: halos-results, or HALOS_RESULTS)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Fuse, and say what agrees and what does not."""
    from configs.load import checked
    from flows.fuse import fuse
    from tasks.fusion.parameters import FusionParameters

    values = applied(FusionParameters, {}, args.set)
    parameters = checked(values, FusionParameters, "the parameters given")
    answer = performed(fuse, output, args.products, parameters=parameters, results=args.out)
    output.result(answer, lines(answer))
    return DONE


def lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer for a person: each quantity with its verdict, what stands apart, and where the report is."""
    rows = []
    for name, each in answer["quantities"].items():
        value = "none" if each["consensus"] is None else rounded(each["consensus"], each["uncertainty"])
        chi2 = (
            "" if each["chi2"] is None or each["dof"] is None else f"chi2 {each['chi2']:.2f} of {each['dof']}"
        )
        rows.append((f"  {name.replace('_', ' ')}", value, each["unit"], each["verdict"], chi2))
    said = ["consensus", *table(rows)]
    why = [
        f"  {name.replace('_', ' ')}: {word}"
        for name, each in answer["quantities"].items()
        for word in each["why"]
    ]
    if why:
        said += ["said about them", *why]
    before = " (computed before)" if answer["cached"] else f" ({answer['seconds']:.1f} s)"
    return [
        *said,
        f"passport{before}",
        f"  {answer['report']}",
        f"  {answer['passport']}",
        f"  key {answer['key']}",
    ]
