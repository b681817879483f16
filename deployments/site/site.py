"""What a site is: a name, data roots, a place for results; everything it keeps lies in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from configs.load import ConfigurationError, Values, load

FILE = "site.yaml"
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


class SiteValues(Values):
    """The content of site.yaml."""

    name: str = Field(pattern=NAME, description="Name of the site, as tickets and manifests say it")
    roots: dict[str, Path] = Field(
        min_length=1, description="Folders of raw data by name; nothing else is ever read"
    )
    results: Path = Field(Path("results"), description="Folder for products, never below a root")
    cluster: str | None = Field(None, description="Where to compute; empty takes threads on this machine")
    hub: str | None = Field(
        None, pattern=r"^https?://", description="API of the hub, such as https://hub.example.org/api"
    )
    at_once: int = Field(1, ge=1, description="Reductions at the same time")
    look_every_s: float = Field(2.0, gt=0, description="Seconds between two looks for work at the hub")
    waits_at_most_s: float = Field(
        86400.0, gt=0, description="How long a run may wait for its data to be complete, in seconds"
    )
    fence: Literal["where possible", "required"] = Field(
        "where possible", description="Whether reductions must be fenced in by the system (Linux, Landlock)"
    )


@dataclass(frozen=True)
class Site:
    """A site with its folder; all paths are absolute."""

    folder: Path
    name: str
    roots: Mapping[str, Path]
    results: Path
    cluster: str | None = None
    hub: str | None = None
    at_once: int = 1
    look_every_s: float = 2.0
    waits_at_most_s: float = 86400.0
    fence_required: bool = False

    @property
    def policy(self) -> Path:
        """What may be done here, and who may ask."""
        return self.folder / "policy.yaml"

    @property
    def rules(self) -> Path:
        """Which runs are reduced by themselves, and how."""
        return self.folder / "watch.yaml"

    @property
    def trusted(self) -> Path:
        """The public keys of those who may ask, NAME.pub each."""
        return self.folder / "keys" / "trusted"

    @property
    def audit(self) -> Path:
        """What was asked and what was answered."""
        return self.folder / "audit.jsonl"

    @property
    def journal(self) -> Path:
        """What the worker took on, and the tickets that were used."""
        return self.folder / "worker.sqlite"

    @property
    def jobs(self) -> Path:
        """One folder for each reduction that is going on for the hub."""
        return self.folder / "jobs"

    @property
    def cache(self) -> Path:
        """What reductions may keep from one to the next."""
        return self.folder / "cache"

    def places(self) -> list[str]:
        """What is wrong with where things lie, each with its remedy; empty if nothing is."""
        faults = [
            f"root {name}: {path} is not a folder; mount it, or correct it in {FILE}"
            for name, path in self.roots.items()
            if not path.is_dir()
        ]
        own = {"the results folder": self.results, "the site's own folder": self.folder}
        return faults + [
            f"{what} {place} lies inside root {name} ({path}); raw data are read-only: choose another place"
            for what, place in own.items()
            for name, path in self.roots.items()
            if place.resolve().is_relative_to(path.resolve())
        ]


def site_at(folder: Path) -> Site:
    """The site whose site.yaml lies in `folder`; paths in it count from there."""
    folder = folder.resolve()
    if not (folder / FILE).is_file():
        raise ConfigurationError(folder / FILE, "there is no such file; `halos site init` writes one")
    said = load(folder / FILE, into=SiteValues)
    return Site(
        folder=folder,
        name=said.name,
        roots={name: folder / path for name, path in said.roots.items()},
        results=folder / said.results,
        cluster=_cluster(folder, said.cluster),
        hub=said.hub,
        at_once=said.at_once,
        look_every_s=said.look_every_s,
        waits_at_most_s=said.waits_at_most_s,
        fence_required=said.fence == "required",
    )


def _cluster(folder: Path, cluster: str | None) -> str | None:
    named = cluster is None or not cluster.endswith((".yaml", ".yml"))
    return cluster if named else str(folder / str(cluster))
