"""Events to one table over wavelength and q, in a single pass: no sorting, no grouping, only counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.common.kernels.compiled import compiled

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# h / m of the neutron in angstrom m / s, from CODATA 2022 and the exact h of the SI.
H_OVER_M = 6.62607015e-34 / 1.67492750056e-27 * 1e10
STANDARD_GRAVITY = 9.80665
NS = 1e-9
# Constants of a pixel: wavelength a nanosecond, q times wavelength; x², y and z for gravity.
COLUMNS = 5
UNKNOWN, MASKED = -1.0, -2.0
# Steps of the look-up from a value to its bin: two for the narrowest bin, so that one comparison settles it.
LEAST_STEPS, MOST_STEPS = 256, 2**18
# Events that are worked on together; their intermediate values stay in the nearest cache.
BLOCK = 1024
MOST_IDS, HIGHEST_ID = 400_000_000, 2**31 - 1

# Division as numpy does it: a neutron of no wavelength has an infinite q, and falls into the rim.
fast: Any = compiled(error_model="numpy")
inlined: Any = njit(inline="always", error_model="numpy")


@dataclass(frozen=True)
class Axis:
    """Bin edges with a look-up table; bin 0 lies below the first edge, the last one above the last.

    A value's step in `table` names the bin where the step begins, and at most one edge lies
    within a step, so the bin is that one or the next.
    """

    edges: NDArray[np.float32]
    bounds: NDArray[np.float32]
    table: NDArray[np.uint16]
    low: np.float32
    scale: np.float32

    @classmethod
    def of(cls, edges: Floats) -> Axis:
        """An axis with these ascending edges."""
        stored = np.asarray(edges, np.float32)
        if stored.ndim != 1 or not 2 <= stored.size < 2**16 or not (np.diff(stored) > 0).all():
            raise ValueError("bin edges must ascend, also in single precision")
        span, narrow = float(stored[-1]) - float(stored[0]), float(np.diff(stored).min())
        steps = max(LEAST_STEPS, int(np.ceil(2.5 * span / narrow)))
        if steps > MOST_STEPS:
            raise ValueError(f"the narrowest bin is a {span / narrow:.0f}th of the range; take wider ones")
        bounds = np.concatenate([[-np.inf], stored, [np.inf]]).astype(np.float32)
        # A little early, since a value may round up into the step.
        starts = float(stored[0]) + (np.arange(-1, steps + 1) - 0.1) * (span / steps)
        table = np.searchsorted(stored, starts, side="right")
        table[0] = 0
        return cls(stored, bounds, table.astype(np.uint16), stored[0], np.float32(steps / span))

    @property
    def bins(self) -> int:
        """Bins between the edges."""
        return self.edges.size - 1


@dataclass(frozen=True)
class EventPlan:
    """What all slabs of a run share: constants by pixel number, axes, and how times become wavelengths.

    Attributes
    ----------
    constants : (ids + 1, 5) float32
        By pixel number less `first`, as `pixel_constants` makes them: angstrom a nanosecond (negative
        where no pixel bears the number, or it is masked), q times wavelength; x², y and z for gravity.
    drop : float
        Fall of a neutron of 1 angstrom on the way from the sample, in m for each m² of distance.
    shift_ns : float
        Taken off every time: when the source emitted, after the moment that times count from.
    period_ns, first_angstrom : float
        A neutron that seems quicker than `first_angstrom` is one period older; no period, no turn.
    """

    constants: NDArray[np.float32]
    first: int
    wavelength: Axis
    q: Axis
    gravity: bool = False
    drop: float = 0.0
    shift_ns: float = 0.0
    period_ns: float = 0.0
    first_angstrom: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Wavelength and q bins with their rims."""
        return self.wavelength.bins + 2, self.q.bins + 2

    @property
    def size(self) -> int:
        """The table in a row, then events of unknown and of masked pixels."""
        return self.shape[0] * self.shape[1] + 2

    def unpacked(self, row: Counts) -> tuple[Counts, int, int]:
        """The table with its rim, events whose pixel is unknown, events of masked pixels."""
        return row[:-2].reshape(self.shape), int(row[-2]), int(row[-1])


def pixel_constants(
    numbers: NDArray[np.int64], positions: Floats, flight_m: float, masked: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], int]:
    """Constants by pixel number, and the lowest number.

    Parameters
    ----------
    numbers : (n,) int
        Number of each pixel, each once.
    positions : (n, 3) float, m
        From the sample, z along the beam, y up.
    flight_m : float, m
        From source to sample.
    masked : (n,) bool
        True where a pixel must not count.

    Raises
    ------
    ValueError
        If a number stands twice, or numbers spread too far for a table.
    """
    if np.unique(numbers).size != numbers.size:
        raise ValueError("two pixels bear the same number")
    first = int(numbers.min())
    span = int(numbers.max()) - first + 1
    if span > MOST_IDS or first < 0 or first + span > HIGHEST_ID:
        raise ValueError(f"pixel numbers from {first} spread over {span}: no table holds them")
    far = np.linalg.norm(positions, axis=1)
    with np.errstate(all="ignore"):
        half = np.sqrt(np.maximum(0.5 * (1.0 - positions[:, 2] / far), 0.0))
    # The last row is that of all numbers beyond.
    table = np.full((span + 1, COLUMNS), UNKNOWN, np.float32)
    place = numbers - first
    table[place, 0] = np.where(masked, MASKED, H_OVER_M * NS / (flight_m + far))
    table[place, 1] = 4.0 * np.pi * half
    table[place, 2] = positions[:, 0] ** 2
    table[place, 3] = positions[:, 1]
    table[place, 4] = positions[:, 2]
    # What has no place cannot be given a wavelength.
    table[place[~np.isfinite(far) | (far == 0)], 0] = MASKED
    return table, first


def gravity_drop() -> float:
    """Fall of a neutron of 1 angstrom in m for each m² of its way: g m² / (2 h²); it grows as wavelength²."""
    return STANDARD_GRAVITY / (2.0 * H_OVER_M**2)


def event_table(ids: NDArray[Any], times_ns: NDArray[Any], plan: EventPlan) -> Counts:
    """Counts of events (n,) over wavelength and q, in a row as `EventPlan.unpacked` takes it; they add.

    A bin holds its lower edge. Every event is counted once: in a bin, in the rim, or among the
    events of unknown or masked pixels.
    """
    table, lost = np.zeros(plan.shape, np.uint32), np.zeros(2, np.int64)
    falls, earliest = plan.gravity, plan.first_angstrom if plan.period_ns > 0 else -np.inf
    _count(
        _narrow(ids),
        times_ns,
        plan.constants if falls else np.ascontiguousarray(plan.constants[:, :2]),
        np.int32(plan.first),
        (plan.wavelength.bounds, plan.wavelength.table, plan.wavelength.low, plan.wavelength.scale),
        (plan.q.bounds, plan.q.table, plan.q.low, plan.q.scale),
        np.array([plan.shift_ns, plan.period_ns, earliest, plan.drop], np.float32),
        falls,
        table,
        lost,
    )
    return np.concatenate([table.ravel().astype(np.int64), lost])


def _narrow(ids: NDArray[Any]) -> NDArray[np.int32]:
    """Pixel numbers in 32 bits; those that need more are of no pixel, and stay so."""
    if ids.dtype.itemsize < 4 or ids.dtype == np.int32:
        return ids.astype(np.int32, copy=False)
    highest = np.minimum(ids, HIGHEST_ID)
    narrow: NDArray[np.int32] = (np.maximum(highest, -1) if ids.dtype.kind == "i" else highest).astype(
        np.int32
    )
    return narrow


@inlined
def _step(value, low, scale, last):  # type: ignore[no-untyped-def]
    # Written so that what is not a number, or beyond any integer, has a step as well.
    step = (value - low) * scale + np.float32(1.0)
    step = step if step > np.float32(0.0) else np.float32(0.0)
    return np.int32(step if step < last else last)


@inlined
def _bin(value, step, bounds, table):  # type: ignore[no-untyped-def]
    place = np.int64(table[np.uint64(step)])
    return place + np.int64(value >= bounds[np.uint64(place + 1)])


@inlined
def _fallen_q(x2, up, along, wavelength, drop):  # type: ignore[no-untyped-def]
    up += drop * wavelength * wavelength * (x2 + up * up + along * along)
    side2 = x2 + up * up
    far = np.sqrt(side2 + along * along)
    # sin² θ = (1 - cos 2θ)/2, without the difference of two numbers near one.
    return np.float32(4.0 * np.pi) * np.sqrt(np.float32(0.5) * side2 / (far * (far + along))) / wavelength


@fast
def _count(ids, times, constants, first, l_axis, q_axis, numbers, falls, found, lost):  # type: ignore[no-untyped-def]
    shift, period, earliest, drop = numbers[0], numbers[1], numbers[2], numbers[3]
    l_bounds, l_table, l_low, l_scale = l_axis
    q_bounds, q_table, q_low, q_scale = q_axis
    l_last, q_last = np.float32(l_table.size - 1), np.float32(q_table.size - 1)
    beyond = np.int32(constants.shape[0] - 1)
    width = np.int64(found.shape[1])
    cells = found.reshape(-1)
    # Each step goes over a block by itself, so that the processor can do several events at once.
    place, step = np.empty(BLOCK, np.int32), np.empty((2, BLOCK), np.int32)
    rate, wavelength, q = (
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
    )
    strangers, hidden = np.int64(0), np.int64(0)
    for start in range(0, ids.size, BLOCK):
        size = min(BLOCK, ids.size - start)
        for k in range(size):
            at = ids[start + k] - first
            at = at if at >= 0 else beyond
            place[k] = at if at < beyond else beyond
        for k in range(size):
            rate[k] = constants[np.uint64(place[k]), 0]
            angstrom = (np.float32(times[start + k]) - shift) * rate[k]
            angstrom += period * rate[k] if angstrom < earliest else np.float32(0.0)
            wavelength[k] = angstrom
            q[k] = constants[np.uint64(place[k]), 1] / angstrom
        if falls:
            for k in range(size):
                at = np.uint64(place[k])
                q[k] = _fallen_q(constants[at, 2], constants[at, 3], constants[at, 4], wavelength[k], drop)
        for k in range(size):
            # Events of no pixel go to the corner of the rim, and are taken out of it at the end.
            wavelength[k] = wavelength[k] if rate[k] > 0 else np.float32(-1.0)
            q[k] = q[k] if rate[k] > 0 else np.float32(-1.0)
            strangers += np.int64(rate[k] == np.float32(UNKNOWN))
            hidden += np.int64(rate[k] == np.float32(MASKED))
        for k in range(size):
            step[0, k] = _step(wavelength[k], l_low, l_scale, l_last)
        for k in range(size):
            step[1, k] = _step(q[k], q_low, q_scale, q_last)
        for k in range(size):
            row = _bin(wavelength[k], step[0, k], l_bounds, l_table)
            place[k] = row * width + _bin(q[k], step[1, k], q_bounds, q_table)
        for k in range(size):
            cells[np.uint64(place[k])] += np.uint32(1)
    cells[0] -= np.uint32(strangers + hidden)
    lost[0], lost[1] = strangers, hidden


def covered(plan: EventPlan, numbers: NDArray[np.int64], solid_angles: Floats, steps: int = 8) -> Floats:
    """Solid angle that each cell of the table sees, (wavelength bins, q bins), in the unit of the input.

    A pixel moves through bins of q as the wavelength grows; each cell gets the share of its
    wavelength bin that the pixel spends in it, all wavelengths of a bin counting alike. Without
    gravity that share is exact, with gravity `steps` wavelengths stand for each bin.
    """
    rows = plan.constants[numbers - plan.first].astype(np.float64)
    kept = (rows[:, 0] > 0) & np.isfinite(solid_angles) & (solid_angles > 0)
    found = np.zeros((plan.wavelength.bins, plan.q.bins))
    edges = plan.wavelength.edges.astype(np.float64)
    q_edges = plan.q.edges.astype(np.float64)
    if plan.gravity:
        _covered_falling(rows[kept], solid_angles[kept], edges, q_edges, plan.drop, steps, found)
    else:
        _covered_straight(rows[kept, 1], solid_angles[kept], edges, q_edges, found)
    return found


@fast
def _covered_straight(constants, weights, edges, q_edges, found):  # type: ignore[no-untyped-def]
    bins = q_edges.size - 1
    for p in range(constants.size):
        c = constants[p]
        for i in range(edges.size - 1):
            low, high = edges[i], edges[i + 1]
            # Long wavelengths stand at low q.
            begin = max(np.searchsorted(q_edges, c / high, side="right") - 1, 0)
            for j in range(begin, bins):
                if c / low <= q_edges[j]:
                    break
                start = max(low, c / q_edges[j + 1])
                stop = high if q_edges[j] <= 0 else min(high, c / q_edges[j])
                if stop > start:
                    found[i, j] += weights[p] * (stop - start) / (high - low)


@fast
def _covered_falling(rows, weights, edges, q_edges, drop, steps, found):  # type: ignore[no-untyped-def]
    for p in range(weights.size):
        for i in range(edges.size - 1):
            for s in range(steps):
                wavelength = edges[i] + (edges[i + 1] - edges[i]) * (s + 0.5) / steps
                along = rows[p, 4]
                up = rows[p, 3] + drop * wavelength**2 * (rows[p, 2] + rows[p, 3] ** 2 + along**2)
                side2 = rows[p, 2] + up**2
                far = np.sqrt(side2 + along**2)
                q = 4.0 * np.pi * np.sqrt(0.5 * side2 / (far * (far + along))) / wavelength
                j = np.searchsorted(q_edges, q, side="right") - 1
                if 0 <= j < q_edges.size - 1:
                    found[i, j] += weights[p] / steps
