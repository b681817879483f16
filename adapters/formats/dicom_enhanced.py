"""Enhanced DICOM files: many frames in one, each described by a group of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats.dicom_part import Part
from adapters.formats.dicom_place import vector_of
from adapters.formats.dicom_volume import MILLI, Volume, lazy_pixels, number_of
from adapters.formats.volumes import LPS_TO_RAS


def enhanced(part: Part) -> Volume:
    """The volumes whose slices are the frames of a file."""
    said = part.said
    frames = list(said.get("PerFrameFunctionalGroupsSequence") or [])
    shared = (list(said.get("SharedFunctionalGroupsSequence") or []) or [None])[0]
    count, rows, columns = (int(said.get(name) or 0) for name in ("NumberOfFrames", "Rows", "Columns"))
    if not frames or len(frames) != count:
        raise CorruptFileError(part.path, f"{len(frames)} groups describe {count} frames")
    groups = [_Groups(frame, shared) for frame in frames]
    turned = groups[0].item("PlaneOrientationSequence")
    spacing = groups[0].item("PixelMeasuresSequence")
    along = vector_of(part, "ImageOrientationPatient", 6, turned)
    normal = np.cross(along[:3], along[3:])
    places = [
        vector_of(part, "ImagePositionPatient", 3, each.item("PlanePositionSequence")) for each in groups
    ]
    heights = np.round([float(np.dot(place, normal)) for place in places], 2)
    levels = np.unique(heights)
    if count % len(levels) or any((heights == level).sum() != count // len(levels) for level in levels):
        raise LayoutError(part.path, "slices are missing or there twice: places are not repeated alike")
    order = np.lexsort((np.arange(count), heights)).reshape(len(levels), -1).T.ravel()
    volumes = count // len(levels)
    signal = lazy_pixels(part.path, (count, rows, columns))
    scale = [each.scaling() for each in groups]
    signal = (
        signal * np.array([one[0] for one in scale])[:, None, None]
        + np.array([one[1] for one in scale])[:, None, None]
    )
    affine = np.eye(4)
    pixel = vector_of(part, "PixelSpacing", 2, spacing)
    both = vector_of(part, "ImageOrientationPatient", 6, turned)
    affine[:3, 0], affine[:3, 1] = both[:3] * pixel[1], both[3:] * pixel[0]
    gaps = np.diff(levels)
    affine[:3, 2] = normal * (gaps.mean() if len(gaps) else float(spacing.get("SliceThickness") or 1.0))
    affine[:3, 3] = places[int(heights.argmin())]
    firsts = [groups[number] for number in order.reshape(volumes, -1)[:, 0]]
    timing = {name: [each.timing()[name] for each in firsts] for name in firsts[0].timing()}
    known = {name: None if None in column else np.array(column, float) for name, column in timing.items()}
    return Volume(signal[order].reshape(volumes, len(levels), rows, columns), LPS_TO_RAS @ affine, known)


@dataclass(frozen=True)
class _Groups:
    """What is said of one frame: its own groups, else those that all frames share."""

    own: Any
    shared: Any

    def item(self, name: str) -> Any:
        for where in (self.own, self.shared):
            found = None if where is None else where.get(name)
            if found:
                return found[0]
        return {}

    def scaling(self) -> tuple[float, float]:
        said = self.item("PixelValueTransformationSequence")
        slope, intercept = said.get("RescaleSlope"), said.get("RescaleIntercept")
        return float(1.0 if slope is None else slope), float(intercept or 0.0)

    def timing(self) -> dict[str, float | None]:
        echo, both = self.item("MREchoSequence"), self.item("MRTimingAndRelatedParametersSequence")
        more, weight = self.item("MRModifierSequence"), self.item("MRDiffusionSequence")
        inversion = more.get("InversionTimes")
        first = inversion[0] if isinstance(inversion, (list, tuple)) and inversion else inversion
        return {
            "echo_time": number_of(echo, "EffectiveEchoTime", MILLI),
            "repetition_time": number_of(both, "RepetitionTime", MILLI),
            "flip_angle": number_of(both, "FlipAngle"),
            "inversion_time": None if first is None else float(first) * MILLI,
            "b_value": number_of(weight, "DiffusionBValue"),
        }
