"""Tables with a line of labels, as programs of mass spectrometry export them, column by column."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text

Columns = Mapping[str, tuple[str, ...]]


def labels(head: str) -> list[str]:
    """The labels of the first line."""
    first = head.lstrip("\ufeff").splitlines()[:1]
    return [each.strip() for each in next(csv.reader(first), [])] if first else []


def columns(path: Path, needed: Sequence[str]) -> Columns:
    """Every column as text by its label; a row of another width, or a label that is missing, is an error."""
    content = text.text(path).lstrip("\ufeff")
    if not content.endswith("\n"):
        raise TruncatedFileError(path, "its last line has no end")
    try:
        rows = [row for row in csv.reader(io.StringIO(content)) if row]
    except csv.Error as error:
        raise CorruptFileError(path, str(error)) from error
    names = [each.strip() for each in rows[0]] if rows else []
    if absent := [each for each in needed if each not in names]:
        raise LayoutError(path, f"it has no column {', '.join(absent)}")
    if len(rows) < 2:
        raise LayoutError(path, "it has labels and no rows")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise CorruptFileError(
                path, f"row {number} has {len(row)} columns where {len(names)} have labels"
            )
    return dict(zip(names, zip(*rows[1:], strict=True), strict=True))


def numbers(path: Path, label: str, column: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as numbers, with commas between thousands or without; nothing is NaN."""
    values = []
    for number, word in enumerate(column, start=2):
        plain = word.strip().replace(",", "")
        value = float("nan") if not plain else text.number(plain)
        if value is None:
            raise CorruptFileError(path, f"row {number} has {word!r} where {label} is a number")
        values.append(value)
    return np.array(values)
