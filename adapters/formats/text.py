"""Text files as instruments write them: lines, rows of numbers, and quantities said in headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError, PathError
from adapters.model import Flag, convert

Floats = np.ndarray[Any, np.dtype[np.float64]]

# A text file beyond this is no curve; reading it whole would only fill the memory.
MOST_BYTES = 256 * 2**20
SEPARATORS = re.compile(r"[\s,;]+")
# C runtimes of Windows write infinite and undefined numbers like this.
UNDEFINED = re.compile(r"^[-+]?1\.#(IND|INF|QNAN|SNAN)", re.IGNORECASE)
PRIVATE = re.compile(
    r"path(?!length)|user|login|operator|proposal|owner|e-?mail|config_file|directory", re.IGNORECASE
)
DOS_END = b"\x1a"
ABSOLUTE = re.compile(r"^(/[^/\s]+/|[A-Za-z]:[\\/]|\\\\)")


def text(path: Path) -> str:
    """The whole file as text; a folder, nothing, or bytes that are no text are errors."""
    path = Path(path)
    if not path.exists():
        raise NoSuchRunError(path)
    if path.is_dir():
        raise LayoutError(path, "a folder, not a text file")
    size = path.stat().st_size
    if size == 0:
        raise EmptyFileError(path)
    if size > MOST_BYTES:
        raise LayoutError(path, f"{size} bytes are too many for a curve in text")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PathError(path, str(error.strerror or error)) from error
    if b"\0" in data:
        raise CorruptFileError(path, "it holds zero bytes, as text does not")
    if data.endswith(DOS_END):
        # Programs of the eighties end a text with this mark and no line end; it says that all is there.
        data = data.rstrip(DOS_END) + b"\n"
    # Old instruments write degree and angstrom signs in Latin-1.
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def open_end(content: str) -> tuple[Flag, ...]:
    """A flag where the last line has no end, as editors leave it, and copies that were cut."""
    if content.endswith(("\n", "\r")):
        return ()
    said = "its last line has no end; if the file was cut there, its last number may lack digits"
    return (Flag.info("last_line_open", said),)


def number(token: str) -> float | None:
    """A number as C, Fortran and Windows write it; None for anything else."""
    if UNDEFINED.match(token):
        return float("nan")
    try:
        return float(token)
    except ValueError:
        pass
    # Fortran writes 0.1D-03 for what others write 0.1E-03.
    try:
        return float(token.replace("D", "E").replace("d", "e"))
    except ValueError:
        return None


def row(line: str) -> tuple[float, ...] | None:
    """The numbers of a line that holds nothing else; None for any other line."""
    stripped = line.strip().strip(",;")
    if not stripped or stripped[0] not in "+-.0123456789nNiI":
        return None
    values = tuple(number(token) for token in SEPARATORS.split(stripped))
    return None if any(value is None for value in values) else values  # type: ignore[return-value]


@dataclass(frozen=True)
class Table:
    """A block of rows of equal width: where it begins, where it ends, and its numbers."""

    start: int
    stop: int
    values: Floats

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return int(self.values.shape[0])


def longest_table(lines: Sequence[str], least_columns: int = 2) -> Table | None:
    """The longest block of rows of one width; blank lines within do not end it."""
    best: Table | None = None
    start = 0
    rows: list[tuple[float, ...]] = []
    for index, line in enumerate([*lines, "end"]):
        found = row(line)
        if found is None and not line.strip():
            continue
        if rows and (found is None or len(found) != len(rows[0])):
            if best is None or len(rows) > len(best):
                best = Table(start, index, np.array(rows, np.float64))
            rows = []
        if found is not None and len(found) >= least_columns:
            start = start if rows else index
            rows.append(found)
    return best


@dataclass(frozen=True)
class Said:
    """How a header says one quantity: the pattern around its number, its unit, and the field's unit."""

    name: str
    pattern: str
    unit: str = ""
    to: str = ""
    offset: float = 0.0

    def find(self, header: str) -> float | None:
        """The first value in `header`, in the field's unit; None where it is not said."""
        match = re.search(self.pattern, header, re.MULTILINE)
        value = number(match.group(1)) if match else None
        if value is None or not np.isfinite(value):
            return None
        return (convert(value, self.unit, self.to, self.name) if self.unit else value) + self.offset


def quantities(header: str, table: Iterable[Said]) -> dict[str, float]:
    """All that `header` says of `table`, by field name."""
    found = {each.name: each.find(header) for each in table}
    return {name: value for name, value in found.items() if value is not None}


def impersonal(said: Any) -> Any:
    """`said` without what names people or foreign folders, all the way down."""
    if isinstance(said, Mapping):
        kept = {str(key): impersonal(value) for key, value in said.items() if not PRIVATE.search(str(key))}
        return {key: value for key, value in kept.items() if value is not None}
    if isinstance(said, (list, tuple)):
        return [value for value in map(impersonal, said) if value is not None]
    return None if isinstance(said, str) and ABSOLUTE.match(said.strip()) else said
