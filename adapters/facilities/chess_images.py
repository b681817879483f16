"""MacCHESS at CHESS: Pilatus TIFF frames whose counters stand in the SPEC file of the run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from adapters.errors import AdapterError
from adapters.formats import spec_counters, tiff_header
from adapters.formats.images import TIFF, Described, ImageFile, describe_tiff
from adapters.formats.promise import Promise
from adapters.model import Flag
from adapters.protocol import Confidence, Probe

# <spec file>_<scan>_<frame>.tiff, the frame counted from 0.
NAME = re.compile(r"(.+)_(\d{3})_(\d{4})$")
DAQ = re.compile(r"# Image_path: /mnt/currentdaq/BioSAXS/")
# The beamstop diode, which the beamline normalises by.
MONITOR = "diode"


def recognises(probe: Probe) -> Confidence:
    """By the folder of the beamline's acquisition that the detector noted, and the naming of frames."""
    if TIFF.probe(probe) < Confidence.CONTENT or not NAME.match(probe.path.stem):
        return Confidence.NO
    try:
        description = tiff_header.promise(probe.path).header.get("description", "")
    except AdapterError:
        return Confidence.NO
    return Confidence.INSTRUMENT if DAQ.search(description) else Confidence.NO


def describe(path: Path, promise: Promise) -> Described:
    """The detector's header, and the counters of this frame where the SPEC file lies beside it."""
    described = describe_tiff(path, promise)
    metadata = replace(described.metadata, technique="saxs", facility="chess", instrument="macchess")
    match = NAME.match(path.stem)
    spec = path.with_name(match[1]) if match else path
    if match is None or not spec.is_file():
        absent = Flag.caution("counters_absent", f"no SPEC file beside {path.name}: no monitor counts")
        return Described(metadata, described.sentinels, (*described.flags, absent))
    points = spec_counters.scans(spec).get(int(match[2]), [])
    frame = int(match[3])
    if frame >= len(points):
        absent = Flag.caution("counters_absent", f"{spec.name} has no point {frame} in scan {int(match[2])}")
        return Described(metadata, described.sentinels, (*described.flags, absent), (str(spec),))
    counters = points[frame]
    metadata = replace(
        metadata,
        monitor_counts=counters.get(MONITOR),
        raw={**metadata.raw, **{f"spec {name}": value for name, value in counters.items()}},
    )
    return Described(metadata, described.sentinels, described.flags, (str(spec),))


MACCHESS_TIFF = ImageFile("chess_macchess_tiff", recognises, tiff_header.promise, describe)
