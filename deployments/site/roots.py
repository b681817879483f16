"""Only what lies below a data root may be read, however a path is written and wherever its links lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


class OutsideRootsError(Exception):
    """A path that leads out of the roots, or may; for the audit log, not for the asker."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} {self.reason}"


def inside(roots: Mapping[str, Path], path: Path) -> bool:
    """Whether `path`, with all links followed, lies below a root."""
    try:
        real = path.resolve()
        return any(real.is_relative_to(root.resolve()) for root in roots.values())
    except (OSError, RuntimeError):
        # Links in a circle lead nowhere, so not inside either.
        return False


def contained(roots: Mapping[str, Path], said: str) -> Path:
    """The real path of `said`, which is "root/relative/path"; OutsideRootsError where it leads out.

    Nothing is opened; the path need not exist, and the error does not tell whether it does.
    """
    parts = _parts(said)
    root = roots.get(parts[0])
    if root is None:
        raise OutsideRootsError(said, f"names no root; known are {', '.join(roots)}")
    try:
        real, home = root.joinpath(*parts[1:]).resolve(), root.resolve()
    except (OSError, RuntimeError) as error:
        raise OutsideRootsError(said, "cannot be followed") from error
    if not real.is_relative_to(home):
        raise OutsideRootsError(said, f"leads to {real}, outside root {parts[0]}")
    return real


def all_contained(roots: Mapping[str, Path], said: Iterable[str]) -> tuple[Path, ...]:
    """The real path of each."""
    return tuple(contained(roots, each) for each in said)


def holds(roots: Mapping[str, Path], data: Iterable[str], path: Path) -> bool:
    """Whether `path`, with all links followed, lies below one of `data`, each "root" or "root/folder"."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        return False
    return any(real.is_relative_to(contained(roots, each)) for each in data)


def _parts(said: str) -> tuple[str, ...]:
    if not said or "\0" in said or "\\" in said or not said.isprintable():
        raise OutsideRootsError(said, "is not a plain path")
    if SCHEME.match(said):
        raise OutsideRootsError(said, "names a protocol; only root/path is taken")
    if said.startswith(("/", "~")):
        raise OutsideRootsError(said, "is absolute; only root/path is taken")
    parts = said.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise OutsideRootsError(said, "has an empty part, . or ..")
    return PurePosixPath(said).parts
