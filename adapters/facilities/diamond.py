"""Diamond Light Source: CBF of beamline I19, whose true distance stands in the imgCIF part; NXmx masters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.formats import cbf_header, nxmx
from adapters.formats.area_detector import STACK
from adapters.formats.images import CBF, Described, ImageFile, describe_cbf
from adapters.formats.nexus import Array, NexusLayout
from adapters.formats.promise import Promise
from adapters.model import Flag, convert
from adapters.protocol import Confidence, Probe

I19_SAYS = b"Diamond Light Source Beamline I19"
DISTANCE = "_diffrn_measurement.sample_detector_distance"


def recognises_i19(probe: Probe) -> Confidence:
    """By the source named in the imgCIF part."""
    if CBF.probe(probe) is Confidence.NO or I19_SAYS not in probe.head:
        return Confidence.NO
    return Confidence.INSTRUMENT


def describe_i19(path: Path, promise: Promise) -> Described:
    """The mini header, with the distance of the imgCIF part, which its dictionary states in millimetre."""
    described = describe_cbf(path, promise)
    metadata = replace(described.metadata, technique="mx", facility="diamond", instrument="i19")
    stated = cbf_header.loops(cbf_header.text(path)).get(DISTANCE, [])
    flags = described.flags
    if len(stated) == 1:
        distance = convert(float(stated[0]), "mm", "m", str(path))
        metadata = replace(metadata, distance_m=distance)
        flags = (
            *flags,
            Flag.info("distance_from_imgcif", f"the distance of {distance:g} m is from {DISTANCE}"),
        )
    return Described(metadata, described.sentinels, flags)


I19_CBF = ImageFile("diamond_i19_cbf", recognises_i19, CBF.promise, describe_i19, CBF.verify)

NXMX_DIAMOND = replace(
    nxmx.NXMX,
    name="diamond_nxmx",
    facility="diamond",
    marker="entry/instrument/source/name",
    marker_says="Diamond Light Source",
    confidence=Confidence.INSTRUMENT,
)

# Frames of a scan without its .nxs file: neither angles nor image keys are at hand.
FRAMES_DIAMOND = NexusLayout(
    name="diamond_frames",
    technique="image",
    facility="diamond",
    marker="entry/detector/detector",
    arrays={"counts": Array("entry/detector/detector", STACK, "count")},
    confidence=Confidence.CONTENT,
)
