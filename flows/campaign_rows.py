"""What will become of the runs of a campaign, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.campaign import LOCAL


@dataclass(frozen=True)
class Planned:
    """What will become of a run: `asked` will be reduced, `done` is there, else why it cannot be."""

    name: str
    recipe: str
    state: str
    reason: str
    key: str | None


@dataclass(frozen=True)
class Reduced:
    """What became of a run: its answer, or the state it is in with the reason and kind of error."""

    name: str
    recipe: str
    state: str
    reason: str
    kind: str | None
    answer: dict[str, Any] | None
    site: str = LOCAL

    def to_json(self) -> dict[str, Any]:
        """One row of the `runs` of a campaign."""
        said = self.answer or {}
        kept = {name: said.get(name) for name in ("key", "product", "cached", "seconds")}
        told = ("name", "recipe", "site", "state", "reason", "kind")
        return {name: getattr(self, name) for name in told} | kept
