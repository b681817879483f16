"""Typed remarks that travel with the data from the file to the last figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How much a remark should change what a reader believes."""

    INFO = 1
    CAUTION = 2
    INVALID = 3

    @property
    def word(self) -> str:
        """The name as it is written in JSON and shown to people."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Flag:
    """A remark that must not be lost: a short code, how severe, and one sentence."""

    code: str
    severity: Severity
    message: str

    @classmethod
    def info(cls, code: str, message: str) -> Flag:
        """A remark that changes nothing but should be known."""
        return cls(code, Severity.INFO, message)

    @classmethod
    def caution(cls, code: str, message: str) -> Flag:
        """A remark that a careful reader weighs before using the number."""
        return cls(code, Severity.CAUTION, message)

    @classmethod
    def invalid(cls, code: str, message: str) -> Flag:
        """A remark after which the number must not be used as it is."""
        return cls(code, Severity.INVALID, message)

    def to_json(self) -> dict[str, str]:
        """As it stands in manifests and in the output of commands."""
        return {**asdict(self), "severity": self.severity.word}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Flag:
        """The inverse of :meth:`to_json`."""
        return cls(said["code"], Severity[said["severity"].upper()], said["message"])


def merged(*groups: Iterable[Flag]) -> tuple[Flag, ...]:
    """All flags of all groups once, in the order they were first raised."""
    return tuple(dict.fromkeys(flag for group in groups for flag in group))


def worst(flags: Iterable[Flag]) -> Severity | None:
    """The gravest severity among `flags`, None if there are none."""
    return max((flag.severity for flag in flags), default=None)
