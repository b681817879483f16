"""One run, opened: lazy labelled data, what they mean, where they come from, what to mind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.errors import LayoutError
from adapters.model.flag import Flag, merged
from adapters.model.metadata import Metadata
from adapters.model.technique import TECHNIQUES, violations

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which reader of which version read which files."""

    path: str
    adapter: str
    adapter_version: str
    files: tuple[str, ...] = ()

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Every file whose bytes matter, the named one first."""
        return tuple(Path(file) for file in dict.fromkeys((self.path, *self.files)))


@dataclass(frozen=True)
class Measurement:
    """The contract between those who read and those who reduce.

    `data` is checked against the schema of its technique when the measurement is
    made, so a reduction need not check again.
    """

    data: xr.Dataset
    metadata: Metadata
    provenance: Provenance
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        technique = TECHNIQUES.get(self.metadata.technique)
        if technique is None:
            raise LayoutError(self.provenance.path, f"{self.metadata.technique!r} is not a known technique")
        faults = violations(technique, self.data)
        if faults:
            raise LayoutError(self.provenance.path, "; ".join(faults))

    def flagged(self, flags: Iterable[Flag]) -> Measurement:
        """The same measurement with `flags` added."""
        return replace(self, flags=merged(self.flags, flags))
