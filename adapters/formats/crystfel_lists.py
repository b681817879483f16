"""Peaks and reflections of a CrystFEL stream as lazy columns, read from the text when computed."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.crystfel_contents import Span, mapped

# Columns by their headings, as they stand in streams of CrystFEL 0.7 and later.
PEAK_COLUMNS = {
    "fs/px": "peak_x",
    "ss/px": "peak_y",
    "(1/d)/nm^-1": "peak_inverse_spacing",
    "Intensity": "peak_intensity",
}
REFLECTION_COLUMNS = {
    "h": "h",
    "k": "k",
    "l": "l",
    "I": "intensity",
    "sigma(I)": "intensity_errors",
    "peak": "highest",
    "background": "background",
    "fs/px": "reflection_x",
    "ss/px": "reflection_y",
}
UNITS = {
    "peak_x": "pixel",
    "peak_y": "pixel",
    "peak_inverse_spacing": "1/nm",
    "peak_intensity": "arbitrary",
    "intensity": "arbitrary",
    "intensity_errors": "arbitrary",
    "highest": "arbitrary",
    "background": "arbitrary",
    "reflection_x": "pixel",
    "reflection_y": "pixel",
}
BLOCK_ROWS = 1_000_000


def lists(
    path: Path, spans: list[Span], dim: str, columns: dict[str, str], owner: str
) -> dict[str, tuple[str, Any, dict[str, str]]]:
    """Every column of the lists as a lazy array along `dim`, and the owner of each row."""
    import dask.array as da

    rows = np.array([span.rows for span in spans], int)
    found: dict[str, Any] = {
        f"{dim}_{owner}": (
            dim,
            np.repeat(np.array([span.owner for span in spans], int), rows),
            {"units": "dimensionless"},
        )
    }
    source = ListRows(str(path), tuple((span.start, span.stop, span.rows) for span in spans), tuple(columns))
    whole = da.from_array(
        source,
        chunks=(_blocks(rows), len(columns)),
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0, 0)),
    )
    for place, name in enumerate(columns.values()):
        found[name] = (dim, whole[:, place], {"units": UNITS.get(name, "dimensionless")})
    return found


def _blocks(rows: NDArray[np.int_]) -> tuple[int, ...]:
    """Whole lists together to blocks of about a million rows."""
    blocks: list[int] = []
    held = 0
    for count in map(int, rows):
        held += count
        if held >= BLOCK_ROWS:
            blocks.append(held)
            held = 0
    if held or not blocks:
        blocks.append(held)
    return tuple(blocks)


class ListRows:
    """Rows of the lists of a stream by their places in the file; slicing maps it, parses, and closes it."""

    def __init__(self, path: str, spans: tuple[tuple[int, int, int], ...], headings: tuple[str, ...]) -> None:
        self.path, self.spans, self.headings = path, spans, headings
        self.ends = np.cumsum([rows for _, _, rows in spans], dtype=int)
        self.shape = (int(self.ends[-1]) if spans else 0, len(headings))
        self.dtype, self.ndim = np.dtype(np.float64), 2

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        keys = key if isinstance(key, tuple) else (key, slice(None))
        wanted = np.arange(self.shape[0])[keys[0]]
        if np.size(wanted) == 0:
            return np.empty((*np.shape(wanted), self.shape[1]))[..., keys[1]]
        first = int(np.searchsorted(self.ends, np.min(wanted), side="right"))
        last = int(np.searchsorted(self.ends, np.max(wanted), side="right"))
        with mapped(Path(self.path)) as data:
            parts = [self._parsed(data, *self.spans[each]) for each in range(first, last + 1)]
        before = int(self.ends[first - 1]) if first else 0
        return np.asarray(np.concatenate(parts)[wanted - before][..., keys[1]])

    def _parsed(self, data: mmap.mmap, start: int, stop: int, rows: int) -> NDArray[np.float64]:
        lines = data[start:stop].decode("utf-8", errors="replace").splitlines()
        if not lines:
            raise TruncatedFileError(self.path, f"a list at byte {start} has no heading")
        places = self._places(lines[0], start)
        try:
            cells = [line.split() for line in lines[1:] if line.strip()]
            found = np.array([[float(cell[place]) for place in places] for cell in cells])
        except (ValueError, IndexError) as error:
            raise CorruptFileError(self.path, f"a row after byte {start} is none: {error}") from error
        if len(found) != rows:
            raise CorruptFileError(self.path, f"a list at byte {start} has {len(found)} rows, not {rows}")
        return found.reshape(rows, len(self.headings))

    def _places(self, heading: str, start: int) -> list[int]:
        there = heading.split()
        if missing := [each for each in self.headings if each not in there]:
            raise LayoutError(self.path, f"the list at byte {start} has no column {', '.join(missing)}")
        return [there.index(each) for each in self.headings]
