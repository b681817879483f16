"""What a reduction gives whose answer is tables: findings, flags, the tables, and plain facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from adapters.model import Finding, Flag, merged


@dataclass(frozen=True)
class Reduced:
    """Findings, flags, tables by name (the first to be plotted, its `intensity` the signal), and facts."""

    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()
    tables: dict[str, xr.Dataset] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def together(parts: Iterable[Reduced], *flags: Iterable[Flag]) -> Reduced:
    """All parts as one, in their order, with more flags in front."""
    parts = list(parts)
    tables: dict[str, xr.Dataset] = {}
    facts: dict[str, Any] = {}
    for each in parts:
        tables |= each.tables
        facts |= each.facts
    findings = tuple(finding for each in parts for finding in each.findings)
    return Reduced(findings, merged(*flags, *(each.flags for each in parts)), tables, facts)
