"""Ordinates of JCAMP-DX: plain numbers, and digits squeezed, differenced and repeated by letters.

After R. S. McDonald and P. A. Wilks, Applied Spectroscopy 42 (1988) 151, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, TruncatedFileError
from adapters.formats import text

Floats = np.ndarray[Any, np.dtype[np.float64]]
SQUEEZED = {"@": "0"} | {c: str(k) for k, c in enumerate("ABCDEFGHI", 1)}
SQUEEZED |= {c: f"-{k}" for k, c in enumerate("abcdefghi", 1)}
DIFFERENCE = {"%": "0"} | {c: str(k) for k, c in enumerate("JKLMNOPQR", 1)}
DIFFERENCE |= {c: f"-{k}" for k, c in enumerate("jklmnopqr", 1)}
REPEAT = {c: str(k) for k, c in enumerate("STUVWXYZs", 1)}
# A plain number, or a letter with the digits that follow it; exponents are told from letters by their sign.
TOKEN = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]\d+)?|[-+]?\.\d+(?:[eE][-+]\d+)?|[@A-IJ-RS-Za-s%]\d*")
BETWEEN = re.compile(r"[\s,;]*")
# The abscissa of a line is rounded, and of differences may be that of the value before.
LOOSE_POINTS = 2.5


def ordinates(
    path: Path, lines: Sequence[str], *, count: int, first: float, step: float, factor: float
) -> Floats:
    """The `count` values of a table (X++(Y..Y)), unscaled.

    `first` and `step` say where its points lie, in units of the abscissa over `factor`;
    lines that are missing or out of order are found by that, and by the values that
    differences repeat from one line to the next.
    """
    found: list[float] = []
    carried = False
    for line in lines:
        tokens = _tokens(path, line)
        if not tokens:
            continue
        abscissa = _plain(path, tokens[0])
        if step and abs(abscissa * factor - (first + len(found) * step)) > LOOSE_POINTS * abs(step) + abs(
            factor
        ):
            said = f"a line begins at {abscissa:g} where point {len(found) + 1} is due: lines are missing"
            raise CorruptFileError(path, said)
        carried = _append(path, tokens[1:], found, carried, count)
    if len(found) != count:
        kind = TruncatedFileError if len(found) < count else CorruptFileError
        raise kind(path, f"{len(found)} points are there, it promises {count}")
    return np.array(found)


def pairs(path: Path, lines: Sequence[str]) -> tuple[Floats, Floats]:
    """Abscissae and ordinates of a table (XY..XY)."""
    words = [_plain(path, token) for line in lines for token in _tokens(path, line)]
    if len(words) % 2:
        raise TruncatedFileError(path, "its last pair of numbers is not whole")
    table = np.array(words, float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _tokens(path: Path, line: str) -> list[str]:
    found = []
    place = 0
    line = line.strip()
    while place < len(line):
        match = TOKEN.match(line, place)
        if match is None:
            said = "a value that was not measured" if line[place] == "?" else repr(line[place : place + 12])
            raise CorruptFileError(path, f"its data hold {said}")
        found.append(match.group())
        between = BETWEEN.match(line, match.end())
        place = between.end() if between else match.end()
    return found


def _append(path: Path, tokens: Sequence[str], found: list[float], carried: bool, count: int) -> bool:
    """Add the values of one line; whether its last one was told as a difference."""
    difference: float | None = None
    checked = not carried
    for token in tokens:
        letter, digits = token[0], token[1:]
        if letter in DIFFERENCE:
            if not found:
                raise CorruptFileError(path, "its data begin with a difference")
            difference = float(DIFFERENCE[letter] + digits)
            found.append(found[-1] + difference)
        elif letter in REPEAT:
            times = int(REPEAT[letter] + digits) - 1
            if not found or times > count:
                raise CorruptFileError(path, f"a value is repeated {times + 1} times")
            for _ in range(times):
                found.append(found[-1] + (difference or 0.0))
        else:
            value = float(SQUEEZED[letter] + digits) if letter in SQUEEZED else _plain(path, token)
            difference = None
            if not checked:
                checked = True
                if found and value != found[-1]:
                    said = f"{value:g} repeats {found[-1]:g} of the line before point {len(found) + 1}"
                    raise CorruptFileError(path, f"its own check fails: {said}")
                continue
            found.append(value)
        if len(found) > count + 1:
            raise CorruptFileError(path, f"it holds more than the {count} points that it promises")
    return difference is not None


def _plain(path: Path, token: str) -> float:
    value = text.number(token)
    if value is None:
        raise CorruptFileError(path, f"its data hold {token!r} where a number is due")
    return value
