"""The `halos` command: one module a subcommand, one table of exit statuses."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from halos import __version__
from halos.commands import adapters, demo, fuse, inspect, key, ledger, reduce, run, serve, site, verify
from halos.commands.output import Output
from halos.commands.status import DONE, FAULT, USAGE, status_of


class Command(Protocol):
    """A subcommand: it adds its arguments, and runs to an exit status."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add this subcommand's arguments."""

    def run(self, args: argparse.Namespace, output: Output) -> int:
        """Do it; errors are raised, not printed."""


# As a shell says of a command that Ctrl-C ended.
STOPPED = 130
COMMANDS: tuple[Command, ...] = (demo, adapters, inspect, reduce, fuse, run, verify, ledger, serve, site, key)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if getattr(args, "command", None) is None:
        parser.print_help()
        return USAGE
    output = Output(as_json=args.json)
    output.listen(verbose=args.verbose)
    try:
        return int(args.command.run(args, output))
    except KeyboardInterrupt:
        return _stopped(output)
    except BrokenPipeError:
        # Who read our output (head, a pager) has seen enough. What was done stays done, and
        # Python must not complain about the pipe once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _failed(error, output)


def _stopped(output: Output) -> int:
    output.say("stopped")
    return STOPPED


def _failed(error: Exception, output: Output) -> int:
    from flows.interrupts import interrupt_in

    status = status_of(error)
    # Libraries that are interrupted in the middle of something may complain in words of their own;
    # what we ourselves say of stopping, such as a database that is away, is told.
    if status == FAULT and interrupt_in(error):
        return _stopped(output)
    output.error(error, status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="halos",
        description="One sample, many facilities: reduced where the data lie, fused into one answer.",
        epilog="Exit status: 0 done, 2 wrong usage, 3 not ready, 4 broken or unknown input, "
        "5 needed metadata missing, 6 refused by policy, 1 a fault of HALOS.",
    )
    parser.add_argument("--version", action="version", version=f"halos {__version__}")
    parser.set_defaults(json=False, verbose=False)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        sub = subparsers.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        sub.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        sub.add_argument("--verbose", action="store_true", help="say more on standard error")
        command.arguments(sub)
        sub.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
