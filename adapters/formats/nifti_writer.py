"""Write maps as NIfTI-1, the format that other programs for such images read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.formats.nifti import nibabel

MILLIMETRE, SECOND = "mm", "sec"


def write_map(path: Path, values: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    """One volume (z, y, x) with its affine (mm, right-front-head); what has no value is NaN."""
    library = nibabel()
    kind = np.uint8 if values.dtype.kind in "bu" else np.float32
    image = library.Nifti1Image(np.ascontiguousarray(values.T, kind), affine)
    image.header.set_xyzt_units(MILLIMETRE, SECOND)
    image.to_filename(path)
