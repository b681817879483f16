"""Frames of Merlin detectors (.mib): each behind a line of text that says what it is, and a .hdr beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats import text
from adapters.formats.stacked import Stacked, plausible, readable
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
MAGIC = b"MQ1,"
KINDS = {"U08": ">u1", "U16": ">u2", "U32": ">u4"}
# Pixels of a counter of so many bits lie packed in the raw mode of the detector.
RAW = "R64"
FEWEST_WORDS, HEAD = 11, 4096
FRAMES = "Frames in Acquisition (Number)"
# Of the text beside the frames, what says how they were taken and nothing of who took them.
KEPT = {
    "Chip Type (Medipix 3.0, Medipix 3.1, Medipix 3RX)": "chip",
    "Counter Depth (number)": "counter_bits",
    "Sensor Bias (V)": "sensor_bias",
    "Frames per Trigger (Number)": "frames_per_trigger",
    "Software Version": "software",
}


@dataclass(frozen=True)
class Head:
    """What the text before the first frame says."""

    bytes: int
    columns: int
    rows: int
    dtype: str
    exposure_s: float | None
    start: datetime | None

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next."""
        return self.bytes + self.rows * self.columns * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Merlin:
    """A reader of MIB files; how frames lie on the scan is not in them."""

    name: str = "merlin_mib"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the mark and the words after it."""
        return Confidence.INSTRUMENT if _words(probe.head) is not None else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether frames are whole and as many as the text beside them promises."""
        try:
            head, said = _head(path), _beside(path)
            count = _frames(path, head)
        except AdapterError as error:
            return Readiness.broken(str(error))
        promised = _promised(said)
        if promised is not None and count < promised:
            return Readiness.broken(
                f"{count} of the {promised} frames that {_hdr(path).name} promises are there"
            )
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Patterns over frame, ky, kx in counts."""
        import xarray as xr

        head, said = _head(path), _beside(path)
        count = _frames(path, head)
        _numbered(path, head, count)
        starts = np.arange(count, dtype=np.int64) * head.stride + head.bytes
        stack = Stacked(path, starts, (head.rows, head.columns), head.dtype)
        data = xr.Dataset({"patterns": (("frame", "ky", "kx"), stack.lazy(), {"units": "count"})})
        raw = {"first_row": "lowest"} | {name: said[key] for key, name in KEPT.items() if said.get(key)}
        flags = [
            Flag.info(
                "scan_shape_unknown", f"nothing says on how many rows of a scan the {count} frames lie"
            ),
            Flag.info("pixel_unknown", "nothing says which angle a pixel of the detector spans"),
        ]
        promised = _promised(said)
        if promised is not None and count > promised:
            told = f"{count} frames are there, the text beside them promises {promised}"
            flags.append(Flag.caution("more_frames_than_promised", told))
        metadata = Metadata(
            "stem",
            instrument="Merlin",
            start_time=head.start,
            exposure_s=head.exposure_s,
            raw=raw,
        )
        files = (str(_hdr(path)),) if said else ()
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), tuple(flags))


def _words(data: bytes) -> list[str] | None:
    if not data.startswith(MAGIC):
        return None
    words = data[:1024].split(b"\0")[0].decode("ascii", "replace").split(",")
    return words if len(words) >= FEWEST_WORDS else None


def _head(path: Path) -> Head:
    readable(path)
    with path.open("rb") as file:
        words = _words(file.read(HEAD))
    if words is None:
        raise LayoutError(path, "it does not begin as frames of a Merlin do")
    kind = words[6].strip()
    if kind == RAW:
        raise LayoutError(path, "its frames are in the packed raw mode (R64); save them as U08, U16 or U32")
    if kind not in KINDS:
        raise LayoutError(path, f"its pixels are of the kind {kind!r}, which is not known")
    try:
        size, columns, rows = int(words[2]), int(words[4]), int(words[5])
    except ValueError as error:
        raise CorruptFileError(
            path, f"the sizes before its first frame are no numbers: {words[2:6]}"
        ) from error
    if not len(MAGIC) < size <= 2**20:
        raise CorruptFileError(path, f"the text before its first frame cannot have {size} bytes")
    plausible(path, 1, (rows, columns))
    return Head(size, columns, rows, KINDS[kind], _positive(words[10]), _start(words))


def _positive(word: str) -> float | None:
    value = text.number(word)
    return value if value is not None and np.isfinite(value) and value > 0 else None


def _start(words: list[str]) -> datetime | None:
    """The time with its zone, which newer software writes late in the line; other times have none."""
    for word in words[FEWEST_WORDS:]:
        if word.endswith("Z") and "T" in word:
            try:
                # Nanoseconds are more than a datetime takes.
                return datetime.fromisoformat(f"{word[:19]}+00:00")
            except ValueError:
                return None
    return None


def _frames(path: Path, head: Head) -> int:
    size = path.stat().st_size
    count, rest = divmod(size, head.stride)
    if rest or not count:
        raise TruncatedFileError(
            path, f"it ends within frame {count + 1} of {head.rows} x {head.columns} pixels"
        )
    return count


def _numbered(path: Path, head: Head, count: int) -> None:
    """The last frame must begin as the first does, or frames differ in size."""
    with path.open("rb") as file:
        file.seek((count - 1) * head.stride)
        words = _words(file.read(HEAD))
    if words is None or [each.strip() for each in words[4:6]] != [f"{head.columns:04d}", f"{head.rows:04d}"]:
        raise CorruptFileError(path, "its frames are not all of the size of the first")


def _hdr(path: Path) -> Path:
    return path.with_suffix(".hdr")


def _beside(path: Path) -> dict[str, str]:
    """The text beside the frames by its keys; empty where there is none."""
    beside = _hdr(path)
    if not beside.is_file():
        return {}
    lines = beside.read_text(errors="replace").splitlines()
    if not lines or not lines[0].startswith("HDR"):
        raise CorruptFileError(beside, "it does not begin with HDR")
    if not any(line.strip().startswith("End") for line in lines):
        raise TruncatedFileError(beside, "its last line is missing")
    pairs = (line.split(":\t", 1) for line in lines if ":\t" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _promised(said: dict[str, Any]) -> int | None:
    value = text.number(said.get(FRAMES, ""))
    return int(value) if value is not None and np.isfinite(value) and value >= 1 else None


MERLIN = Merlin()
