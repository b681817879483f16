"""The command: exit statuses, messages that help, JSON, and nothing written beside the data."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from adapters.testing.beamline_hdf5 import write_exchange
from adapters.testing.hdf5_images import write_dectris
from adapters.testing.images import held_open
from adapters.testing.samples import sphere_curve, write_ascii
from flows.ledger.errors import LedgerAwayError
from halos.commands import adapters, main
from halos.commands.status import rows_exist, status_of

FRAMES = np.arange(4 * 6 * 8, dtype="u4").reshape(4, 6, 8)


def listing(folder):
    return {(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def folder_of_nothing(home):
    (home / "run").mkdir()
    return home / "run"


def empty(home):
    (home / "run.h5").touch()
    return home / "run.h5"


def prose(home):
    (home / "run.txt").write_text("Dear diary,\nthe beam was down again.\n")
    return home / "run.txt"


def truncated(home):
    path = write_dectris(home, FRAMES)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def foreign(home):
    with h5py.File(home / "run.h5", "w") as file:
        file["somebody/else"] = np.arange(3)
    return home / "run.h5"


def no_data_files(home):
    path = write_dectris(home, FRAMES)
    for each in home.glob("*_data_*.h5"):
        each.unlink()
    os.utime(path, (1e9, 1e9))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda home: home / "nothing.h5", "does not exist"),
        (folder_of_nothing, "not recognised"),
        (empty, "empty"),
        (prose, "not recognised"),
        (truncated, "truncated"),
        (foreign, "not recognised"),
        (no_data_files, "missing"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "reduce"])
def test_what_cannot_be_read_ends_with_four_and_a_reason(tmp_path, capsys, make, words, command):
    home = tmp_path / "raw"
    home.mkdir()
    path = make(home)
    before = listing(home)
    more = ["--out", str(tmp_path / "out")] if command == "reduce" else []

    status = main([command, str(path), *more])
    said = "".join(capsys.readouterr())

    assert status == 4
    assert words in said
    assert "Traceback" not in said
    assert listing(home) == before


@pytest.mark.parametrize("command", ["inspect", "reduce"])
def test_a_file_that_is_still_open_for_writing_ends_with_three(tmp_path, capsys, command):
    path = write_dectris(tmp_path, FRAMES)
    more = ["--out", str(tmp_path.parent / "out")] if command == "reduce" else []
    with held_open(sorted(tmp_path.glob("*_data_*.h5"))[-1]):
        status = main([command, str(path), *more])

    assert status == 3
    assert "still being written" in "".join(capsys.readouterr())


def test_metadata_that_is_missing_ends_with_five_and_names_the_parameter(tmp_path, capsys):
    path = write_ascii(tmp_path / "curve.dat", sphere_curve(), label="q I Error")
    status = main(["reduce", str(path), "--out", str(tmp_path.parent / "out")])

    assert status == 5
    assert "q_unit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--set", "nonsense=1"], "no parameter nonsense"),
        (["--set", "q_max"], "key=value"),
        (["--set", "q_max=-1"], "q_max"),
        (["--set", "q_max=[1"], "cannot be read"),
        (["--recipe", "nonsense"], "known are"),
        (["--cluster", "nonsense"], "known are"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_what_can_be(tmp_path, capsys, more, words):
    path = write_ascii(tmp_path / "curve.dat", sphere_curve())
    status = main(["reduce", str(path), "--out", str(tmp_path.parent / "out"), *more])

    assert status == 2
    assert words in capsys.readouterr().err


def test_a_run_that_the_default_recipe_does_not_take_is_not_forced_through_it(tmp_path, capsys):
    run = write_exchange(tmp_path / "scan.h5", np.ones((4, 6, 8), "f4"), np.linspace(0.0, 180.0, 4))
    status = main(["reduce", str(run), "--out", str(tmp_path / "results")])

    assert status == 2
    assert "is a run of tomo; say how to reduce it: --recipe tomo" in capsys.readouterr().err


def test_results_beside_the_data_end_with_two_and_write_nothing(tmp_path, capsys):
    path = write_ascii(tmp_path / "curve.dat", sphere_curve())
    before = listing(tmp_path)
    status = main(["reduce", str(path), "--out", str(tmp_path / "results")])

    assert status == 2
    assert "--out" in capsys.readouterr().err
    assert listing(tmp_path) == before


def test_reduce_prints_one_json_document(tmp_path, capsys):
    path = write_ascii(tmp_path / "curve.dat", sphere_curve(80))
    status = main(["reduce", str(path), "--out", str(tmp_path.parent / "json"), "--json"])
    answer = json.loads(capsys.readouterr().out)

    assert status == 0
    assert set(answer) >= {
        "key",
        "product",
        "manifest",
        "technique",
        "recipe",
        "findings",
        "flags",
        "plots",
        "cached",
        "seconds",
    }
    wanted = {"quantity", "value", "uncertainty", "unit", "method"}
    assert all(set(each) >= wanted for each in answer["findings"])


def test_inspect_prints_one_json_document(tmp_path, capsys):
    path = write_dectris(tmp_path, FRAMES)
    status = main(["inspect", str(path), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert status == 0
    assert said["variables"]["counts"] == {
        "dims": ["frame", "y", "x"],
        "shape": [4, 6, 8],
        "dtype": "uint32",
        "unit": "count",
    }
    assert set(said) >= {
        "adapter",
        "confidence",
        "technique",
        "facility",
        "instrument",
        "readiness",
        "metadata",
        "flags",
    }


def test_an_error_is_json_too(tmp_path, capsys):
    status = main(["inspect", str(tmp_path / "nothing"), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert status == 4
    assert said["error"]["status"] == 4
    assert "does not exist" in said["error"]["message"]


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 2
    assert "halos" in capsys.readouterr().out


def test_every_adapter_is_listed(capsys):
    from adapters.registry import registry

    assert main(["adapters", "list", "--json"]) == 0
    listed = {each["name"] for each in json.loads(capsys.readouterr().out)["adapters"]}

    assert listed == {adapter.name for adapter in registry().adapters}


def test_parameters_of_a_recipe_can_be_listed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["reduce", "--parameters", "x"])

    assert ended.value.code == 0
    assert "guinier_limit" in capsys.readouterr().out


def test_a_fault_of_ours_ends_with_one():
    assert status_of(ZeroDivisionError()) == 1


def test_every_row_of_the_table_of_statuses_names_an_error_that_exists():
    assert rows_exist()


def test_a_reader_that_has_seen_enough_is_no_fault():
    # A pipe whose reading end is closed, as after `halos adapters list | head -0`.
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "halos", "adapters", "list"]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    assert (done.returncode, done.stderr) == (0, "")


def test_what_goes_wrong_while_a_command_stops_is_told(monkeypatch, capsys):
    def interrupted(args, output):
        try:
            raise KeyboardInterrupt
        finally:
            raise LedgerAwayError("sqlite:///ledger", "it is locked")

    monkeypatch.setattr(adapters, "run", interrupted)

    assert main(["adapters"]) == 3
    assert "it is locked" in capsys.readouterr().err


def test_an_interrupt_that_a_library_complains_about_stops_the_command(monkeypatch, capsys):
    def interrupted(args, output):
        try:
            raise KeyboardInterrupt
        finally:
            # As a library does that is left in the middle of something.
            assert args is None

    monkeypatch.setattr(adapters, "run", interrupted)

    assert main(["adapters"]) == 130
    assert capsys.readouterr().err == "stopped\n"
