"""Text that may be packed with bzip2 or gzip, as small data files often are."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.protocol import HEAD_BYTES, Probe

OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open}
MAGICS = (b"BZh", b"\x1f\x8b")
# What broken archives raise, beside ending too early.
BROKEN = (OSError, zlib.error, ValueError)


def suffix(path: Path) -> str:
    """The extension of what is inside, in lower case."""
    inner = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    return inner.suffix.lower()


def head(probe: Probe) -> str:
    """The first text of the file, unpacked; empty if it is none."""
    opener = OPENERS.get(probe.suffix)
    if opener is None or not probe.head.startswith(MAGICS):
        return probe.text
    try:
        with opener(probe.path, "rb") as file:
            data = bytes(file.read(HEAD_BYTES))
    except (EOFError, *BROKEN):
        return ""
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def content(path: Path) -> str:
    """The whole text, unpacked."""
    opener = OPENERS.get(path.suffix.lower())
    if opener is None or not path.is_file():
        return text.text(path)
    try:
        with opener(path, "rb") as file:
            data = bytes(file.read(text.MOST_BYTES + 1))
    except EOFError as error:
        raise TruncatedFileError(path, "its archive ends too early") from error
    except BROKEN as error:
        raise CorruptFileError(path, f"it does not unpack ({error})") from error
    if len(data) > text.MOST_BYTES:
        raise LayoutError(path, f"more than {text.MOST_BYTES} bytes when unpacked")
    if b"\0" in data:
        raise CorruptFileError(path, "it holds zero bytes, as text does not")
    return data.decode("utf-8", errors="replace")
