"""`halos serve`."""

from __future__ import annotations

import argparse

from halos.commands.output import Output

NAME = "serve"
HELP = "serve"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""


def run(args: argparse.Namespace, output: Output) -> int:
    """Placeholder."""
    return 1
