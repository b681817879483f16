"""Electrons to a volume: the same as numpy's histogram, whatever the blocks, and everything accounted for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.facilities.flash import FLASH_DAQ
from adapters.testing.flash import DELAY, DLD, GMD, electrons, flash_name, hextof, write_flash
from tasks.mpes import reduction
from tasks.mpes.kernels.volume import carried_forward, counted
from tasks.mpes.parameters import Axis, ElectronParameters
from tasks.mpes.reduction import ElectronError, volume


@pytest.fixture
def run(tmp_path):
    return FLASH_DAQ.open(write_flash(tmp_path / flash_name(), hextof()))


def codes(found):
    return {flag.code for flag in found.flags}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(0, 60), cut=st.integers(0, 60))
def test_counts_are_those_of_numpy_and_add_over_blocks(seed, number, cut):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, 8, number).astype(float), rng.uniform(-1, 2, number)]
    edges = [np.linspace(1, 6, 6), np.linspace(0, 1, 4)]

    counts, outside = counted(columns, edges)

    expected, _ = np.histogramdd(np.column_stack(columns), edges)
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum() + outside == number
    halves = [counted([each[part] for each in columns], edges) for part in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal(halves[0][0] + halves[1][0], counts)
    assert halves[0][1] + halves[1][1] == outside


@given(st.lists(st.one_of(st.floats(-5, 5), st.just(np.nan)), max_size=20))
def test_gaps_take_the_last_value_before_them(values):
    filled, count = carried_forward(np.array(values, float))

    expected, last, gaps = [], np.nan, 0
    for value in values:
        gaps += int(np.isnan(value) and not np.isnan(last))
        last = last if np.isnan(value) else value
        expected.append(last)
    np.testing.assert_array_equal(filled, expected)
    assert count == gaps


def test_every_electron_is_in_the_volume_with_its_poisson_error(run):
    found = volume(run, ElectronParameters())

    rows = electrons((3, 0, 5, 2, 4, 1), 8)
    assert int(found.data["intensity"].sum()) == found.facts["electrons"] == 15
    np.testing.assert_array_equal(found.data["intensity_errors"].values ** 2, found.data["intensity"].values)
    assert found.data["x"].values[0] >= np.nanmin(rows[:, 1]) > found.data["x"].values[0] - 1
    assert "tof_in_steps" in codes(found)


def test_any_block_of_trains_gives_the_same_volume(run, monkeypatch):
    whole = volume(run, ElectronParameters())

    monkeypatch.setattr(reduction, "BLOCK_TRAINS", 2)

    np.testing.assert_array_equal(
        volume(run, ElectronParameters()).data["intensity"].values, whole.data["intensity"].values
    )


def test_sector_bits_and_dark_pulses_are_taken_off(run):
    axes = (Axis(channel="tof", low=4999.5, high=5299.5, bins=300), Axis(channel="pulse", bins=3))
    found = volume(run, ElectronParameters(axes=axes, sector_bits=3, pulse_offset=7, tof_step_ns=0.5))

    pulses = electrons((3, 0, 5, 2, 4, 1), 8)[:, 2] - 7
    assert found.facts["dark"] == int((pulses < 0).sum())
    assert found.facts["electrons"] == int((pulses >= 0).sum())
    assert found.data["tof"].attrs["units"] == "ns"
    assert {"dark_electrons", "electrons_outside"} <= codes(found)


def test_a_slow_channel_is_carried_forward_and_told(run):
    named = run.data.rename({DELAY: "delay"})
    slow = type(run)(named, run.metadata, run.provenance, run.flags)
    parameters = ElectronParameters(axes=(Axis(channel="delay", low=1462.0, high=1463.0, bins=2),))

    found = volume(slow, parameters)
    exact = volume(slow, parameters.model_copy(update={"slow": "exact"}))

    # Trains before the first value of the stage have none: 3 electrons, and none in the second train.
    assert int(found.data["intensity"].sum()) == 12
    assert "carried_forward" in codes(found)
    # The stage has values of its own in the third and the sixth train alone.
    assert int(exact.data["intensity"].sum()) == 6


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ((Axis(channel="energy"),), "no channel 'energy'"),
        ((Axis(channel=GMD),), "has the dims"),
        (tuple(Axis(channel=name, bins=4096) for name in ("x", "y", "tof")), "more than"),
    ],
)
def test_axes_that_cannot_be_are_refused(run, axes, said):
    with pytest.raises(ElectronError, match=said):
        volume(run, ElectronParameters(axes=axes))


def test_no_electrons_are_told(tmp_path):
    empty = hextof(counts=(0,))
    run = FLASH_DAQ.open(write_flash(tmp_path / flash_name(), empty))
    axes = (Axis(channel="x", low=0.0, high=10.0, bins=2),)

    assert DLD in empty
    assert "no_electrons" in codes(volume(run, ElectronParameters(axes=axes)))


def test_spread_within_a_step_is_the_same_every_time(run):
    parameters = ElectronParameters(jitter=True)

    first, second = volume(run, parameters), volume(run, parameters)

    np.testing.assert_array_equal(first.data["intensity"].values, second.data["intensity"].values)
