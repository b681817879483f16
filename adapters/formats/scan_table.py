"""Columns of a scan as a labelled dataset: names as the file has them, units only where it states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from adapters.errors import LayoutError, MissingMetadataError, PathError
from adapters.model import Flag, Measurement, Metadata, Provenance
from adapters.protocol import Adapter

VERSION = "1"
UNSTATED = "unstated"
CHOICE = "scan"


@dataclass(frozen=True)
class Scan:
    """One scan: its number, command and columns, and whether it came to its end."""

    number: int
    command: str
    columns: Mapping[str, np.ndarray[Any, Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    start_time: Any = None

    @property
    def points(self) -> int:
        """Rows of the table."""
        return max((len(values) for values in self.columns.values()), default=0)


class NoSuchScanError(PathError):
    """A scan was asked for that the file does not hold."""

    what = "does not hold the scan that was asked for"


@dataclass(frozen=True)
class TakesScan:
    """A reader of files that may hold several scans, one of which has to be named."""

    scan: str | None = None

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Names of the quantities that can be supplied."""
        return (CHOICE,)

    def assuming(self, assumed: Mapping[str, str]) -> Adapter:
        """The same reader told which scan to read."""
        from dataclasses import replace

        reader: Adapter = cast(Any, replace(self, scan=assumed.get(CHOICE, self.scan)))
        return reader


def chosen(path: Path, scans: Sequence[Scan], wanted: str | None) -> tuple[Scan, tuple[Flag, ...]]:
    """The scan `wanted`, or the only one with points; the others are told of."""
    full = [scan for scan in scans if scan.points]
    if wanted is not None:
        found = next((scan for scan in scans if str(scan.number) == wanted), None)
        if found is None or not found.points:
            there = ", ".join(str(scan.number) for scan in full)
            raise NoSuchScanError(path, f"{wanted!r}; scans with points are {there}")
    elif len(full) == 1:
        found = full[0]
    elif not full:
        raise LayoutError(path, f"none of its {len(scans)} scans has a point")
    else:
        said = f"{path} holds {len(full)} scans with points ({_few(full)}) and"
        raise MissingMetadataError("which one is meant", said, CHOICE)
    others = len(scans) - 1
    if not others:
        return found, ()
    empty = len(scans) - len(full)
    said = f"read scan {found.number} of {len(scans)}, {empty} of which have no points"
    return found, (Flag.info("one_of_several_scans", said),)


def _few(scans: Sequence[Scan], limit: int = 6) -> str:
    listed = ", ".join(str(scan.number) for scan in scans[:limit])
    return listed + (" ..." if len(scans) > limit else "")


def measurement(path: Path, adapter: str, scan: Scan, flags: Sequence[Flag], **fields: Any) -> Measurement:
    """Every numeric column over the points of the scan; a column without a stated unit says so."""
    import xarray as xr

    variables = {
        name: ("point", values, {"units": scan.units.get(name, UNSTATED)})
        for name, values in scan.columns.items()
        if values.dtype.kind in "iufb" and name != "point"
    }
    texts = {name: values for name, values in scan.columns.items() if values.dtype.kind in "OU"}
    variables |= {
        name: ("point", values.astype(str), {"units": "dimensionless"}) for name, values in texts.items()
    }
    data = xr.Dataset(
        variables, coords={"point": ("point", np.arange(scan.points), {"units": "dimensionless"})}
    )
    metadata = Metadata(
        technique="scan",
        start_time=scan.start_time,
        raw={"scan": scan.number, "command": scan.command, **scan.said},
        **fields,
    )
    return Measurement(data, metadata, Provenance(str(path), adapter, VERSION), (*scan.flags, *flags))
