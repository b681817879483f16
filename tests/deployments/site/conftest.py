"""A site with a folder of raw data, and a watcher that looks when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.testing.samples import sphere_curve, write_ascii
from deployments.site.hand import Hand
from deployments.site.kept import Kept
from deployments.site.rules import rules_of
from deployments.site.site import Site, site_at
from deployments.site.turn import Turn
from deployments.site.watch import Watch
from flows.ledger.ledger import Ledger, ledger_of
from flows.ledger.requests import Request

RULE = {"glob": "**/*.dat", "recipe": "saxs", "parameters": {"shape": {"particle": "other"}}}
AT_ONCE = {"every_s": 0.05, "settle_s": 0.0, "broken_after_s": 0.0}


@dataclass
class Facility:
    """A site and its raw data, as a test writes them."""

    home: Path
    hand: Hand
    said: list[str] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.home / "raw"

    @property
    def site(self) -> Site:
        return site_at(self.home / "site")

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.site.results)

    def ruled(self, *rules: dict[str, Any], **times: float) -> None:
        """Write watch.yaml."""
        values = {**AT_ONCE, **times, "rules": list(rules or (RULE,))}
        (self.home / "site" / "watch.yaml").write_text(yaml.safe_dump(values))

    def curve(self, name: str, radius: float = 30.0, **more: Any) -> Path:
        """A good run."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_ascii(path, sphere_curve(120, first=0.01, step=0.002, radius=radius), **more)

    def watch(self, on_done: Callable[[Path], None] | None = None) -> Watch:
        site = self.site
        kept = Kept(site, ledger_of(site.results))
        return Watch(Turn(site, rules_of(site), kept, self.hand, self.said.append), on_done)

    def looked(self, times: int = 2, on_done: Callable[[Path], None] | None = None) -> dict[str, Request]:
        """What is known of each run after some looks; the first only sees that it is new."""
        watch = self.watch(on_done)
        for _ in range(times):
            watch.look()
        return watch.turn.kept.known()


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """One process that reduces, for all tests of a module."""
    hand = Hand(tmp_path_factory.mktemp("hand"))
    yield hand
    hand.close()


@pytest.fixture
def facility(tmp_path: Path, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Facility:
    """A site with one root and one rule."""
    monkeypatch.delenv("HALOS_LEDGER", raising=False)
    (tmp_path / "raw").mkdir()
    (tmp_path / "site").mkdir()
    values = {"name": "lund", "roots": {"raw": str(tmp_path / "raw")}, "results": str(tmp_path / "results")}
    (tmp_path / "site" / "site.yaml").write_text(yaml.safe_dump(values))
    made = Facility(tmp_path, hand)
    made.ruled()
    return made
