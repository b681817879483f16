"""What a reader is: a name, a cheap look, a judgement of readiness, and the opening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from adapters.errors import AdapterError, NoSuchRunError, StillWritingError
from adapters.model import Measurement, Readiness

HEAD_BYTES = 4096


class Confidence(IntEnum):
    """How sure a reader is that a run is its own; the highest wins, a tie is an error."""

    NO = 0
    EXTENSION = 1
    SIGNATURE = 2
    CONTENT = 3
    INSTRUMENT = 4


@dataclass(frozen=True)
class Probe:
    """A path and its first bytes, read once for all readers that look at it."""

    path: Path

    def __post_init__(self) -> None:
        if not self.path.exists():
            raise NoSuchRunError(self.path)

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the file; empty for a folder or a file that cannot be read."""
        if self.path.is_dir():
            return b""
        try:
            with self.path.open("rb") as file:
                return file.read(HEAD_BYTES)
        except OSError:
            return b""

    @cached_property
    def tail(self) -> bytes:
        """The last bytes of the file, where some writers put what others put first; empty as `head`."""
        if self.path.is_dir():
            return b""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - HEAD_BYTES))
                return file.read(HEAD_BYTES)
        except OSError:
            return b""

    @cached_property
    def text(self) -> str:
        """The head as text; empty if it holds NUL bytes, as text files do not."""
        return "" if b"\0" in self.head else self.head.decode("utf-8", errors="replace")

    @property
    def suffix(self) -> str:
        """The last extension in lower case, with its dot."""
        return self.path.suffix.lower()


def ready_if(opens: Callable[[], object]) -> Readiness:
    """Readiness of a run whose opening looks at all that is promised: whole if it opens."""
    try:
        opens()
    except StillWritingError as error:
        return Readiness.wait(str(error))
    except AdapterError as error:
        return Readiness.broken(str(error))
    return Readiness.ready()


@runtime_checkable
class Adapter(Protocol):
    """A reader of one layout. `probe` never raises; `open` reads metadata now, arrays when computed."""

    @property
    def name(self) -> str:
        """Short and unique, as shown to people and written in provenance."""

    def probe(self, probe: Probe) -> Confidence:
        """How sure this reader is that the run is its own."""

    def check(self, path: Path) -> Readiness:
        """Whether all that the run promises is there."""

    def open(self, path: Path) -> Measurement:
        """The run as a lazy measurement; raises an AdapterError where it cannot."""


@runtime_checkable
class Assuming(Protocol):
    """A reader that can be told what its files may leave out, each use of which it flags."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Names of the quantities that can be supplied."""

    def assuming(self, assumed: Mapping[str, str]) -> Adapter:
        """The same reader with `assumed` in hand for files that do not say it."""
