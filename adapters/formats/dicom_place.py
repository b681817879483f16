"""Where a slice of a DICOM file lies in the patient."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.errors import LayoutError
from adapters.formats.dicom_part import Part
from adapters.formats.volumes import LPS_TO_RAS


def vector_of(part: Part, name: str, size: int, said: Any = None) -> Any:
    """Numbers of a header, or of a group within it, that say where a slice lies."""
    found = (part.said if said is None else said).get(name)
    if found is None or len(found) != size:
        raise LayoutError(part.path, f"it does not state {name}, so its place in the patient is unknown")
    return np.array(found, float)


def normal_of(part: Part) -> Any:
    """The direction in which slices follow one another."""
    turned = vector_of(part, "ImageOrientationPatient", 6)
    return np.cross(turned[:3], turned[3:])


def affine_of(part: Part, normal: Any, step: float) -> Any:
    """From voxels to places (mm) in the patient, for slices at `step` (mm) along their normal."""
    turned, spacing = vector_of(part, "ImageOrientationPatient", 6), vector_of(part, "PixelSpacing", 2)
    affine = np.eye(4)
    # The first spacing is between rows, so along the columns.
    affine[:3, 0], affine[:3, 1] = turned[:3] * spacing[1], turned[3:] * spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = vector_of(part, "ImagePositionPatient", 3)
    return LPS_TO_RAS @ affine
