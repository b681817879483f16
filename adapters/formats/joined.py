"""Rows that lie in several files, in the order of their own index; a row that no file holds is filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import CorruptFileError
from adapters.formats import hdf5

if TYPE_CHECKING:
    import dask.array as da

Rows = NDArray[np.int64]
# Rows farther apart than this are read by themselves, so that a gap is not read.
NEAR = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """One dataset of one file, by path and name."""

    path: str
    name: str


class JoinedRows:
    """Rows of datasets in several files as one array; slicing opens the files, reads, and closes them.

    `piece` and `row` say for every row of the whole where it lies; a `piece` of -1 is a
    row that no file holds, which reads as `fill`. `pick` chooses one place on each of
    the first axes behind the rows, as a detector plane or a channel of a digitiser;
    `inner`, one for each row, does so where it differs from row to row, as memory cells do.
    """

    def __init__(
        self,
        pieces: tuple[Piece, ...],
        piece: Rows,
        row: Rows,
        *,
        rest: tuple[int, ...],
        dtype: np.dtype[Any],
        fill: float = np.nan,
        pick: tuple[int, ...] = (),
        inner: Rows | None = None,
    ) -> None:
        self.pieces, self.piece, self.row, self.pick, self.inner = pieces, piece, row, pick, inner
        self.shape = (len(row), *rest[len(pick) :])
        self.stored = dtype
        self.complete = bool(np.all(piece >= 0))
        self.fill = fill
        self.dtype = dtype if self.complete else held(dtype, fill)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(self.shape[0])[keys[0]]
        single = np.ndim(wanted) == 0
        found = self._rows(np.atleast_1d(wanted))
        rest = found[(slice(None), *keys[1:])]
        return np.asarray(rest[0] if single else rest)

    def _rows(self, wanted: Rows) -> NDArray[Any]:
        found = np.full((len(wanted), *self.shape[1:]), self.fill if not self.complete else 0, self.dtype)
        piece, row = self.piece[wanted], self.row[wanted]
        inner = None if self.inner is None else self.inner[wanted]
        for number in np.unique(piece[piece >= 0]):
            here = np.flatnonzero(piece == number)
            found[here] = self._read(self.pieces[number], row[here], None if inner is None else inner[here])
        return found

    def _read(self, piece: Piece, rows: Rows, inner: Rows | None) -> NDArray[Any]:
        out = np.empty((len(rows), *self.shape[1:]), self.stored)
        order = np.argsort(rows, kind="stable")
        ends = np.flatnonzero(np.diff(rows[order]) > NEAR) + 1
        with hdf5.opened(Path(piece.path)) as file:
            dataset = hdf5.require(file, piece.name)
            if len(dataset) <= rows.max():
                raise CorruptFileError(piece.path, f"{piece.name} has {len(dataset)} rows, fewer than before")
            for run in np.split(order, ends):
                low, high = int(rows[run[0]]), int(rows[run[-1]])
                at = rows[run] - low
                if inner is None:
                    out[run] = dataset[(slice(low, high + 1), *self.pick)][at]
                else:
                    first, last = int(inner[run].min()), int(inner[run].max())
                    out[run] = dataset[low : high + 1, first : last + 1][at, inner[run] - first]
        return out


def held(dtype: np.dtype[Any], fill: float) -> np.dtype[Any]:
    """The type that holds every value of `dtype` and `fill`; whole numbers become floats beside NaN."""
    if not np.isnan(fill) or dtype.kind in "fc":
        return dtype
    # Two bytes fit a single float exactly; wider numbers take a double.
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


class Side:
    """Several joined arrays of one shape side by side, along a new axis behind the rows."""

    def __init__(self, members: tuple[JoinedRows, ...]) -> None:
        self.members = members
        first = members[0]
        self.shape = (first.shape[0], len(members), *first.shape[1:])
        self.dtype = np.result_type(*(each.dtype for each in members))
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        keys += (slice(None),) * (self.ndim - len(keys))
        chosen = np.arange(len(self.members))[keys[1]]
        if np.ndim(chosen) == 0:
            return self.members[int(chosen)][(keys[0], *keys[2:])].astype(self.dtype, copy=False)
        axis = int(not isinstance(keys[0], (int, np.integer)))
        parts = [self.members[int(each)][(keys[0], *keys[2:])] for each in chosen]
        return np.stack(parts, axis=axis).astype(self.dtype, copy=False)


def lazy(source: JoinedRows | Side, *, block_bytes: int = hdf5.BLOCK_BYTES) -> da.Array:
    """`source` as a dask array of blocks along its rows."""
    import dask.array as da

    one = max(1, source.dtype.itemsize * int(np.prod(source.shape[1:], dtype=np.int64)))
    rows = max(1, min(source.shape[0] or 1, block_bytes // one))
    array: da.Array = da.from_array(
        source,
        chunks=(rows, *source.shape[1:]),
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0,) * source.ndim, source.dtype),
    )
    return array


@dataclass(frozen=True, slots=True)
class Join:
    """One row for every index value, ascending: which piece and row hold it, and what had to be dropped."""

    index: NDArray[np.uint64]
    piece: Rows
    row: Rows
    repeated: int
    zeros: int


def join(indices: list[NDArray[Any]]) -> Join:
    """The rows of several pieces by index; zeros name nothing, and of repeated values the last counts."""
    values = np.concatenate(
        [np.asarray(each, np.uint64).ravel() for each in indices] or [np.empty(0, np.uint64)]
    )
    piece = np.repeat(np.arange(len(indices)), [np.size(each) for each in indices])
    row = np.concatenate([np.arange(np.size(each)) for each in indices] or [np.empty(0, int)])
    real = values != 0
    zeros = int((~real).sum())
    values, piece, row = values[real], piece[real], row[real]
    # The last of equal values stands first when the whole is turned round.
    unique, first = np.unique(values[::-1], return_index=True)
    last = len(values) - 1 - first
    return Join(unique, piece[last], row[last], len(values) - len(unique), zeros)


def spread(joined: Join, onto: NDArray[np.uint64]) -> tuple[Rows, Rows]:
    """Where the rows for the index values `onto` lie; -1 for those that `joined` does not have."""
    if not len(joined.index):
        none = np.full(len(onto), -1)
        return none, none
    place = np.clip(np.searchsorted(joined.index, onto), 0, len(joined.index) - 1)
    there = joined.index[place] == onto
    return np.where(there, joined.piece[place], -1), np.where(there, joined.row[place], -1)
