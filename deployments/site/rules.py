"""Which runs are reduced by themselves, and how: the first rule that fits a run decides."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from configs.load import Values, load
from deployments.site.site import Site

FILE = "watch.yaml"


class Pairing(Values):
    """How the name of a buffer's run follows from that of its sample."""

    text: str = Field(min_length=1, description="Text in the path of the sample; paths without it do not fit")
    instead: str = Field(description="What stands there in the path of the buffer")


class Rule(Values):
    """Which runs, and what to do with them."""

    glob: str = Field(min_length=1, description="Path below the root; `**/` stands for any folders")
    root: str | None = Field(None, description="Only below this root; empty takes all")
    runs: Literal["files", "folders"] = Field("files", description="Whether a run is a file or a folder")
    recipe: str | None = Field(description="Recipe by name or file; empty leaves these runs alone")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Put over those of the recipe")
    buffer: Pairing | None = Field(None, description="Where the buffer of a sample lies")

    def fits(self, root: str, path: str, kind: str) -> bool:
        """Whether this rule decides about `path`, relative to the root of that name."""
        return (
            self.root in (None, root)
            and self.runs == kind
            and _pattern(self.glob).fullmatch(path) is not None
            and (self.buffer is None or self.buffer.text in path)
        )

    def buffer_of(self, path: str) -> str | None:
        """The path of the buffer that belongs to a sample, relative to the same root."""
        return None if self.buffer is None else path.replace(self.buffer.text, self.buffer.instead)


class Rules(Values):
    """The content of watch.yaml."""

    every_s: float = Field(10.0, gt=0, description="Pause between two looks at the folders")
    settle_s: float = Field(5.0, ge=0, description="A run must not have changed for this long")
    broken_after_s: float = Field(
        60.0, ge=0, description="What cannot be read and has not changed for this long is broken"
    )
    patience_s: float = Field(3600.0, gt=0, description="A reduction that takes longer is ended")
    rules: tuple[Rule, ...] = ()

    def rule_for(self, root: str, path: str, kind: str) -> int | None:
        """Number of the first rule that fits, None if none does."""
        fitting = (number for number, rule in enumerate(self.rules) if rule.fits(root, path, kind))
        return next(fitting, None)


def rules_of(site: Site) -> Rules:
    """The site's rules, checked as far as they can be without looking at recipes."""
    return load(site.rules, into=Rules)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts = PurePosixPath(glob).parts
    said = "".join("(?:[^/]+/)*" if part == "**" else _part(part) + "/" for part in parts)
    return re.compile(said.removesuffix("/") if parts[-1] != "**" else f"{said}[^/]+")


def _part(part: str) -> str:
    return re.sub(r"\\\*", "[^/]*", re.sub(r"\\\?", "[^/]", re.escape(part)))


def absolute(values: Any, folder: Path) -> Any:
    """`values` with every relative path in it counted from `folder`."""
    if isinstance(values, Path):
        return folder / values
    if isinstance(values, dict):
        return {name: absolute(each, folder) for name, each in values.items()}
    if isinstance(values, (list, tuple)):
        return [absolute(each, folder) for each in values]
    return values
