"""FLASH: channels on their own trains, joined by train, electrons by name."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import CorruptFileError, LayoutError
from adapters.facilities.flash import FLASH_DAQ
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.flash import (
    DELAY,
    DLD,
    GMD,
    FlashFault,
    Values,
    electrons,
    flash_name,
    hextof,
    write_flash,
)
from adapters.testing.images import held_open

X = electrons((3, 0, 5, 2, 4, 1), 8)[:, 1]


class TestFile(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return FLASH_DAQ

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_flash(tmp_path / flash_name(), hextof())
        return Sample(
            path,
            {"train": 7, "hit": 8},
            {"x": np.nansum(X), DELAY: 1462.5 + 1462.75},
            {"technique": "mpes", "facility": "flash"},
            flags=("units_unstated", "channel_map_assumed"),
        )


class TestRunFolder(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return FLASH_DAQ

    @pytest.fixture
    def sample(self, tmp_path):
        run = tmp_path / "run"
        run.mkdir()
        first = write_flash(run / flash_name(1), hextof())
        write_flash(run / flash_name(2), hextof(1648851406))
        return Sample(run, {"train": 13, "hit": 8}, {"x": 2 * np.nansum(X)}, halve=first)


def test_channels_are_joined_by_train_and_nan_where_they_have_none(tmp_path):
    data = open_run(write_flash(tmp_path / flash_name(), hextof())).data

    assert data["train"].values.tolist() == list(range(1648851400, 1648851407))
    np.testing.assert_array_equal(data["x"].values[:6], X)
    assert np.isnan(data["x"].values[6]).all()
    assert np.isnan(data[GMD].values[0]).all()
    np.testing.assert_allclose(data[GMD].values[1:, 0, 0], 3.5 + 0.01 * np.arange(6), rtol=1e-6)
    expected = [np.nan, np.nan, 1462.5, np.nan, np.nan, 1462.75, np.nan]
    np.testing.assert_array_equal(data[DELAY].values, expected)


def test_the_tenth_file_comes_after_the_second(tmp_path):
    for number in (1, 2, 10):
        channel = {GMD: Values(np.array([5, 6]), np.full((2, 1), number, "f4"))}
        write_flash(tmp_path / flash_name(number), channel)

    run = FLASH_DAQ.open(tmp_path)

    # The same trains in all files: the last counts, and that is the tenth.
    assert run.data[GMD].values.ravel().tolist() == [10, 10]
    assert "trains_repeated" in {flag.code for flag in run.flags}


def test_a_channel_map_names_what_it_points_at(tmp_path):
    path = write_flash(tmp_path / flash_name(), hextof())
    said = json.dumps(
        {
            "energy": {"dataset": GMD, "at": [0], "unit": "uJ"},
            "bias": {"dataset": DLD, "at": [4, 0], "unit": "V"},
        }
    )

    run = open_run(path, assume={"channels": said})

    assert set(run.data.data_vars) == {"energy", "bias"}
    assert run.data["energy"].attrs["units"] == "uJ"
    assert run.data["energy"].shape == (7, 4)
    assert run.data["bias"].values[0] == 31.5
    assert run.metadata.technique == "trains"


@pytest.mark.parametrize(
    "said",
    ["not json", "[1, 2]", '{"x": 3}', '{"x": {"at": 1}}', '{"x": "FL1/nowhere"}', '{"x": {"row": 1}}'],
)
def test_a_wrong_channel_map_is_refused(tmp_path, said):
    path = write_flash(tmp_path / flash_name(), hextof())

    with pytest.raises(LayoutError):
        open_run(path, assume={"channels": said})


def test_a_row_that_is_not_there_is_refused(tmp_path):
    path = write_flash(tmp_path / flash_name(), hextof())

    with pytest.raises(LayoutError, match="no \\(9,\\)"):
        open_run(path, assume={"channels": json.dumps({"x": {"dataset": DLD, "at": [9]}})})


def test_values_that_were_never_written_are_missing_and_told(tmp_path):
    run = open_run(write_flash(tmp_path / flash_name(), hextof(), fault=FlashFault.NO_VALUES))

    assert np.isnan(run.data["x"].values).all()
    assert "values_missing" in {flag.code for flag in run.flags}


def test_values_fewer_than_trains_are_broken(tmp_path):
    path = write_flash(tmp_path / flash_name(), hextof(), fault=FlashFault.FEWER_VALUES)

    assert FLASH_DAQ.check(path).state is State.BROKEN
    with pytest.raises(CorruptFileError, match="5 values for 6 trains"):
        FLASH_DAQ.open(path)


def test_a_dangling_link_is_broken(tmp_path):
    path = write_flash(tmp_path / flash_name(), hextof(), fault=FlashFault.DANGLING)

    assert FLASH_DAQ.check(path).state is State.BROKEN


def test_a_channel_that_one_file_lacks_is_missing_there_and_told(tmp_path):
    write_flash(tmp_path / flash_name(1), hextof())
    second = hextof(1648851406)
    del second[GMD]
    write_flash(tmp_path / flash_name(2), second)

    run = FLASH_DAQ.open(tmp_path)

    assert "channel_missing" in {flag.code for flag in run.flags}
    assert np.isnan(run.data[GMD].sel(train=1648851410).values).all()


def test_a_missing_file_may_come_while_the_run_is_young(tmp_path):
    files = [write_flash(tmp_path / flash_name(number), hextof()) for number in (1, 3)]

    judged = FLASH_DAQ.check(tmp_path)

    assert judged.state is State.WAIT
    assert "file2" in judged.reason
    for file in files:
        os.utime(file, (time.time() - 7200,) * 2)
    assert FLASH_DAQ.check(tmp_path).state is State.BROKEN


def test_a_file_open_for_writing_is_waited_for(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    path = write_flash(folder / flash_name(), hextof())

    with held_open(path):
        assert FLASH_DAQ.check(folder).state is State.WAIT


def test_two_runs_in_one_folder_are_not_mixed(tmp_path):
    write_flash(tmp_path / flash_name(1, run=1), hextof())
    write_flash(tmp_path / flash_name(1, run=2), hextof())

    with pytest.raises(LayoutError, match="runs 1, 2"):
        FLASH_DAQ.open(tmp_path)


trains = st.lists(st.integers(1, 30), max_size=12)


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.tuples(trains, trains), min_size=1, max_size=3))
def test_any_trains_join_as_a_dictionary_says(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("run")
    expected = {GMD: {}, DELAY: {}}
    value = 0
    for number, both in enumerate(parts, start=1):
        channels = {}
        for name, ids in zip(expected, both, strict=True):
            values = np.arange(value, value + len(ids), dtype="f4")
            value += len(ids)
            channels[name] = Values(np.array(ids, "u8"), values)
            expected[name].update(zip(ids, values, strict=True))
        write_flash(folder / flash_name(number), channels)

    data = FLASH_DAQ.open(folder).data

    every = sorted({*expected[GMD], *expected[DELAY]})
    assert data["train"].values.tolist() == every
    for name, known in expected.items():
        np.testing.assert_array_equal(data[name].values, [known.get(train, np.nan) for train in every])


@pytest.mark.measured
def test_run_43878_of_hextof(measured):
    path = measured / "flash/FLASH1_USER3_stream_2_run43878_file1_20230130T153807.1.h5"

    run = open_run(path)

    data = run.data
    own = data["x"].notnull().any("hit")
    assert (int(own.sum()), data.sizes["hit"]) == (20, 321)
    assert data["train"].values[own.values][[0, -1]].tolist() == [1648851401, 1648851420]
    # The slow delay stage begins later and steps by about ten trains.
    slow = data[DELAY].dropna("train")["train"].values
    assert (len(slow), *slow[[0, -1]].tolist()) == (20, 1648851415, 1648851584)
    first = [float(data[name].values[own.values][0, 0]) for name in ("y", "x", "pulse", "tof")]
    assert first == [731, 556, 9, 42888]
    assert float(data["sample_bias"].values[own.values][0]) == pytest.approx(31.498, abs=5e-4)
    assert float(data["tof_voltage"].values[own.values][0]) == pytest.approx(20.0, abs=5e-3)
    assert float(data["extractor_voltage"].values[own.values][0]) == pytest.approx(7999.6, abs=5e-2)
    energy = data[GMD].values[:, 0]
    assert float(np.nanmean(energy)) == pytest.approx(3.5927, abs=5e-5)
    assert float(data[DELAY].dropna("train").values[0]) == pytest.approx(1462.6017, abs=5e-5)
    assert float(data["train"].size) == len(set(range(1648851401, 1648851421)) | set(slow.tolist()))
    # Of 20 x 5 x 321 places, 15672 hold no number; the table counts them as non-zero, 31940 in all.
    numbers = sum(int(data[name].notnull().sum()) for name in ("x", "y", "pulse", "tof"))
    assert numbers == 4 * int(data["x"].notnull().sum())
