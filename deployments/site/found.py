"""Look through the data roots for runs that a rule decides about, reading names and dates only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deployments.site.rules import Rules
from deployments.site.site import Site


@dataclass(frozen=True)
class Run:
    """A run on disk that a rule decides about, and what its files look like from outside."""

    root: str
    path: str
    place: Path
    rule: int
    stamp: str
    newest_s: float

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.root}/{self.path}"


def found(site: Site, rules: Rules, tell: Callable[[str], None]) -> Iterator[Run]:
    """Every run below the roots, in the order of their paths; what cannot be looked into is told."""
    for name, root in site.roots.items():
        yield from _below(name, root, rules, tell)


def _below(name: str, root: Path, rules: Rules, tell: Callable[[str], None]) -> Iterator[Run]:
    def unreadable(error: OSError) -> None:
        tell(f"cannot look into {error.filename}: {error.strerror}")

    # Links to folders are not followed: they may lead out of the root, or round in circles.
    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for kind, names in (("folders", folders), ("files", sorted(files))):
            for each in names:
                place = Path(folder) / each
                path = place.relative_to(root).as_posix()
                if each.startswith(".") or (rule := rules.rule_for(name, path, kind)) is None:
                    continue
                if rules.rules[rule].recipe is not None and (look := _looked_at(place)) is not None:
                    yield Run(name, path, place, rule, *look)


def _looked_at(place: Path) -> tuple[str, float] | None:
    """Stamp and newest date; None for what is no longer there, or is neither file nor folder."""
    try:
        files = _files(place)
        seen = [(str(path.relative_to(place)), path.stat()) for path in files]
    except OSError:
        # Gone between two looks, or a dead link: the next look sees what is there then.
        return None
    # A pipe or a device would hang whoever opens it.
    if not all(stat.S_ISREG(each.st_mode) for _, each in seen):
        return None
    said = [f"{name}:{each.st_size}:{each.st_mtime_ns}" for name, each in seen]
    return "|".join(said), max((each.st_mtime for _, each in seen), default=0.0)


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]


def stamps(paths: list[str]) -> str:
    """What files look like from outside, to tell whether they change."""
    seen = ((path, Path(path).stat()) for path in sorted(paths))
    return "|".join(f"{path}:{each.st_size}:{each.st_mtime_ns}" for path, each in seen)
