"""Whether a run can be reduced now, later, or never, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """The three answers to "can this run be reduced?"."""

    READY = "ready"
    WAIT = "wait"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Readiness:
    """A state with its reason; `look_again_s` is set for WAIT only."""

    state: State
    reason: str = ""
    look_again_s: float | None = None

    @classmethod
    def ready(cls) -> Readiness:
        """Everything that was promised is there."""
        return cls(State.READY)

    @classmethod
    def wait(cls, reason: str, look_again_s: float = 10.0) -> Readiness:
        """Something is still coming; look again after `look_again_s` seconds."""
        return cls(State.WAIT, reason, look_again_s)

    @classmethod
    def broken(cls, reason: str) -> Readiness:
        """Waiting does not help."""
        return cls(State.BROKEN, reason)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the output of commands."""
        return {"state": self.state.value, "reason": self.reason, "look_again_s": self.look_again_s}
