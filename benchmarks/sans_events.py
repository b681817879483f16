"""Neutron events to I(q) beside scipp: ten million events of 256 x 256 pixels, in memory and on one core.

Prints for each contender the median CPU time an event, called in rounds in turning order, its
ratio to scipp, and the largest difference of the counts over wavelength and q.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import statistics
import sys
import time

import numpy as np

SIDE, EVENTS, ROUNDS = 256, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, 5
FLIGHT_M, DISTANCE_M = 20.0, 5.0
WAVELENGTH, Q = np.linspace(2.0, 14.0, 201), np.linspace(0.005, 0.5, 201)


def events() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel numbers, times (ns) and positions (m)."""
    random = np.random.default_rng(1)
    along = (np.arange(SIDE) - (SIDE - 1) / 2) * 0.004
    x, y = np.meshgrid(along, along)
    positions = np.stack([x.ravel(), y.ravel(), np.full(x.size, DISTANCE_M)], axis=1)
    ids = random.integers(1, SIDE * SIDE + 1, EVENTS).astype(np.int32)
    return ids, random.integers(12_000_000, 90_000_000, EVENTS).astype(np.int32), positions


def contenders(ids: np.ndarray, times: np.ndarray, positions: np.ndarray) -> dict:
    from tasks.sans.kernels.table import H_OVER_M, NS, Axis, EventPlan, event_table, pixel_constants

    numbers = np.arange(1, SIDE * SIDE + 1)
    constants, first = pixel_constants(numbers, positions, FLIGHT_M, np.zeros(len(numbers), bool))
    plan = EventPlan(constants, first, Axis.of(WAVELENGTH), Axis.of(Q))
    far = np.linalg.norm(positions, axis=1)
    rate = H_OVER_M * NS / (FLIGHT_M + far)
    turn = 4 * np.pi * np.sqrt(0.5 * (1 - DISTANCE_M / far))

    def halos() -> np.ndarray:
        return plan.unpacked(event_table(ids, times, plan))[0][1:-1, 1:-1]

    def halos_in_slabs() -> np.ndarray:
        slab = 4_000_000
        rows = (event_table(ids[k : k + slab], times[k : k + slab], plan) for k in range(0, EVENTS, slab))
        return plan.unpacked(sum(rows))[0][1:-1, 1:-1]

    def numpy_by_hand() -> np.ndarray:
        table = np.zeros(200 * 200, np.int64)
        for k in range(0, EVENTS, 2**17):
            place = ids[k : k + 2**17] - 1
            wavelength = times[k : k + 2**17] * rate[place]
            i = ((wavelength - 2.0) * (200 / 12.0)).astype(np.int64)
            j = ((turn[place] / wavelength - 0.005) * (200 / 0.495)).astype(np.int64)
            good = (
                (wavelength >= 2)
                & (wavelength < 14)
                & (j >= 0)
                & (j < 200)
                & (turn[place] >= 0.005 * wavelength)
            )
            table += np.bincount(i[good] * 200 + j[good], minlength=40_000)
        return table.reshape(200, 200)

    return {"HALOS": halos, "HALOS, slabs of 4 million": halos_in_slabs, "numpy bincount": numpy_by_hand}


def scipp_contenders(ids: np.ndarray, times: np.ndarray, positions: np.ndarray) -> dict:
    """Scipp as the ESS packages use it: group by pixel, convert coordinates, histogram."""
    try:
        import scipp as sc
        from scippneutron.conversion.graph import beamline, tof
    except ImportError:
        print("scipp is not installed: its rows are left out")
        return {}
    table = sc.DataArray(
        sc.ones(dims=["event"], shape=[EVENTS], unit="counts", dtype="float32"),
        coords={
            "detector_number": sc.array(dims=["event"], values=ids, unit=None),
            "tof": sc.array(dims=["event"], values=times.astype(np.float32), unit="ns"),
        },
    )
    numbers = sc.arange("detector_number", 1, SIDE * SIDE + 1, dtype="int32", unit=None)
    place = {
        "position": sc.vectors(dims=["detector_number"], values=positions, unit="m"),
        "source_position": sc.vector([0.0, 0.0, -FLIGHT_M], unit="m"),
        "sample_position": sc.vector([0.0, 0.0, 0.0], unit="m"),
    }
    graph = {**beamline.beamline(scatter=True), **tof.elastic("tof")}
    edges = {
        "wavelength": sc.array(dims=["wavelength"], values=WAVELENGTH.astype(np.float32), unit="angstrom"),
        "Q": sc.array(dims=["Q"], values=Q.astype(np.float32), unit="1/angstrom"),
    }

    def counted(grouped: object) -> np.ndarray:
        placed = grouped.assign_coords(place)  # type: ignore[attr-defined]
        moved = placed.transform_coords(["wavelength", "Q"], graph=graph, keep_intermediate=False)
        return moved.bins.concat().hist(**edges).values

    grouped = table.group(numbers)
    return {
        "scipp, grouping by pixel": lambda: counted(table.group(numbers)),
        "scipp, grouped before": lambda: counted(grouped),
    }


def timed(calls: dict) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS):
        names = list(calls)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            began = time.process_time()
            calls[name]()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    data = events()
    calls = {**scipp_contenders(*data), **contenders(*data)}
    answers = {name: call() for name, call in calls.items()}
    base = next(iter(calls))
    print(f"{EVENTS} events, {SIDE} x {SIDE} pixels, 200 x 200 bins, CPU time")
    for name, each in timed(calls).items():
        differ = np.abs(answers[name] - answers["HALOS"]).sum() / answers["HALOS"].sum()
        print(f"  {name:28s} {1e9 * each / EVENTS:8.2f} ns an event   in another bin {differ / 2:.1e}")
    seconds = timed(calls)
    for name, each in seconds.items():
        print(f"  {name:28s} {seconds[base] / each:6.1f} x {base}")


if __name__ == "__main__":
    main()
