"""What a result says of itself: the manifest that stands beside every product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.model.finding import Finding
from adapters.model.flag import Flag


@dataclass(frozen=True, slots=True)
class Input:
    """One file that went in, by role, name and content."""

    role: str
    path: str
    sha256: str
    bytes: int
    adapter: str


@dataclass(frozen=True)
class Manifest:
    """How a product came to be; its presence and its checksums are what makes it exist."""

    key: str
    technique: str
    recipe: str
    inputs: tuple[Input, ...]
    parameters: Mapping[str, Any]
    files: Mapping[str, str]
    product: str
    versions: Mapping[str, str]
    created: str
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()
    plots: tuple[str, ...] = ()
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is written beside the product."""
        return {
            "key": self.key,
            "technique": self.technique,
            "recipe": self.recipe,
            "product": self.product,
            "created": self.created,
            "seconds": self.seconds,
            "inputs": [
                {name: getattr(each, name) for name in ("role", "path", "sha256", "bytes", "adapter")}
                for each in self.inputs
            ],
            "parameters": dict(self.parameters),
            "versions": dict(self.versions),
            "findings": [each.to_json() for each in self.findings],
            "flags": [each.to_json() for each in self.flags],
            "plots": list(self.plots),
            "files": dict(self.files),
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Manifest:
        """The inverse of :meth:`to_json`."""
        return cls(
            **{
                **said,
                "inputs": tuple(Input(**each) for each in said["inputs"]),
                "findings": tuple(Finding.from_json(each) for each in said["findings"]),
                "flags": tuple(Flag.from_json(each) for each in said["flags"]),
                "plots": tuple(said["plots"]),
            }
        )
