"""Where the single voxel of a spectrum lies in the patient, by what Siemens writes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adapters.formats.volumes import LPS_TO_RAS


def voxel_affine(
    row: Sequence[float], column: Sequence[float], centre: Sequence[float], sides: Sequence[float]
) -> NDArray[np.float64]:
    """The affine (mm, right-front-head) of one voxel, its directions and centre given as left-back-head.

    `sides` are the lengths along `row`, along `column`, and along their normal.
    """
    first, second = np.asarray(row, float), np.asarray(column, float)
    affine = np.eye(4)
    for axis, direction in enumerate((first, second, np.cross(first, second))):
        affine[:3, axis] = direction * sides[axis]
    affine[:3, 3] = centre
    found: NDArray[np.float64] = LPS_TO_RAS @ affine
    return found
