"""What was asked, answered and sent, one JSON line each; a line changed or taken away afterwards is found.

Each line carries the hash of the line before it, and a small file beside the log says how
far it went, so that neither the middle nor the end can be cut without notice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any

START = "0" * 64
HIDDEN = "(secret)"
OWN = ("line", "at", "event", "before", "hash")
# Longer facts are for other places; one request must not fill the disk.
LONGEST = 2000


class AuditBrokenError(Exception):
    """A log that is not as it was written; the first line that is wrong is named."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        return (
            f"{self.path}, line {self.line}: {self.reason}; "
            "compare it with the log of the other side and with your backup, then begin a new file"
        )


@dataclass(frozen=True)
class _End:
    """How far a log goes: its last line and the hash of it."""

    line: int
    hash: str


class Audit:
    """An append-only log that several processes of one side may write; `secrets` are never written."""

    def __init__(self, path: Path, secrets: Iterable[str | None] = ()) -> None:
        self.path = path
        self._secrets = tuple(each for each in secrets if each)

    def written(self, event: str, **facts: Any) -> dict[str, Any]:
        """Append one event with its facts; it is on the disk when this returns.

        Raises AuditBrokenError where the log does not end as it was left.
        """
        if clash := set(facts) & set(OWN):
            raise ValueError(f"{', '.join(sorted(clash))}: these names are the log's own")
        with _held(self.path) as file:
            end = _mended(self.path, file)
            said = {
                "line": end.line + 1,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": event,
                **{name: self._open(value) for name, value in facts.items()},
                "before": end.hash,
            }
            said["hash"] = _hash(said)
            _append(file, said)
            _remember(self.path, _End(said["line"], said["hash"]))
        return said

    def _open(self, value: Any) -> Any:
        """`value` as JSON can hold it, without secrets, and not too long."""
        if isinstance(value, Mapping):
            return {self._open(str(name)): self._open(each) for name, each in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._open(each) for each in value]
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else str(value)
        text = str(value)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = text.encode(errors="backslashreplace").decode()
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Every entry of the log at `path`, checked as it is read; nothing where there is no log yet."""
    size, known = _extent(path)
    before, number, place = START, 0, 0
    if size:
        with path.open("rb") as file:
            while place < size:
                line = file.readline()
                number, place = number + 1, place + len(line)
                said = _read(path, number, line, before)
                before = said["hash"]
                yield said
    if known is not None and known.line > number:
        raise AuditBrokenError(str(path), number + 1, f"missing; {known.line} lines were written")
    if known is None and number:
        raise AuditBrokenError(str(path), number, f"the file {_beside(path).name} beside it is missing")


def _extent(path: Path) -> tuple[int, _End | None]:
    """How long a log is and how far it should go, while nobody writes."""
    if not path.exists():
        return 0, _remembered(path)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return file.seek(0, os.SEEK_END), _remembered(path)


def checked(path: Path) -> int:
    """The number of lines of an unbroken log; AuditBrokenError names the first broken one."""
    known = _remembered(path)
    number = 0
    for number, said in enumerate(entries(path), start=1):
        if known is not None and known.line == number and known.hash != said["hash"]:
            raise AuditBrokenError(str(path), number, "not the line that was written last")
    return number


def _read(path: Path, number: int, line: bytes, before: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
        wrong = not isinstance(said, dict) or _line(said) != line or said["hash"] != _hash(said)
        told = "" if wrong else said["before"]
    except (ValueError, KeyError, RecursionError):
        wrong, told = True, ""
    if wrong:
        raise AuditBrokenError(str(path), number, "altered after it was written")
    if told != before or said["line"] != number:
        raise AuditBrokenError(str(path), number, "does not follow the line before it; lines are missing")
    entry: dict[str, Any] = said
    return entry


def _hash(said: Mapping[str, Any]) -> str:
    inside = {name: value for name, value in said.items() if name != "hash"}
    return hashlib.sha256(_line(inside)).hexdigest()


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":"), allow_nan=False).encode() + b"\n"


@contextmanager
def _held(path: Path) -> Iterator[BufferedRandom]:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never shorter than it was: the log is opened for appending, and for its owner alone.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _mended(path: Path, file: BufferedRandom) -> _End:
    """Where the log ends, after what a killed writer left half written is set right."""
    known = _remembered(path) or _End(0, START)
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        if known.line:
            raise AuditBrokenError(str(path), 1, f"missing; {known.line} lines were written")
        return known
    last = _last_line(file, size)
    if not last.endswith(b"\n"):
        # It was never acknowledged: whoever wrote it was killed before the line was whole.
        file.truncate(size - len(last))
        os.fsync(file.fileno())
        return _mended(path, file)
    said = _whole(path, last, known.line)
    # One line may be ahead of what is remembered: its writer was killed between the two.
    same = (said["line"], said["hash"]) == (known.line, known.hash)
    next_one = (said["line"], said["before"]) == (known.line + 1, known.hash)
    if not (same or next_one):
        reason = f"{known.line} lines were written, and this is not the last"
        raise AuditBrokenError(str(path), said["line"], reason)
    return _End(said["line"], said["hash"])


def _whole(path: Path, line: bytes, number: int) -> dict[str, Any]:
    """One entry by itself, wherever it stands."""
    try:
        said = json.loads(line)
        return _read(path, int(said["line"]), line, said["before"])
    except (ValueError, KeyError, TypeError) as error:
        raise AuditBrokenError(str(path), number, "altered after it was written") from error


def _last_line(file: BufferedRandom, size: int) -> bytes:
    reach = 4096
    while True:
        file.seek(max(0, size - reach))
        tail = file.read(reach)
        start = tail.rfind(b"\n", 0, len(tail) - 1)
        if start >= 0 or reach >= size:
            return tail[start + 1 :]
        reach *= 4


def _append(file: BufferedRandom, said: Mapping[str, Any]) -> None:
    file.seek(0, os.SEEK_END)
    file.write(_line(said))
    file.flush()
    os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.end")


def _remember(path: Path, end: _End) -> None:
    fresh = _beside(path).with_suffix(".end.part")
    with fresh.open("w") as file:
        file.write(json.dumps({"line": end.line, "hash": end.hash}))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(_beside(path))


def _remembered(path: Path) -> _End | None:
    try:
        said = json.loads(_beside(path).read_text())
        return _End(int(said["line"]), str(said["hash"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise AuditBrokenError(str(_beside(path)), 1, "altered after it was written") from error
