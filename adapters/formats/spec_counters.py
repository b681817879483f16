"""Counters of a SPEC file, by scan and by point."""

from __future__ import annotations

from pathlib import Path

from adapters.errors import NoSuchRunError

Rows = list[dict[str, float]]


def scans(path: Path) -> dict[int, Rows]:
    """Every scan's points as counters by name; a scan that was aborted at once has none.

    Where a number is used twice, the later scan stands.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise NoSuchRunError(path) from error
    found: dict[int, Rows] = {}
    number, names, columns = None, list[str](), 0
    for line in lines:
        if line.startswith("#S "):
            number, names = int(line.split()[1]), []
            found[number] = []
        elif line.startswith("#N "):
            columns = int(line.split()[1])
        elif line.startswith("#L "):
            names = _names(line[3:], columns)
        elif number is not None and names and (row := _row(line, names)):
            found[number].append(row)
    return found


def _names(line: str, columns: int) -> list[str]:
    # Names are two spaces apart, for they may hold single ones; some programs leave only one.
    names = [name.strip() for name in line.split("  ") if name.strip()]
    return names if len(names) == columns else line.split()


def _row(line: str, names: list[str]) -> dict[str, float] | None:
    if not line or line[0] in "#@":
        return None
    try:
        values = [float(each) for each in line.split()]
    except ValueError:
        # Comments of users stand between the points without a mark.
        return None
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else None
