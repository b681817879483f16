"""Siemens mosaics: all slices of a volume as the tiles of one picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats.dicom_csa import csa_header
from adapters.formats.dicom_part import Part
from adapters.formats.dicom_place import affine_of, normal_of
from adapters.formats.dicom_volume import Volume, lazy_pixels, timing_of

CSA_IMAGE = (0x0029, 0x1010)


def mosaic(part: Part) -> Volume:
    """The volume whose slices are the tiles of a file."""
    said = csa_header(part, CSA_IMAGE)
    count = int(said.get("NumberOfImagesInMosaic", [0])[0] or 0)
    if count < 1:
        raise LayoutError(part.path, "it is a mosaic, but does not state of how many images")
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = int(part.said.Rows), int(part.said.Columns)
    if rows % side or columns % side:
        raise CorruptFileError(part.path, f"{count} images do not tile {rows} x {columns} pixels")
    shape = (count, rows // side, columns // side)
    normal = np.array(said.get("SliceNormalVector") or normal_of(part), float)
    step = float(part.said.get("SpacingBetweenSlices") or part.said.SliceThickness)
    affine = affine_of(part, normal, step)
    # The place that is stated is that of the whole mosaic's corner.
    shift = ((columns - shape[2]) / 2, (rows - shape[1]) / 2)
    affine[:3, 3] += affine[:3, 0] * shift[0] + affine[:3, 1] * shift[1]
    b_value, direction = _weighting(said)
    timing = {**timing_of(part.said), "b_value": b_value}
    return Volume(lazy_pixels(part.path, shape, count)[None], affine, timing, direction)


def _weighting(said: dict[str, list[Any]]) -> tuple[float | None, Any]:
    """b-value (s/mm2) and direction of the gradient by the stated matrix, which has all that was on."""
    matrix = said.get("B_matrix") or []
    if len(matrix) != 6:
        value = said.get("B_value") or []
        return (float(value[0]) if value else None), (
            np.zeros((1, 3)) if value and float(value[0]) == 0 else None
        )
    xx, xy, xz, yy, yz, zz = map(float, matrix)
    values, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    vector = vectors[:, -1]
    # A gradient and its opposite weight alike; the larger component is taken as positive.
    return float(values[-1]), (vector * np.sign(vector[np.abs(vector).argmax()]))[None]
