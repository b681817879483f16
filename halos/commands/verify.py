"""`halos verify`: do a reduction again from its manifest and compare."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from halos.commands.output import Output
from halos.commands.settings import UsageError
from halos.commands.status import BROKEN, DONE

NAME = "verify"
HELP = "replay a product from its manifest and compare"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("product", type=Path, help="a product's folder, or a file in it")
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference that still counts (default: 1e-6)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Equal and within tolerance are success; different is not."""
    from flows.progress import heard_by
    from flows.replay import replay

    folder = args.product if args.product.is_dir() else args.product.parent
    if not folder.is_dir():
        raise UsageError(f"{args.product} does not exist")
    with tempfile.TemporaryDirectory() as scratch, heard_by(output.progress):
        found = replay(folder, Path(scratch), args.tolerance)
    lines = [f"{found.verdict} (largest relative difference {found.largest_relative_difference:.2g})"]
    output.result(asdict(found), [*lines, *(f"  {reason}" for reason in found.reasons)])
    return BROKEN if found.verdict == "different" else DONE
