"""P11 at PETRA III: Eiger2 masters with the notes beside them, and CBF images of its Pilatus years."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from adapters.errors import AdapterError
from adapters.facilities.petra3_beamtime import HOME, beamtime_of
from adapters.formats import hdf5, late
from adapters.formats.dectris import DectrisMaster
from adapters.formats.images import CBF, Described, ImageFile, describe_cbf
from adapters.formats.nexus import text
from adapters.formats.promise import Promise
from adapters.model import Flag, Measurement, Readiness, merged
from adapters.protocol import Confidence, Probe

NAME, SOURCE = "entry/instrument/name", "entry/source/name"
OMEGA = "entry/sample/goniometer/omega"
NOTES = "info.txt"
LINE = re.compile(r"^([A-Za-z/ ]+?):\s*(\S.*?)\s*$", re.MULTILINE)
# Of these only the notes know; the transmission, cut to whole percent, is better in the file.
NOTED = ("run type", "focus", "aperture")
MOST_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class P11Eiger:
    """The reader of P11's masters: Dectris files that its software amends after they were written."""

    name: str = "petra3_p11"
    facility: str = "petra3"
    instrument: str = "p11"
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the names that P11's software adds to a master."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                named = (text(file, NAME) or "").lower() == self.instrument
                source = (text(file, SOURCE) or "").startswith("PETRA III")
        except AdapterError:
            return Confidence.NO
        dectris = self._dectris().probe(probe)
        return Confidence.INSTRUMENT if dectris and named and source else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """As for any master; while P11's software amends it, it is locked and waited for."""
        return self._dectris().check(path)

    def open(self, path: Path) -> Measurement:
        """All frames, with the rotation of each, what the notes add, and the beamtime."""
        run = self._dectris().open(path)
        beamtime = beamtime_of(path)
        notes = _notes(path.parent / NOTES)
        with hdf5.opened(path) as file:
            omega = _omega(file, run.data.sizes["frame"])
        data = run.data
        if omega is not None:
            data = data.assign_coords(omega=("frame", omega, {"units": "degree"}))
        metadata = replace(
            run.metadata,
            technique="mx",
            facility=self.facility,
            instrument=self.instrument,
            raw={**run.metadata.raw, **beamtime.said, **({"notes": notes} if notes else {})},
        )
        files = run.provenance.files
        flags = merged(run.flags, beamtime.flags)
        if notes:
            files = (*files, str(path.parent / NOTES))
            said = f"{', '.join(notes)} are from {NOTES}"
            flags = merged(flags, (Flag.info("metadata_from_sidecar", said),))
        provenance = replace(run.provenance, adapter=self.name, files=files)
        return Measurement(data, metadata, provenance, flags)

    def _dectris(self) -> DectrisMaster:
        return DectrisMaster(late_s=self.late_s)


def _notes(path: Path) -> dict[str, str]:
    """The allowed lines of the notes; nothing where there are none, as after a run that failed."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        said = dict(LINE.findall(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return {}
    return {name: said[name] for name in NOTED if name in said}


def _omega(file: h5py.File, frames: int) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """The rotation of each frame (degree), if there is one for each."""
    if not hdf5.has(file, OMEGA):
        return None
    values = np.asarray(hdf5.require(file, OMEGA)[()], float).ravel()
    return values if len(values) == frames else None


def recognises_p11_cbf(probe: Probe) -> Confidence:
    """By the place that the storage gives to P11."""
    home = HOME.search(str(probe.path.absolute()))
    if home is None or home["beamline"] != "p11":
        return Confidence.NO
    return Confidence.INSTRUMENT if CBF.probe(probe) else Confidence.NO


def describe_p11_cbf(path: Path, promise: Promise) -> Described:
    """The mini header, and the beamtime by the folder."""
    described, beamtime = describe_cbf(path, promise), beamtime_of(path)
    metadata = replace(
        described.metadata,
        technique="mx",
        facility="petra3",
        instrument="p11",
        raw={**described.metadata.raw, **beamtime.said},
    )
    return replace(described, metadata=metadata, flags=merged(described.flags, beamtime.flags))


P11 = P11Eiger()
P11_CBF = ImageFile("petra3_p11_cbf", recognises_p11_cbf, CBF.promise, describe_p11_cbf, CBF.verify)
