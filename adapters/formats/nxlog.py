"""Logs of slow values: what held while a run was measured, whenever the device last spoke."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import h5py
import numpy as np

from adapters.formats import hdf5
from adapters.formats.nexus import units
from adapters.formats.nexus_groups import child
from adapters.model import convert

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A device that reports once a millisecond for a day; more than this is no slow value.
MOST_ENTRIES = 100_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """Mean by time, lowest and highest value of a log during a run, its unit, and how many entries count."""

    mean: float
    lowest: float
    highest: float
    unit: str | None
    entries: int

    @property
    def steady(self) -> bool:
        """Whether the value was one and the same all the time."""
        return self.highest - self.lowest <= 1e-9 * max(abs(self.mean), 1e-30)


def held(log: h5py.Group, start_ns: float | None = None, end_ns: float | None = None) -> Held | None:
    """What a log says for the time of a run (ns since 1970); None for one without numbers.

    An entry holds until the next one, so the last before the start counts: a device that did
    not change may have spoken days before.
    """
    values = child(log, "value")
    if values is None or values.dtype.kind not in "iufb" or not 0 < values.size < MOST_ENTRIES:
        return None
    numbers = np.asarray(values[()], float).ravel()
    times = _times(log)
    if times is None or times.size != numbers.size:
        numbers = numbers[np.isfinite(numbers)]
        spans = np.ones_like(numbers)
    else:
        numbers, spans = _inside(numbers, times, start_ns, end_ns)
    if not numbers.size:
        return None
    mean = float(np.average(numbers, weights=spans)) if spans.sum() > 0 else float(numbers[-1])
    return Held(mean, float(numbers.min()), float(numbers.max()), units(values), numbers.size)


def _times(log: h5py.Group) -> np.ndarray[Any, Any] | None:
    stored = child(log, "time")
    if stored is None or stored.dtype.kind not in "iuf":
        return None
    # A float holds nanoseconds since 1970 to a quarter of a microsecond, which slow values do not need.
    factor = convert(1.0, units(stored) or "ns", "ns", str(stored.name))
    since = stored.attrs.get("start", stored.attrs.get("offset"))
    return np.asarray(stored[()], float).ravel() * factor + (nanoseconds(hdf5.text(since)) if since else 0.0)


def _inside(
    numbers: np.ndarray[Any, Any], times: np.ndarray[Any, Any], start_ns: float | None, end_ns: float | None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    good = np.isfinite(numbers) & np.isfinite(times)
    numbers, times = numbers[good], times[good]
    order = np.argsort(times, kind="stable")
    numbers, times = numbers[order], times[order]
    if not times.size:
        return numbers, times
    start = times[0] if start_ns is None else start_ns
    end = times[-1] if end_ns is None else end_ns
    first = max(0, int(np.searchsorted(times, start, side="right")) - 1)
    last = max(first + 1, int(np.searchsorted(times, end, side="right")))
    edges = np.clip(np.append(times[first:last], max(end, start)), start, max(end, start))
    return numbers[first:last], np.diff(edges)


def nanoseconds(moment: str) -> float:
    """A moment as nanoseconds since 1970; one without a zone is taken as UTC, nonsense as 1970."""
    try:
        said = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    aware = said if said.tzinfo is not None else said.replace(tzinfo=UTC)
    return (aware - EPOCH).total_seconds() * 1e9
