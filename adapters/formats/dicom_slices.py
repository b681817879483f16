"""DICOM files of a single slice each, put together to volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adapters.errors import LayoutError
from adapters.formats.dicom_part import Part
from adapters.formats.dicom_place import affine_of, normal_of, vector_of
from adapters.formats.dicom_volume import lazy_pixels, timing_of
from adapters.formats.volumes import stacked
from adapters.model import Flag

if TYPE_CHECKING:
    import xarray as xr

# Slices are as far from each other as they should be up to this share.
EVEN = 0.02


def slices(path: Path, parts: list[Part]) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """Single slices as volumes: ordered along their normal, and as many times as a place is repeated."""
    import dask.array as da

    normal = normal_of(parts[0])
    places: dict[float, list[Part]] = {}
    for part in sorted(parts, key=_order):
        where = round(float(np.dot(vector_of(part, "ImagePositionPatient", 3), normal)), 2)
        places.setdefault(where, []).append(part)
    heights = sorted(places)
    repeats = {len(each) for each in places.values()}
    if len(repeats) > 1:
        odd = [f"{height:g} mm ({len(places[height])})" for height in heights]
        raise LayoutError(
            path, f"slices are missing or there twice: images at each place are {', '.join(odd)}"
        )
    gaps = np.diff(heights)
    if len(gaps) and np.ptp(gaps) > EVEN * gaps.mean():
        raise LayoutError(
            path, f"slices are missing: they lie {gaps.min():g} to {gaps.max():g} mm from each other"
        )
    count = repeats.pop()
    grid = [[places[height][number] for height in heights] for number in range(count)]
    shape = (int(parts[0].said.Rows), int(parts[0].said.Columns))
    if any((int(part.said.Rows), int(part.said.Columns)) != shape for part in parts):
        raise LayoutError(path, "its slices differ in size")
    volumes = [da.stack([lazy_pixels(part.path, shape) for part in row]) for row in grid]
    timing = [timing_of(row[0].said) for row in grid]
    flags: tuple[Flag, ...] = ()
    if len(parts) == 1 and int(parts[0].said.get("InstanceNumber") or 1) > 1:
        flags = (
            Flag.info("one_slice_of_series", "one file of a series was opened; open its folder for all"),
        )
    columns = {name: [each[name] for each in timing] for name in timing[0]}
    known = {name: None if None in column else column for name, column in columns.items()}
    lowest = places[heights[0]][0]
    step = float(gaps.mean()) if len(gaps) else float(parts[0].said.get("SliceThickness") or 1.0)
    affine = affine_of(lowest, normal, step)
    return stacked(da.stack(volumes), affine, known), flags


def _order(part: Part) -> tuple[float, float, int]:
    said = part.said
    return (
        float(said.get("EchoTime") or 0),
        float(said.get("AcquisitionNumber") or 0),
        int(said.get("InstanceNumber") or 0),
    )
