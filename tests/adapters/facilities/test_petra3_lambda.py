"""LAMBDA at PETRA III: modules by offset and number; those that are late, lost or not sure of their place."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.errors import LayoutError, UnitError
from adapters.facilities.petra3_lambda import LAMBDA, Lambda
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.beamline_hdf5 import (
    write_lambda,
)
from adapters.testing.images import Fault, held_open

RANDOM = np.random.default_rng(7)
MODULES = [RANDOM.integers(0, 9, (3, 4, 6)).astype("i2") for _ in range(2)]
OFFSETS = [(0, 0), (-2, 7)]


def aged(*paths: Path) -> None:
    """Make files look an hour old."""
    then = time.time() - 3600
    for path in paths:
        os.utime(path, (then, then))


class TestLambda(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> Lambda:
        return LAMBDA

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        home = write_lambda(tmp_path, MODULES[:1], OFFSETS[:1])
        path = home / "scan_00001_m1_part00000.nxs"
        return Sample(
            path,
            {"frame": 3, "y": 4, "x": 6},
            {"counts": MODULES[0].sum(), "frame": 6},
            {"facility": "petra3", "instrument": "p02", "exposure_s": 0.1, "pixel_size_x_m": 55e-6},
        )


def test_modules_are_put_where_their_offsets_say(tmp_path: Path) -> None:
    run = open_run(write_lambda(tmp_path, MODULES, OFFSETS))
    counts, mask = run.data["counts"].values, run.data["mask"].values

    assert counts.shape == (3, 11, 8)
    np.testing.assert_array_equal(counts[:, :4, 2:], MODULES[0])
    np.testing.assert_array_equal(counts[:, 7:, :6], MODULES[1])
    assert mask[4:7].all()
    assert (counts[:, 4:7] == -1).all()


def test_modules_are_joined_by_sequence_number(tmp_path: Path) -> None:
    numbers = [np.array([1, 2, 3]), np.array([2, 3, 5])]
    run = open_run(write_lambda(tmp_path, MODULES, OFFSETS, numbers=numbers))

    assert run.data["frame"].values.tolist() == [1, 2, 3, 5]
    np.testing.assert_array_equal(run.data["counts"].values[1, 7:, :6], MODULES[1][0])
    assert (run.data["counts"].values[0, 7:] == -1).all()
    assert {"module_missing", "frames_lost"} <= {flag.code for flag in run.flags}


def test_any_slice_of_assembled_frames_is_that_of_the_whole(tmp_path: Path) -> None:
    counts = open_run(write_lambda(tmp_path, MODULES, OFFSETS)).data["counts"]
    whole = counts.values

    np.testing.assert_array_equal(counts[1:, 2:9, ::2].values, whole[1:, 2:9, ::2])
    np.testing.assert_array_equal(counts[-1].values, whole[-1])


def test_a_module_between_two_that_is_gone_is_told(tmp_path: Path) -> None:
    three = [*MODULES, MODULES[0]]
    home = write_lambda(tmp_path, three, [*OFFSETS, (0, 14)], fault=Fault.DROP_FILE)

    assert "module_missing" in {flag.code for flag in open_run(home).flags}


def test_a_fresh_scan_with_frames_to_come_is_waited_for_an_old_one_is_read(tmp_path: Path) -> None:
    home = write_lambda(tmp_path, MODULES, OFFSETS, promised=50)
    fresh = LAMBDA.check(home)
    aged(*home.iterdir())

    assert fresh.state is State.WAIT
    assert LAMBDA.check(home).state is State.READY
    assert "3 of 50 promised" in next(
        f.message for f in LAMBDA.open(home).flags if f.code == "frames_missing"
    )


def test_a_module_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    home = write_lambda(tmp_path, MODULES, OFFSETS)

    with held_open(home / "scan_00001_m2_part00000.nxs"):
        judged = LAMBDA.check(home)

    assert judged.state is State.WAIT


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda place: place.pop("distance"), "does not say where its module lies"),
        (lambda place: place["distance"].write_direct(np.array([2, 3, 0], "f4")), "lies over module 1"),
    ],
)
def test_modules_whose_places_are_not_sure_are_broken(tmp_path: Path, spoil: Any, said: str) -> None:
    home = write_lambda(tmp_path, MODULES, OFFSETS)
    with h5py.File(home / "scan_00001_m2_part00000.nxs", "r+") as file:
        spoil(file["entry/instrument/detector/translation"])

    assert said in LAMBDA.check(home).reason
    with pytest.raises(LayoutError, match=said):
        LAMBDA.open(home)


def test_half_a_module_is_broken(tmp_path: Path) -> None:
    assert LAMBDA.check(write_lambda(tmp_path, MODULES, OFFSETS, fault=Fault.TRUNCATE)).state is State.BROKEN


def test_an_exposure_in_kilogram_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnitError):
        LAMBDA.open(write_lambda(tmp_path, MODULES, OFFSETS, fault=Fault.WRONG_UNIT))
