"""SAXSLAB and Xenocs laboratory instruments (Ganesha and others): Pilatus TIFF with the instrument's XML."""

from __future__ import annotations

from pathlib import Path

from adapters.errors import AdapterError
from adapters.formats import saxslab_xml, tiff_header
from adapters.formats.frames import SIGNED_SENTINELS
from adapters.formats.images import TIFF, Described, ImageFile, is_pilatus_text, pilatus_metadata
from adapters.formats.promise import Promise
from adapters.protocol import Confidence, Probe


def recognises(probe: Probe) -> Confidence:
    """By the XML of the instrument, wherever in the file it stands."""
    if TIFF.probe(probe) is Confidence.NO:
        return Confidence.NO
    try:
        artist = tiff_header.promise(probe.path).header.get("artist", "")
    except AdapterError:
        return Confidence.NO
    return Confidence.INSTRUMENT if saxslab_xml.ROOT in artist else Confidence.NO


def describe(path: Path, promise: Promise) -> Described:
    """The instrument's XML, and the detector's header for how it marks bad pixels."""
    said = saxslab_xml.parameters(promise.header["artist"], str(path))
    metadata, flags = saxslab_xml.metadata(said, str(path))
    detector = promise.header.get("description", "")
    if not is_pilatus_text(detector):
        return Described(metadata, flags=flags)
    _, remarks = pilatus_metadata(detector, promise.shape[1:], str(path))
    return Described(metadata, SIGNED_SENTINELS, (*flags, *remarks))


SAXSLAB = ImageFile("saxslab", recognises, tiff_header.promise, describe)
