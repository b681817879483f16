"""Events in a table: as a slow loop over them counts, each once, however they are cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sans.kernels.table import (
    H_OVER_M,
    NS,
    Axis,
    EventPlan,
    covered,
    event_table,
    gravity_drop,
    pixel_constants,
)

RANDOM = np.random.default_rng(3)
NUMBERS = np.arange(9, 9 + 30, dtype=np.int64)
POSITIONS = np.column_stack([RANDOM.uniform(-0.5, 0.5, (30, 2)), np.full(30, 4.0)])
MASKED = NUMBERS % 7 == 0
WAVELENGTH, Q = np.linspace(2.0, 12.0, 31), np.geomspace(0.005, 0.3, 41)
FLIGHT = 20.0


def plan(**more: object) -> EventPlan:
    constants, first = pixel_constants(NUMBERS, POSITIONS, FLIGHT, MASKED)
    return replace(EventPlan(constants, first, Axis.of(WAVELENGTH), Axis.of(Q)), **more)


def events(count: int = 5000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    ids = random.integers(5, 45, count).astype(np.int32)
    return ids, random.integers(0, 90_000_000, count).astype(np.int32)


def slow(ids: np.ndarray, times: np.ndarray, drop: float = 0.0) -> tuple[np.ndarray, int, int]:
    """The same event by event in double precision."""
    table, unknown, masked = np.zeros((len(WAVELENGTH) + 1, len(Q) + 1), int), 0, 0
    for number, time in zip(ids, times, strict=True):
        if number not in NUMBERS:
            unknown += 1
            continue
        place = int(number) - 9
        if MASKED[place]:
            masked += 1
            continue
        x, y, z = POSITIONS[place]
        far = np.sqrt(x * x + y * y + z * z)
        wavelength = time * NS * H_OVER_M / (FLIGHT + far)
        y += drop * wavelength**2 * far**2
        theta = np.arctan2(np.hypot(x, y), z) / 2
        q = 4 * np.pi * np.sin(theta) / wavelength if wavelength else np.inf
        table[np.searchsorted(WAVELENGTH, wavelength, "right"), np.searchsorted(Q, q, "right")] += 1
    return table, unknown, masked


@pytest.mark.parametrize("drop", [0.0, gravity_drop(), 100 * gravity_drop()])
def test_it_counts_as_a_slow_loop_does(drop: float) -> None:
    ids, times = events()
    chosen = plan(gravity=drop > 0, drop=drop)

    table, unknown, masked = chosen.unpacked(event_table(ids, times, chosen))

    expected, *lost = slow(ids, times, drop)
    assert [unknown, masked] == lost
    # Single precision puts an event in a hundred thousand on the other side of an edge.
    assert np.abs(table - expected).sum() <= 4
    assert table.sum() == expected.sum()


@given(st.lists(st.integers(0, 2000), min_size=0, max_size=6), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_any_slabs_give_the_same_table(cuts: list[int], seed: int) -> None:
    ids, times = events(2000, seed)
    chosen = plan()

    edges = [0, *sorted(cuts), 2000]
    parts = [event_table(ids[a:b], times[a:b], chosen) for a, b in pairwise(edges)]

    np.testing.assert_array_equal(sum(parts), event_table(ids, times, chosen))
    assert sum(parts).sum() == 2000


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=50),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_every_event_is_counted_once_whatever_its_time(times: list[float], gravity: bool) -> None:
    stored = np.array(times, np.float32)
    chosen = plan(gravity=gravity, drop=gravity_drop())

    row = event_table(np.full(len(times), 10, np.int32), stored, chosen)

    assert row.sum() == len(times)
    assert (row >= 0).all()


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_pixel_numbers_of_any_kind_are_taken(dtype: type) -> None:
    ids, times = events()

    found = event_table(ids.astype(dtype), times.astype(np.float32), plan())

    np.testing.assert_array_equal(found, event_table(ids, times, plan()))


def test_a_slow_neutron_that_comes_after_the_next_pulse_is_put_back() -> None:
    ids, times = events()
    times = times[:] // 2 + 45_000_000
    wrapped = np.where(times > 71_428_571, times - 71_428_571, times)

    chosen = plan(period_ns=71_428_571.0, first_angstrom=5.0)

    # Times stand for 7.4 to 14.8 angstrom, and what came back for 0 to 3.
    difference = np.abs(event_table(ids, wrapped, chosen) - event_table(ids, times, plan())).sum()
    assert difference <= 4


def test_an_emission_delay_is_taken_off() -> None:
    ids, times = events()

    late = event_table(ids, times + 1_000_000, plan(shift_ns=1e6))

    assert np.abs(late - event_table(ids, times, plan())).sum() <= 2


@pytest.mark.parametrize(
    "edges", [Q, np.linspace(0.0, 0.3, 500), np.array([0.1, 0.2]), np.geomspace(1e-3, 1, 300)]
)
def test_a_look_up_finds_the_bin_that_a_search_finds(edges: np.ndarray) -> None:
    constants = np.array([[1.0, 1.0, 0, 0, 1], [-1, 0, 0, 0, 0]], np.float32)
    axis = Axis.of(edges)
    values = np.float32(np.random.default_rng(1).uniform(edges[0] * 0.5, edges[-1] * 1.2, 20_000))
    values = np.concatenate([values, axis.edges, np.nextafter(axis.edges, np.float32(0))]).astype(np.float32)

    found = event_table(
        np.zeros(len(values), np.int32), values, EventPlan(constants, 0, axis, Axis.of([0, 1e9]))
    )

    expected = np.bincount(np.searchsorted(axis.edges, values, "right"), minlength=len(edges) + 1)
    np.testing.assert_array_equal(found[:-2].reshape(len(edges) + 1, 3).sum(axis=1), expected)


def test_solid_angle_is_shared_as_wavelengths_are() -> None:
    chosen = plan()
    angles = np.linspace(1.0, 2.0, 30)

    found = covered(chosen, NUMBERS, angles)

    expected, steps = np.zeros_like(found), 4000
    middles = np.linspace(2.0, 12.0, 30 * steps, endpoint=False) + 10.0 / (60 * steps)
    theta = np.arctan2(np.hypot(*POSITIONS[:, :2].T), 4.0) / 2
    for each in range(30):
        if not MASKED[each]:
            place = np.searchsorted(Q, 4 * np.pi * np.sin(theta[each]) / middles, "right") - 1
            inside = (place >= 0) & (place < len(Q) - 1)
            np.add.at(expected, (np.arange(30 * steps)[inside] // steps, place[inside]), angles[each] / steps)
    np.testing.assert_allclose(found, expected, atol=3e-3)


def test_without_a_fall_both_ways_of_sharing_agree() -> None:
    straight = covered(plan(), NUMBERS, np.ones(30))

    falling = covered(plan(gravity=True, drop=0.0), NUMBERS, np.ones(30), steps=2000)

    np.testing.assert_allclose(falling, straight, atol=5e-3)


def test_it_falls_as_scippneutron_says() -> None:
    sc = pytest.importorskip("scipp")
    beamline = pytest.importorskip("scippneutron.conversion.beamline")
    wavelength = 11.0
    theirs = beamline.scattering_angles_with_gravity(
        incident_beam=sc.vector([0.0, 0.0, FLIGHT], unit="m"),
        scattered_beam=sc.vectors(dims=["pixel"], values=POSITIONS, unit="m"),
        wavelength=sc.scalar(wavelength, unit="angstrom"),
        gravity=sc.vector([0.0, -9.80665, 0.0], unit="m/s^2"),
    )["two_theta"].values
    x, y, z = POSITIONS.T
    up = y + gravity_drop() * wavelength**2 * (x**2 + y**2 + z**2)

    np.testing.assert_allclose(np.arctan2(np.hypot(x, up), z), theirs, rtol=1e-6)


def test_numbers_that_stand_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="same number"):
        pixel_constants(np.array([1, 1]), POSITIONS[:2], FLIGHT, MASKED[:2])
