"""What the command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from halos.commands.status import in_words

BAR = 30


class Output:
    """Where results, remarks and progress go; with `as_json`, results are one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._told = 0.0

    def listen(self, *, verbose: bool) -> None:
        """Send the log to standard error."""
        logging.basicConfig(
            level=logging.INFO if verbose else logging.WARNING,
            stream=sys.stderr,
            format="%(name)s: %(message)s",
        )

    def result(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """The answer: as JSON, or as lines for a person."""
        if self.as_json:
            self._write(json.dumps(plain(document), indent=2, allow_nan=False))
        else:
            for line in lines:
                self._write(line)

    def say(self, line: str) -> None:
        """A remark for a person."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def error(self, error: Exception, status: int) -> None:
        """What went wrong; a fault of ours comes with its traceback."""
        told = in_words(error)
        if not told:
            self.say("".join(traceback.format_exception(error)).rstrip())
            self.say("This is a fault of HALOS, not of your data; please report it with the lines above.")
        if self.as_json:
            said = {"error": {"kind": type(error).__name__, "message": str(error), "status": status}}
            self._write(json.dumps(said, indent=2))
        if told:
            self.say(f"halos: {error}")

    def progress(self, what: str, done: int, total: int) -> None:
        """A bar on a terminal; elsewhere a line now and then."""
        if sys.stderr.isatty():
            filled = BAR * done // max(total, 1)
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\r{what} [{'#' * filled}{'.' * (BAR - filled)}] {done}/{total}{end}")
            sys.stderr.flush()
        elif total > 1 and (done >= total or time.monotonic() - self._told > 5.0):
            self._told = time.monotonic()
            self.say(f"{what}: {done} of {total}")

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are none become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float) or hasattr(value, "__float__"):
        number = float(value)
        return number if math.isfinite(number) else None
    return str(value)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
