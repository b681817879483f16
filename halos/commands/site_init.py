"""`halos site init`: a new site, which allows nothing yet."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from halos.commands.output import Output
from halos.commands.settings import UsageError, assumptions
from halos.commands.status import DONE

if TYPE_CHECKING:
    from deployments.site.site import Site

NAME = "init"
HELP = "lay a new site, which allows nothing yet"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this action's arguments."""
    parser.add_argument("folder", type=Path, help="the site's own folder, new or empty")
    parser.add_argument("--name", help="name of the site: a-z, 0-9 and - (default: that of the folder)")
    parser.add_argument(
        "--root",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help="a folder of raw data, and what requests call it; may be given again",
    )
    parser.add_argument("--hub", metavar="URL", help="API of the hub, such as https://hub.example.org/api")
    parser.add_argument(
        "--cluster", help="where to compute: a cluster by name, or a YAML file (default: threads)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Lay it, and say what comes next."""
    from deployments.site.site import NAME as PATTERN
    from deployments.site.start import laid

    name = args.name or args.folder.resolve().name
    if not re.match(PATTERN, name):
        raise UsageError(f"{name!r} is no name for a site; give --name with a-z, 0-9 and -")
    site = laid(args.folder, name, _roots(args.root), args.hub, _cluster(args.cluster))
    output.result({"site": site.name, "folder": str(site.folder)}, _next_steps(site))
    return DONE


def _roots(given: Sequence[str]) -> dict[str, Path]:
    roots = {name: Path(path).expanduser().resolve() for name, path in assumptions(given).items()}
    for name, path in roots.items():
        if not path.is_dir():
            raise UsageError(f"--root {name}: {path} is not a folder")
    return roots


def _cluster(given: str | None) -> str | None:
    from flows.recipe import cluster_called

    if given is None:
        return None
    cluster_called(given)
    # A file is named from the site's folder later, so its place is kept.
    return str(Path(given).expanduser().resolve()) if given.endswith((".yaml", ".yml")) else given


def _next_steps(site: Site) -> list[str]:
    return [
        f"site {site.name} is laid in {site.folder}; it allows nothing yet",
        f"  who may ask for what, and what may leave: {site.policy}",
        f"  the public keys of those who may ask:     {site.trusted}/NAME.pub",
        f"  what is reduced by itself:                {site.rules}",
        f"then: halos site check {site.folder}",
    ]
