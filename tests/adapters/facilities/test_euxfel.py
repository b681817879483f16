"""European XFEL: trains joined by id over files and modules, what is missing stands as missing."""

from __future__ import annotations

import json
import os
import shutil
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("extra_data")

from adapters.errors import CorruptFileError, LayoutError, MissingMetadataError
from adapters.facilities.euxfel import EUXFEL_RUN
from adapters.model import State
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.euxfel import (
    XGM,
    EuxfelFault,
    frame_value,
    write_mcp,
    write_module,
    write_run,
    write_xgm,
)
from adapters.testing.images import held_open

TRAINS = (10000, 10001, 10002)
ENERGY = f"{XGM}:output data.intensityTD"
FLUX = f"{XGM} pulseEnergy.photonFlux.value"


def total(modules, trains=TRAINS, pulses=2):
    return sum(frame_value(m, t, p) for m in modules for t in trains for p in range(pulses))


def codes(run):
    return {flag.code for flag in run.flags}


def aged(folder):
    for file in folder.rglob("*.h5"):
        os.utime(file, (time.time() - 7200,) * 2)
    return folder


@pytest.fixture(scope="session")
def templates(tmp_path_factory):
    """A raw and a corrected run, written once."""
    root = tmp_path_factory.mktemp("templates")
    return {True: write_run(root / "raw"), False: write_run(root / "proc", raw=False)}


@pytest.fixture
def written(templates, tmp_path):
    """A copy of a run, in which a fault may strike module 3."""

    def write(folder="r0007", *, raw=True, fault=None):
        target = tmp_path / folder
        shutil.copytree(templates[raw], target)
        if fault is EuxfelFault.DROP_MODULE:
            next(target.glob("*AGIPD03*")).unlink()
        elif fault is not None:
            write_module(target, 3, TRAINS, raw=raw, fault=fault)
        for file in target.iterdir():
            os.utime(file)
        return target

    return write


class TestRun(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EUXFEL_RUN

    @pytest.fixture
    def sample(self, written):
        run = written("raw/r0007")
        return Sample(
            run,
            {"frame": 6, "module": 8, "y": 8, "x": 4, "train": 3},
            {"counts": total(range(8)), "present": 48, ENERGY: 3 * (400 + 6) + 40 * 3},
            {"technique": "modules", "facility": "euxfel", "instrument": "hed", "pixel_size_x_m": 200e-6},
            flags=("not_photon_counting",),
            halve=run / "RAW-R0007-AGIPD03-S00000.h5",
        )


class TestElectrons(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EUXFEL_RUN

    @pytest.fixture
    def sample(self, tmp_path):
        return Sample(
            write_mcp(tmp_path / "RAW-R0016-DA03-S00000.h5"),
            {"train": 4, "hit": 5},
            {"x": 5 * 1000 + 15, "y": 5 * 2000 + 15, "tof": 5 * 900_000 + 15},
            {"technique": "mpes", "instrument": "sxp"},
            flags=("metadata_cut_off",),
        )


@pytest.mark.parametrize("version", ["0.5", "1.0", "1.1", "1.2", "1.3"])
def test_every_version_of_the_format_reads_the_same(tmp_path, version):
    run = EUXFEL_RUN.open(write_run(tmp_path, modules=range(2), version=version))

    if version == "1.1":
        # The flag means the opposite there, and the writer sets it to 1 throughout: all trains are suspect.
        assert "trains_suspect" in codes(run)
    else:
        assert float(run.data["counts"].sum()) == total(range(2))


def test_raw_frames_have_a_gain_plane_beside_the_counts(written):
    data = EUXFEL_RUN.open(written()).data

    assert data["counts"].dtype == np.uint16
    assert data["gain_adc"][0, :, 0, 0].values.tolist() == [5000 + module for module in range(8)]
    assert data["frame_train"].values.tolist() == [10000, 10000, 10001, 10001, 10002, 10002]
    assert data["frame_pulse"].values.tolist() == [0, 1, 0, 1, 0, 1]


def test_corrected_frames_bring_mask_and_gain(written):
    run = EUXFEL_RUN.open(written(raw=False))

    assert run.metadata.raw["data"] == "proc"
    assert run.data["mask"].values.sum() == 6 * 8
    assert run.data["gain"][0, :, 0, 0].values.tolist() == [module % 3 for module in range(8)]
    assert float(run.data["counts"].sum()) == total(range(8))


def test_a_module_without_a_file_is_missing_not_zero(written):
    folder = aged(written(fault=EuxfelFault.DROP_MODULE))

    assert EUXFEL_RUN.check(folder).state is State.READY
    run = open_run(folder)

    assert "module_missing" in codes(run)
    assert np.isnan(run.data["counts"][:, 3].values).all()
    assert not run.data["present"][:, 3].any()
    assert float(run.data["counts"].sum()) == total(set(range(8)) - {3})


def test_a_missing_module_of_a_young_run_is_waited_for(written):
    judged = EUXFEL_RUN.check(written(fault=EuxfelFault.DROP_MODULE))

    assert judged.state is State.WAIT
    assert "modules 3" in judged.reason


def test_a_module_that_lacks_a_train_is_missing_there_alone(written):
    run = EUXFEL_RUN.open(written(fault=EuxfelFault.DROP_FRAMES))

    assert "frames_incomplete" in codes(run)
    assert run.data["present"][:, 3].values.tolist() == [True, True, False, False, True, True]
    expected = total(range(8)) - total([3], [10001])
    assert float(run.data["counts"].sum()) == expected


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (EuxfelFault.SUSPECT_TRAIN, "trains_suspect"),
        (EuxfelFault.ZERO_TRAIN, "trains_without_id"),
        (EuxfelFault.BOGUS_TRAIN, "trains_without_id"),
    ],
)
def test_a_train_that_is_none_is_left_out_of_its_module_and_told(written, fault, code):
    run = EUXFEL_RUN.open(written(fault=fault))

    assert code in codes(run)
    assert run.data["train"].values.tolist() == list(TRAINS)
    assert run.data["present"][:, 3].values.tolist() == [True, True, False, False, True, True]
    assert float(run.data["counts"].sum()) == total(range(8)) - total([3], [10001])


def test_an_index_beyond_its_data_is_broken_once_it_is_old(written):
    folder = written(fault=EuxfelFault.INDEX_TOO_FAR)

    assert EUXFEL_RUN.check(folder).state is State.WAIT
    assert EUXFEL_RUN.check(aged(folder)).state is State.BROKEN
    with pytest.raises(CorruptFileError, match="points at row"):
        EUXFEL_RUN.open(folder)


def test_a_file_cut_short_is_waited_for_and_broken_when_old(written):
    folder = written(fault=EuxfelFault.TRUNCATE)

    assert EUXFEL_RUN.check(folder).state is State.WAIT
    assert EUXFEL_RUN.check(aged(folder)).state is State.BROKEN


def test_a_file_open_for_writing_is_waited_for(written):
    folder = written()

    with held_open(folder / "RAW-R0007-AGIPD00-S00000.h5"):
        assert EUXFEL_RUN.check(folder).state is State.WAIT


def test_a_missing_sequence_is_waited_for_and_broken_when_old(tmp_path):
    write_module(tmp_path, 0, TRAINS, sequence=0)
    write_module(tmp_path, 0, TRAINS, sequence=2)

    assert EUXFEL_RUN.check(tmp_path).state is State.WAIT
    assert "S00001" in EUXFEL_RUN.check(aged(tmp_path)).reason


def test_a_file_without_its_metadata_is_read_and_told(written):
    run = EUXFEL_RUN.open(written(fault=EuxfelFault.CUT_METADATA))

    assert "metadata_cut_off" in codes(run)
    assert float(run.data["counts"].sum()) == total(range(8))


def test_channels_stand_by_train_with_the_unit_that_files_state(written):
    folder = written()
    write_xgm(folder, (10004, 10003), sequence=1)

    data = EUXFEL_RUN.open(folder).data

    assert data["train"].values.tolist() == [10000, 10001, 10002, 10003, 10004]
    assert data[FLUX].values.tolist() == [0, 1, 2, 1, 0]
    assert data[FLUX].attrs["units"] == "uJ"


def test_channels_can_be_named(written):
    path = written()
    said = {"energy": {"dataset": ENERGY, "at": [2], "unit": "uJ"}, "pressure": f"{XGM} pressure.dcr.value"}

    run = open_run(path, assume={"channels": json.dumps(said)})

    assert set(run.data.data_vars) == {"energy", "pressure"}
    assert run.data["energy"].values.tolist() == [102, 112, 122]
    assert run.data["energy"].attrs["units"] == "uJ"
    assert run.metadata.technique == "trains"


@pytest.mark.parametrize("said", ["no json", '{"a": "nowhere"}', '{"a": "no such"}'])
def test_channels_that_are_not_there_are_refused(written, said):
    with pytest.raises(LayoutError):
        open_run(written(), assume={"channels": said})


@pytest.fixture(scope="session")
def proposal(tmp_path_factory, templates):
    root = tmp_path_factory.mktemp("p700000")
    for kind, run in (("raw", "r0007"), ("raw", "r0008"), ("proc", "r0007")):
        shutil.copytree(templates[kind == "raw"], root / kind / run)
    return root


class TestProposal:
    def test_which_run_is_asked_for(self, proposal):
        with pytest.raises(MissingMetadataError, match="7, 8"):
            open_run(proposal)

    def test_raw_or_corrected_is_asked_for(self, proposal):
        with pytest.raises(MissingMetadataError, match="raw or proc"):
            open_run(proposal, assume={"run": "7"})

    def test_both_are_read_by_name(self, proposal):
        raw = open_run(proposal, assume={"run": "7", "data": "raw"})
        proc = open_run(proposal, assume={"run": "r0007", "data": "proc"})

        assert (raw.metadata.raw["data"], proc.metadata.raw["data"]) == ("raw", "proc")
        assert "mask" in proc.data
        assert "mask" not in raw.data

    def test_what_is_not_corrected_is_refused(self, proposal):
        with pytest.raises(LayoutError, match="no proc data"):
            open_run(proposal, assume={"run": "8", "data": "proc"})

    def test_raw_in_its_place_is_told(self, proposal):
        run = open_run(proposal, assume={"run": "8", "data": "proc_or_raw"})

        assert run.metadata.raw["data"] == "raw"
        assert "raw_for_corrected" in codes(run)

    @pytest.mark.parametrize(("name", "value"), [("data", "cooked"), ("run", "last"), ("run", "99")])
    def test_choices_that_are_none_are_refused(self, proposal, name, value):
        with pytest.raises(LayoutError):
            open_run(proposal, assume={"run": "7", "data": "raw", name: value})


def test_raw_and_corrected_files_in_one_folder_are_not_mixed(written):
    folder = shutil.copytree(written("proc", raw=False), written("both"), dirs_exist_ok=True)

    with pytest.raises(MissingMetadataError, match="CORR and RAW"):
        open_run(folder)


def test_opening_reads_no_frames(written, monkeypatch):
    from adapters.formats import joined

    folder = written()
    monkeypatch.setattr(joined.JoinedRows, "__getitem__", lambda *_: pytest.fail("a frame was read"))

    assert EUXFEL_RUN.open(folder).data.sizes["frame"] == 6


ids = st.lists(st.integers(10000, 10012), unique=True, min_size=1, max_size=5)


@settings(max_examples=12, deadline=None)
@given(first=ids, second=ids, other=ids)
def test_any_trains_join_as_a_dictionary_says(tmp_path_factory, first, second, other):
    folder = tmp_path_factory.mktemp("run")
    write_module(folder, 0, first, sequence=0)
    write_module(folder, 0, second, sequence=1)
    write_module(folder, 1, other)
    known = {
        (module, train, pulse): frame_value(module, train, pulse)
        for module, trains in ((0, {*first, *second}), (1, {*other}))
        for train in trains
        for pulse in range(2)
    }

    data = EUXFEL_RUN.open(folder).data

    keys = sorted({(train, pulse) for _, train, pulse in known})
    found = list(zip(data["frame_train"].values.tolist(), data["frame_pulse"].values.tolist(), strict=True))
    assert found == keys
    values = data["counts"][:, :, 0, 0].values
    for module in (0, 1):
        expected = [known.get((module, *key), np.nan) for key in keys]
        np.testing.assert_array_equal(values[:, module], expected)
    assert np.isnan(values[:, 2:]).all()
