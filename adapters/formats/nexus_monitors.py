"""Beam monitors in NeXus: histograms or events over time of flight, and where along the beam they stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import LayoutError
from adapters.formats import hdf5
from adapters.formats.nexus import units
from adapters.formats.nexus_events import NANOSECOND, SLAB_BYTES, EventGroup
from adapters.formats.nexus_groups import child, last_name
from adapters.formats.nexus_pixels import Floats, Window, length
from adapters.formats.transformations import UNSTATED, placement
from adapters.model import Flag, convert

SIGNALS = ("signal", "data")
AXES = ("time_of_flight", "time_of_arrival", "frame_time", "tof")
MOST_BINS = 10_000_000


def variables(
    monitors: list[h5py.Group],
    events: Mapping[str, EventGroup],
    path: Path,
    sample: Floats,
    window: Window,
    time_unit: str | None,
) -> tuple[dict[str, Any], list[Flag]]:
    """Variables of all monitors, named after them, and what must be said of them.

    A histogram becomes `monitor_NAME_counts` with `monitor_NAME_edges`, events become
    `monitor_NAME_time_of_flight`; each says its `position_m` along the beam from the sample.
    """
    found: dict[str, Any] = {}
    flags: list[Flag] = []
    for monitor in monitors:
        name = last_name(monitor)
        told: dict[str, Any] = {"monitor": name}
        if (where := position(monitor, sample, window)) is not None:
            told["position_m"] = where
        group = events.get(str(monitor.name))
        if group is not None:
            found[f"monitor_{name}_time_of_flight"] = _events(
                monitor.file[group.path], group, name, path, told
            )
            continue
        histogram = _histogram(monitor, name, time_unit, told)
        if histogram:
            found |= histogram
        else:
            said = f"monitor {name} holds neither a histogram over time of flight nor events"
            flags.append(Flag.caution("monitor_without_data", said))
    return found, flags


def position(monitor: h5py.Group, sample: Floats, window: Window) -> float | None:
    """Where a component stands along the beam from the sample, in m; None where nothing says it."""
    stands = placement(monitor, window.start_ns, window.end_ns)
    if stands is not UNSTATED:
        return float((stands.origin - sample)[2])
    stated = child(monitor, "distance")
    if stated is None or stated.size != 1 or stated.dtype.kind not in "iuf":
        return None
    value = float(np.asarray(stated[()]).ravel()[0]) * length(stated, window)
    return value if np.isfinite(value) else None


def _events(group: h5py.Group, said: EventGroup, name: str, path: Path, told: dict[str, Any]) -> Any:
    offsets = hdf5.lazy(hdf5.require(group, "event_time_offset"), path, block_bytes=SLAB_BYTES)
    factor = convert(1.0, said.time_unit, NANOSECOND)
    scaled = offsets if factor == 1 else offsets * np.float32(factor)
    return (f"monitor_{name}_event", scaled, {"units": NANOSECOND, **told})


def _histogram(monitor: h5py.Group, name: str, time_unit: str | None, told: dict[str, Any]) -> dict[str, Any]:
    axis = child(monitor, *AXES)
    chosen = hdf5.text(monitor.attrs["signal"]) if "signal" in monitor.attrs else ""
    counts = child(monitor, *(each for each in (chosen, *SIGNALS) if each))
    if counts is None or axis is None:
        return {}
    if counts.dtype.kind not in "iuf" or axis.dtype.kind not in "iuf" or counts.size > MOST_BINS:
        raise LayoutError(monitor.file.filename, f"{counts.name} is no histogram over {axis.name}")
    edges = _edges(axis, time_unit)
    values = np.asarray(counts[()])
    if not values.ndim or not values.shape[-1] or edges.size not in (values.shape[-1], values.shape[-1] + 1):
        raise LayoutError(
            monitor.file.filename, f"{counts.name} has the shape {values.shape}, {axis.name} {axis.shape}"
        )
    # Messages or periods stand one after another; a spectrum is their sum.
    summed = values.reshape(-1, values.shape[-1]).sum(axis=0)
    if edges.size == summed.size:
        edges = _around(edges)
    stem = f"monitor_{name}"
    return {
        f"{stem}_counts": (f"{stem}_tof", summed, {"units": "count", **told}),
        f"{stem}_edges": (f"{stem}_tof_edge", edges, {"units": NANOSECOND}),
    }


def _edges(axis: h5py.Dataset, time_unit: str | None) -> Floats:
    unit = units(axis) or time_unit
    if unit is None:
        raise LayoutError(axis.file.filename, f"{axis.name} states no unit")
    factor = convert(1.0, unit, NANOSECOND, f"{axis.file.filename}:{axis.name}")
    edges = np.asarray(axis[()], float).ravel() * factor
    if edges.size < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise LayoutError(axis.file.filename, f"{axis.name} does not increase")
    return edges


def _around(middles: Floats) -> Floats:
    inner = (middles[1:] + middles[:-1]) / 2
    first, last = 2 * middles[0] - inner[0], 2 * middles[-1] - inner[-1]
    return np.concatenate([[first], inner, [last]])
