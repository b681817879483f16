"""A function of wavelength as text: angstrom in the first column, its value in the second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, EmptyFileError, LayoutError, NoSuchRunError

Floats = np.ndarray[Any, np.dtype[np.float64]]
MOST_BYTES = 10_000_000


def read(path: Path) -> tuple[Floats, Floats]:
    """Wavelengths (angstrom, ascending) and values of a file; lines that begin with # are remarks.

    Raises
    ------
    CorruptFileError
        A line holds no two numbers.
    LayoutError
        Wavelengths do not ascend, or a value is not positive.
    """
    if not path.is_file():
        raise NoSuchRunError(path)
    if path.stat().st_size > MOST_BYTES:
        raise LayoutError(path, "too large to be a function of wavelength")
    text = path.read_text(errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise EmptyFileError(path)
    try:
        rows = np.array([[float(word) for word in line[:2]] for line in lines])
    except ValueError as error:
        raise CorruptFileError(path, f"not two columns of numbers ({error})") from error
    if rows.ndim != 2 or rows.shape[1] != 2 or len(rows) < 2:
        raise CorruptFileError(path, "not two columns of numbers")
    wavelength, values = rows.T
    if not np.isfinite(rows).all() or (np.diff(wavelength) <= 0).any() or (values <= 0).any():
        raise LayoutError(path, "wavelengths must ascend, and their values be positive")
    return wavelength, values
