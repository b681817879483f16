"""Damaged heaps of texts are refused in time; files that only look like it are read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from adapters.errors import CorruptFileError
from adapters.formats import hdf5, hdf5_heap


@pytest.fixture
def texts(tmp_path):
    """A file whose texts lie in one heap."""
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w") as file:
        file["names"] = [f"a name of some length, number {number}" for number in range(40)]
        file["names"].attrs["units"] = "m"
    return path


def heap_of(path):
    at = path.read_bytes().index(hdf5_heap.SIGNATURE)
    return at, path.read_bytes()[at:]


def holed(path, first, count):
    """The file with a hole of zeros `first` bytes behind the start of its heap."""
    at, _ = heap_of(path)
    data = bytearray(path.read_bytes())
    data[at + first : at + first + count] = bytes(count)
    path.write_bytes(data)
    return path


def names(path):
    with hdf5.opened(path) as file:
        return [each.decode() for each in file["names"][()]]


def test_a_whole_heap_is_passed_without_another_process(texts, monkeypatch):
    monkeypatch.setattr(hdf5_heap, "_tried", lambda _: pytest.fail("a process was begun"))

    assert len(names(texts)) == 40


@pytest.mark.parametrize("first", [hdf5_heap.HEADER_BYTES, 400])
def test_a_hole_in_a_heap_is_refused_before_the_library_hangs(texts, first, monkeypatch):
    monkeypatch.setattr(hdf5_heap, "SECONDS_TO_READ", 3.0)

    with pytest.raises(CorruptFileError, match="HDF5 would not come to an end of its heap of texts"):
        names(holed(texts, first, 512))


def test_an_old_heap_that_nobody_reads_does_not_matter(texts):
    _, heap = heap_of(texts)
    spoilt = bytearray(heap[: int.from_bytes(heap[8:16], "little")])
    spoilt[hdf5_heap.HEADER_BYTES : hdf5_heap.HEADER_BYTES + 64] = bytes(64)
    with h5py.File(texts, "a") as file:
        file["data"] = np.frombuffer(bytes(spoilt), "u1")

    assert not hdf5_heap.passable(bytes(spoilt))
    assert len(names(texts)) == 40


def test_the_four_letters_alone_are_no_heap(texts, monkeypatch):
    monkeypatch.setattr(hdf5_heap, "_tried", lambda _: pytest.fail("a process was begun"))
    with h5py.File(texts, "a") as file:
        file["data"] = np.frombuffer(hdf5_heap.SIGNATURE * 2000, "u1")

    assert len(names(texts)) == 40


def test_reading_everything_ends_in_a_file_whose_groups_hold_each_other(texts):
    with h5py.File(texts, "a") as file:
        file["one/two"] = file["/"]

    hdf5_heap._read(str(texts))
