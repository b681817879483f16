"""Curves in plain text, as odd as they come."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError
from adapters.formats.ascii_curve import ASCII_CURVE
from adapters.model import State
from adapters.protocol import Confidence, Probe


def written(path, text):
    path.write_text(text)
    return path


def codes(run):
    return {flag.code for flag in run.flags}


def test_commas_tabs_and_fortran_exponents_are_read(tmp_path):
    path = written(tmp_path / "a.csv", "q (1/A), I, Error\n0.1,1.0D+02,1\n0.2\t5D1\t1\n0.3;2.5d+01;1\n")

    run = ASCII_CURVE.open(path)

    assert run.data["intensity"].values.tolist() == [[100.0, 50.0, 25.0]]


def test_labels_say_which_column_is_which(tmp_path):
    path = written(tmp_path / "a.txt", "# Q (1/nm)  dQ  I (1/cm)  dI\n1 .1 5 .5\n2 .1 4 .4\n3 .1 3 .3\n")

    run = ASCII_CURVE.open(path)

    assert run.data["intensity"].values.tolist() == [[5.0, 4.0, 3.0]]
    assert run.data["intensity"].attrs["units"] == "1/cm"
    assert run.data["intensity_errors"].values.tolist() == [[0.5, 0.4, 0.3]]
    assert run.data["q_resolution"].values == pytest.approx([0.01, 0.01, 0.01])


def test_columns_without_labels_are_flagged(tmp_path):
    path = written(tmp_path / "a.dat", "0.1 5 1 7\n0.2 4 1 7\n0.3 3 1 7\n")

    run = ASCII_CURVE.assuming({"q_unit": "1/angstrom"}).open(path)

    flag = next(flag for flag in run.flags if flag.code == "columns_unlabelled")
    assert "1 further columns were not read" in flag.message
    assert "intensity_errors" in run.data


def test_two_columns_have_no_uncertainties_and_say_so(tmp_path):
    path = written(tmp_path / "a.dat", "q (1/A)  I\n0.1 5\n0.2 4\n0.3 3\n")

    run = ASCII_CURVE.open(path)

    assert "no_uncertainties" in codes(run)
    assert "intensity_errors" not in run.data


def test_nothing_is_dropped_and_all_oddities_are_counted(tmp_path):
    rows = "-0.1 5 1\n0.1 nan 1\n0.1 4 0\n0.3 -1.#IND 1\n0.2 3 -1\n0.4 0 1\n" + "".join(
        f"0.{n} 1 1\n" for n in range(50, 90)
    )
    path = written(tmp_path / "a.dat", "q (1/A)  I  Error\n" + rows)

    run = ASCII_CURVE.open(path)

    assert run.data.sizes["q"] == 46
    assert np.isnan(run.data["intensity"].values).sum() == 2
    assert np.isnan(run.data["intensity_errors"].values).sum() == 2
    assert run.data["intensity"].values[0, 5] == 0.0
    odd = {"q_not_positive", "q_not_increasing", "q_duplicate", "intensity_not_finite", "errors_not_positive"}
    assert odd <= codes(run)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SpinEchoLength Depolarisation\n1 2\n2 3\n3 4\n", "not momentum transfer"),
        ("2-theta I\n1 2\n2 3\n3 4\n", "not momentum transfer"),
        ("x1 Dro:0.01  Chi:0.98\n1 2 3\n2 3 4\n3 4 5\n", "a model's fit"),
        ("alpha beta\n1 2\n2 3\n3 4\n", "its columns are alpha, beta"),
        ("1 2\n1 3\n1 4\n2 2\n2 3\n2 4\n", "does not increase"),
        ("nothing here\n", "no columns of numbers"),
    ],
)
def test_what_is_no_curve_is_refused_with_the_reason(tmp_path, text, reason):
    path = written(tmp_path / "a.dat", text)

    with pytest.raises(LayoutError, match=reason):
        ASCII_CURVE.open(path)


def test_an_empty_file_is_called_empty(tmp_path):
    with pytest.raises(EmptyFileError):
        ASCII_CURVE.open(written(tmp_path / "a.dat", ""))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (path := tmp_path / "a.dat").write_bytes(b"0.1 2\n\0\0\0")

    with pytest.raises(CorruptFileError):
        ASCII_CURVE.open(path)


@pytest.mark.parametrize("end", ["0.4 2.", "0.4", "0.4 1.0000E"])
def test_a_row_that_is_cut_makes_the_run_broken(tmp_path, end):
    path = written(tmp_path / "a.dat", "q (1/A)  I\n0.1 5.0\n0.2 4.0\n0.3 3.0\n" + end)

    assert ASCII_CURVE.check(path).state is State.BROKEN


def test_a_whole_last_row_without_its_line_end_is_ready(tmp_path):
    path = written(tmp_path / "a.dat", "q (1/A)  I\n0.1 5.0\n0.2 4.0\n0.3 3.0")

    assert ASCII_CURVE.check(path).state is State.READY


def test_layouts_with_readers_of_their_own_are_left_to_them(tmp_path):
    spec = written(tmp_path / "scan.dat", "#F scan\n#S 1 ascan\n0.1 5 1\n0.2 4 1\n0.3 3 1\n")

    assert ASCII_CURVE.probe(Probe(spec)) is Confidence.NO


@pytest.mark.parametrize(
    ("name", "label", "sure"),
    [
        ("a.any", "Q (1/nm)  I", Confidence.CONTENT),
        ("a.any", "Q  I", Confidence.SIGNATURE),
        ("a.dat", "", Confidence.EXTENSION),
        ("a.any", "", Confidence.NO),
    ],
)
def test_the_less_a_file_says_the_less_sure_is_its_reader(tmp_path, name, label, sure):
    path = written(tmp_path / name, f"{label}\n0.1 5\n0.2 4\n0.3 3\n")

    assert ASCII_CURVE.probe(Probe(path)) is sure
