"""HDF5 files that cannot be opened: claimed only to say why, and whether waiting helps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.errors import LayoutError, PathError
from adapters.formats import hdf5
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe


@dataclass(frozen=True, slots=True)
class UnreadableHdf5:
    """An HDF5 file by its first bytes that HDF5 refuses: truncated, damaged, or open for writing.

    No other reader can look inside such a file, so without this one it would pass for a
    file of unknown kind, and its owner would not learn that a copy went wrong.
    """

    name: str = "hdf5_unreadable"

    def probe(self, probe: Probe) -> Confidence:
        """Certain of the format, but never of a file that opens."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path):
                return Confidence.NO
        except PathError:
            return Confidence.SIGNATURE

    def check(self, path: Path) -> Readiness:
        """Why it cannot be opened, and whether that may pass."""
        return hdf5.check(path)

    def open(self, path: Path) -> Measurement:
        """Raise what HDF5 says against the file."""
        with hdf5.opened(path):
            raise LayoutError(path, "it opens after all; another reader may know it")


UNREADABLE_HDF5 = UnreadableHdf5()
