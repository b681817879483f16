"""Lattices of a stream to one: the mean with its error, outliers left out, hits counted honestly."""

import numpy as np
import pytest

from adapters.formats.crystfel_stream import CRYSTFEL_STREAM
from adapters.testing.sfx import Lattice, write_stream
from tasks.sfx.cells import StreamError, cells
from tasks.sfx.kernels.cells import agreeing, mean_and_error
from tasks.sfx.parameters import CellParameters

RNG = np.random.default_rng(7)
EDGES = np.column_stack([RNG.normal(79.2, 0.3, 40), RNG.normal(79.1, 0.3, 40), RNG.normal(38.0, 0.1, 40)])


def found(tmp_path, frames, parameters=None, **said):
    stream = write_stream(tmp_path / "run.stream", frames, **said)
    return cells(CRYSTFEL_STREAM.open(stream), parameters or CellParameters())


def by_quantity(answer):
    return {each.quantity: each for each in answer.findings}


def codes(answer):
    return {flag.code for flag in answer.flags}


def test_the_mean_and_its_error_are_those_of_the_crystals(tmp_path):
    answer = found(tmp_path, [[Lattice(tuple(edges))] for edges in EDGES] + [None] * 10)

    edge = by_quantity(answer)["unit_cell_a"]
    kept = answer.table["cell_a"].values[answer.table["used"].values]
    assert edge.value == pytest.approx(kept.mean())
    assert edge.uncertainty == pytest.approx(kept.std(ddof=1) / np.sqrt(len(kept)))
    assert edge.value == pytest.approx(79.2, abs=4 * edge.uncertainty)
    assert by_quantity(answer)["hit_fraction"].value == 0.8


def test_another_lattice_is_left_out_and_told(tmp_path):
    odd = [Lattice((60.0, 60.0, 110.0))] * 3
    answer = found(tmp_path, [[Lattice(tuple(edges))] for edges in EDGES[:20]] + [[each] for each in odd])

    assert answer.table["used"].values[-3:].tolist() == [False] * 3
    assert "lattices_left_out" in codes(answer)


def test_lattices_far_from_the_target_can_be_left_out(tmp_path):
    target = "lattice_type = tetragonal\na = 79.2 A\nb = 7.92 nm\nc = 38.0 A\n"
    frames = [[Lattice((79.0, 79.0, 38.0))], [Lattice((70.0, 79.0, 38.0))]]

    answer = found(tmp_path, frames, CellParameters(within=0.05), target=target)

    assert answer.table["used"].values.tolist() == [True, False]
    with pytest.raises(StreamError, match="near the target"):
        found(tmp_path, frames[1:], CellParameters(within=0.05), target=target)


def test_one_crystal_has_no_uncertainty_and_says_so(tmp_path):
    edge = by_quantity(found(tmp_path, [[Lattice((79.0, 79.1, 38.0))]]))["unit_cell_b"]

    assert edge.uncertainty is None
    assert any("no scatter" in each for each in edge.assumptions)


def test_a_stream_of_hits_alone_gives_no_fraction(tmp_path):
    answer = found(tmp_path, [[Lattice((79.0, 79.1, 38.0))]] * 3)

    assert "hit_fraction" not in by_quantity(answer)
    assert {"only_hits_in_stream", "few_lattices"} <= codes(answer)


def test_a_stream_without_crystals_is_refused(tmp_path):
    with pytest.raises(StreamError, match="no lattice"):
        found(tmp_path, [None, []])


def test_three_cannot_tell_which_of_them_is_odd():
    three = np.array([[1.0] * 6, [1.0] * 6, [9.0] * 6])

    assert agreeing(three, 3.0).all()
    assert agreeing(np.concatenate([three[:2]] * 4 + [three[2:]]), 3.0).tolist() == [True] * 8 + [False]


def test_no_values_have_no_mean():
    with pytest.raises(ValueError, match="no value"):
        mean_and_error(np.empty(0))
