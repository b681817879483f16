"""Bragg peaks of a frame: statistics of rings, pixels that stand out of theirs, and what joins to a peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.common.kernels.compiled import compiled

Floats = NDArray[np.float64]

# Rounds of clipping in which the statistics of a ring lose its peaks.
ROUNDS = 5
# Pixels that are looked at together; most of a frame is passed over by their highest alone.
RUN = 32
COLUMNS = ("x", "y", "total", "highest", "snr", "pixels")


@dataclass(frozen=True)
class PeakPlan:
    """What all frames of a run share when peaks are sought in them.

    Attributes
    ----------
    rings : (p,) int32
        Ring of each pixel of the stacked modules; `count` for one that must not be used.
    count : int
        Number of rings.
    first, sampled : (count + 1,) and (m,) int32
        Pixels from which the statistics of ring r are taken: ``sampled[first[r] : first[r + 1]]``.
    lowest_ring : (runs,) int32
        Smallest ring in every run of 32 pixels.
    height, width : int
        Pixels of a module; a peak does not cross from one module to the next.
    threshold : float
        A pixel must exceed this, whatever its ring.
    snr : float
        Standard deviations by which a pixel must exceed its ring, and a peak its surroundings.
    least, most : int
        Pixels that a peak may have.
    radius : float
        Pixels around the centre of a peak from which its background is taken.
    most_peaks : int
        Peaks of a frame that are kept.
    """

    rings: NDArray[np.int32]
    count: int
    first: NDArray[np.int32]
    sampled: NDArray[np.int32]
    lowest_ring: NDArray[np.int32]
    height: int
    width: int
    threshold: float
    snr: float
    least: int
    most: int
    radius: float
    most_peaks: int


def plan_peaks(
    radii: Floats,
    bad: NDArray[np.bool_],
    *,
    ring_width: float,
    samples: int | None,
    seed: int,
    threshold: float,
    snr: float,
    least: int,
    most: int,
    radius: float,
    most_peaks: int,
) -> PeakPlan:
    """The plan for modules (m, y, x) whose pixels lie at `radii` (pixels) from the beam.

    `samples` pixels of each ring, chosen once with `seed`, stand for all of it; None takes all.
    """
    good = ~bad & np.isfinite(radii)
    number = np.where(good, np.floor_divide(np.where(good, radii, 0.0), ring_width), -1).astype(np.int64)
    count = int(number.max(initial=-1)) + 1
    rings = np.where(good, number, count).astype(np.int32).ravel()
    order = np.random.default_rng(seed).permutation(rings.size)
    order = order[np.argsort(rings[order], kind="stable")]
    sizes = np.bincount(rings, minlength=count + 1)[:count]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    kept = sizes if samples is None else np.minimum(sizes, samples)
    chosen = [np.sort(order[starts[ring] : starts[ring] + kept[ring]]) for ring in range(count)]
    padded = np.append(rings, np.full(-rings.size % RUN, count, np.int32))
    return PeakPlan(
        rings=rings,
        count=count,
        first=np.concatenate([[0], np.cumsum(kept)]).astype(np.int32),
        sampled=np.concatenate([np.empty(0, np.int64), *chosen]).astype(np.int32),
        lowest_ring=padded.reshape(-1, RUN).min(axis=1),
        height=radii.shape[-2],
        width=radii.shape[-1],
        threshold=threshold,
        snr=snr,
        least=least,
        most=most,
        radius=radius,
        most_peaks=most_peaks,
    )


def find_peaks(frames: NDArray[Any], plan: PeakPlan) -> tuple[NDArray[np.int64], Floats]:
    r"""Peaks of every frame.

    In the sense of peakfinder8 (Barty et al., J. Appl. Cryst. 47, 1118, 2014): a pixel
    stands out if it exceeds :math:`\max(t, \mu_r + s \sigma_r)` with the clipped mean and
    standard deviation of its ring; neighbours that stand out (8 of them) join; a peak
    has `least` to `most` pixels, and its total above the background around it is at least
    `snr` times the standard deviation there.

    Parameters
    ----------
    frames : (n, m, y, x)
        Values in any unit; NaN is no value and joins no peak.
    plan : PeakPlan
        Rings and limits.

    Returns
    -------
    counts : (n,) int
        Peaks of each frame, also beyond those kept.
    peaks : (k, 7) float
        Frame, x and y (pixels of the stacked modules, centre of mass, 0 is the middle of the
        first pixel), total above the background, highest pixel, total over the standard
        deviation of the background, pixels.

    Raises
    ------
    ValueError
        If the frames do not match the plan.
    """
    if frames[:1].size not in (0, plan.rings.size) or frames.shape[-2:] != (plan.height, plan.width):
        raise ValueError(f"frames {frames.shape} do not match a plan of {plan.rings.size} pixels")
    counts = np.zeros(len(frames), np.int64)
    tables = [np.empty((0, 1 + len(COLUMNS)))]
    members = np.empty(plan.rings.size, np.int32)
    seen = np.zeros(plan.rings.size, np.uint8)
    table = np.empty((plan.most_peaks, len(COLUMNS)))
    for index, frame in enumerate(frames):
        values = np.ascontiguousarray(frame, np.float32).ravel()
        offset, spread, upper = _statistics(values, plan.first, plan.sampled, plan.snr, plan.threshold)
        found = _peaks(
            values,
            plan.rings,
            plan.lowest_ring,
            (offset, spread, upper),
            (plan.height, plan.width, plan.least, plan.most),
            (plan.snr, plan.radius),
            (members, seen),
            table,
        )
        counts[index] = found
        kept = table[: min(found, plan.most_peaks)]
        tables.append(np.column_stack([np.full(len(kept), float(index)), kept]))
    return counts, np.concatenate(tables)


def ring_statistics(frame: NDArray[Any], plan: PeakPlan) -> tuple[Floats, Floats, Floats]:
    """Clipped mean and standard deviation of every ring of one frame, and the value to exceed there."""
    values = np.ascontiguousarray(frame, np.float32).ravel()
    offset, spread, upper = _statistics(values, plan.first, plan.sampled, plan.snr, plan.threshold)
    return offset, spread, upper


@compiled()
def _statistics(values, first, sampled, snr, threshold):  # type: ignore[no-untyped-def]
    count = first.size - 1
    offset = np.zeros(count)
    spread = np.zeros(count)
    upper = np.full(count, np.inf)
    # The pixels of a ring lie all over the frame: they are fetched once, and clipped in the nearest cache.
    near = np.empty(sampled.size)
    for ring in range(count):
        size = first[ring + 1] - first[ring]
        for place in range(size):
            near[place] = np.float64(values[sampled[first[ring] + place]])
        low, high = -np.inf, np.inf
        for turn in range(ROUNDS):
            number = 0
            total = 0.0
            squares = 0.0
            for place in range(size):
                # Without a branch, which would be foreseen wrongly where peaks are; NaN is never within.
                within = low < near[place] < high
                value = near[place] if within else 0.0
                number += int(within)
                total += value
                squares += value * value
            if number == 0:
                break
            mean = total / number
            sigma = np.sqrt(max(squares / number - mean * mean, 0.0))
            if turn > 0 and mean == offset[ring] and sigma == spread[ring]:
                # Nothing was clipped any more, nor will be.
                break
            offset[ring], spread[ring] = mean, sigma
            low = mean - snr * sigma
            high = max(mean + snr * sigma, threshold)
            upper[ring] = high
    return offset, spread, upper


@compiled()
def _peaks(values, rings, lowest_ring, statistics, shape, limits, scratch, table):  # type: ignore[no-untyped-def]
    offset, spread, upper = statistics
    height, width, least, most = shape
    snr, radius = limits
    members, seen = scratch
    count = upper.size
    # The lowest value that any ring from this one on asks for: below it a run holds nothing.
    lowest = np.full(count + 1, np.inf)
    for ring in range(count - 1, -1, -1):
        lowest[ring] = min(lowest[ring + 1], upper[ring])
    # Peaks beyond those kept are measured too, since they count; what they measure is not kept.
    spare = np.empty(table.shape[1])
    touched = 0
    found = 0
    runs = np.empty(lowest_ring.size, np.int64)
    for place in range(_standing_out(values, lowest_ring, lowest, runs)):
        start = runs[place] * RUN
        stop = min(start + RUN, values.size)
        for pixel in range(start, stop):
            ring = rings[pixel]
            if ring >= count or seen[pixel] or not values[pixel] > upper[ring]:
                continue
            begin = touched
            touched = _joined(pixel, values, rings, upper, height, width, members, seen, touched)
            size = touched - begin
            if size < least or size > most:
                continue
            if _measured(
                values,
                rings,
                offset,
                spread,
                upper,
                height,
                width,
                members[begin:touched],
                snr,
                radius,
                table[found] if found < len(table) else spare,
            ):
                found += 1
    for place in range(touched):
        seen[members[place]] = 0
    return found


@compiled()
def _standing_out(values, lowest_ring, lowest, runs):  # type: ignore[no-untyped-def]
    """Number of the runs in which some pixel may stand out; `runs` holds which. NaN never does."""
    # In the precision of the pixels, rounded down, so that none is passed over.
    limits = lowest.astype(np.float32)
    for ring in range(limits.size):
        if np.float64(limits[ring]) > lowest[ring]:
            limits[ring] = np.nextafter(limits[ring], np.float32(-np.inf))
    whole = values.size // RUN
    blocks = values[: whole * RUN].reshape(whole, RUN)
    found = 0
    for run in range(whole):
        limit = limits[lowest_ring[run]]
        # Comparisons that are joined, not a maximum: the processor does a whole run of them at once.
        higher = np.int32(0)
        for place in range(RUN):
            higher |= np.int32(blocks[run, place] > limit)
        if higher != 0:
            runs[found] = run
            found += 1
    if whole < lowest_ring.size:
        runs[found] = whole
        found += 1
    return found


@compiled()
def _joined(pixel, values, rings, upper, height, width, members, seen, touched):  # type: ignore[no-untyped-def]
    count = upper.size
    seen[pixel] = 1
    members[touched] = pixel
    head = touched
    touched += 1
    while head < touched:
        row, column = members[head] // width, members[head] % width
        head += 1
        top = (row // height) * height
        for y in range(max(row - 1, top), min(row + 2, top + height)):
            for x in range(max(column - 1, 0), min(column + 2, width)):
                other = y * width + x
                ring = rings[other]
                if ring < count and not seen[other] and values[other] > upper[ring]:
                    seen[other] = 1
                    members[touched] = other
                    touched += 1
    return touched


@compiled()
def _measured(  # type: ignore[no-untyped-def]
    values, rings, offset, spread, upper, height, width, members, snr, radius, row
):
    weight = 0.0
    x = 0.0
    y = 0.0
    total = 0.0
    highest = -np.inf
    for pixel in members:
        value = np.float64(values[pixel])
        above = value - offset[rings[pixel]]
        weight += above
        x += above * (pixel % width)
        y += above * (pixel // width)
        total += value
        highest = max(highest, value)
    if not weight > 0:
        return False
    x /= weight
    y /= weight
    mean, sigma = _around(values, rings, upper, height, width, members[0], x, y, radius)
    if not sigma >= 0:
        ring = rings[members[0]]
        mean, sigma = offset[ring], spread[ring]
    net = total - members.size * mean
    # Surroundings without any scatter, as in empty simulated frames, put no limit.
    ratio = net / sigma if sigma > 0 else np.inf
    if not (net > 0 and ratio >= snr):
        return False
    row[0], row[1], row[2], row[3], row[4], row[5] = x, y, net, highest, ratio, members.size
    return True


@compiled()
def _around(values, rings, upper, height, width, pixel, x, y, radius):  # type: ignore[no-untyped-def]
    count = upper.size
    top = (pixel // width // height) * height
    reach = int(np.ceil(radius))
    number = 0
    total = 0.0
    squares = 0.0
    for row in range(max(int(y) - reach, top), min(int(y) + reach + 2, top + height)):
        for column in range(max(int(x) - reach, 0), min(int(x) + reach + 2, width)):
            if (row - y) ** 2 + (column - x) ** 2 > radius * radius:
                continue
            place = row * width + column
            ring = rings[place]
            value = np.float64(values[place])
            if ring < count and value <= upper[ring]:
                number += 1
                total += value
                squares += value * value
    if number < 3:
        return 0.0, -1.0
    mean = total / number
    return mean, np.sqrt(max(squares / number - mean * mean, 0.0))


def hit_fraction(hits: int, frames: int) -> tuple[float, float]:
    """Share of frames that are hits, and its standard uncertainty.

    The uncertainty is the standard deviation of the share given the counts, with the prior
    of Jeffreys: Beta(hits + 1/2, frames - hits + 1/2). It is not zero without hits.
    """
    if not 0 <= hits <= frames or frames == 0:
        raise ValueError(f"{hits} hits of {frames} frames are no fraction")
    a, b = hits + 0.5, frames - hits + 0.5
    return hits / frames, float(np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))))
