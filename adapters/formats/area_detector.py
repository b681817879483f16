"""HDF5 as general acquisition systems write it: EPICS areaDetector, LImA, and plain NeXus image stacks."""

from __future__ import annotations

from adapters.formats.nexus import Array, NexusLayout
from adapters.protocol import Confidence

STACK = ("frame", "y", "x")

AREA_DETECTOR = NexusLayout(
    name="epics_area_detector",
    technique="image",
    marker="entry/data/data@NDArrayNumDims",
    arrays={"counts": Array("entry/data/data", STACK, "count")},
    confidence=Confidence.CONTENT,
)

LIMA = NexusLayout(
    name="lima",
    technique="image",
    marker="@creator",
    marker_says="LIMA",
    arrays={"counts": Array("entry_0000/measurement/data", STACK, "count")},
    raw=(
        "entry_0000/title",
        "entry_0000/start_time",
        "entry_0000/end_time",
        "entry_0000/instrument/detector/acquisition/nb_frames",
        "entry_0000/instrument/detector/image_operation/rotation",
    ),
    confidence=Confidence.CONTENT,
)

NEXUS_IMAGES = NexusLayout(
    name="nexus_images",
    technique="image",
    marker="entry/data/data@interpretation",
    marker_says="image",
    arrays={"counts": Array("entry/data/data", STACK, "count")},
    raw=("entry/start_time", "entry/end_time"),
    confidence=Confidence.SIGNATURE,
)
