"""A file of 4-million-pixel frames as a detector writes them, made quickly by repeating compressed chunks."""

from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

SHAPE = (2162, 2068)
GEOMETRY = {
    "distance_m": 2.0,
    "center_x_px": 1034.0,
    "center_y_px": 1100.0,
    "pixel_x_m": 75e-6,
    "pixel_y_m": 75e-6,
    "wavelength_angstrom": 1.0,
}


def mean_counts() -> np.ndarray:
    """Small-angle-like mean counts: bright in the middle, mostly 0 and 1 outside."""
    rows, columns = np.indices(SHAPE)
    radius = np.hypot(columns - 1034.0, rows - 1100.0)
    return 60.0 / (1.0 + (radius / 60.0) ** 2) + 0.2


def write(path: Path, frames: int, unique: int = 8) -> Path:
    """Write `frames` frames of which `unique` differ; gaps hold the detector's sentinel."""
    random = np.random.default_rng(1)
    mean = mean_counts()
    with h5py.File(path, "w") as file:
        packing = hdf5plugin.Bitshuffle(nelems=0, cname="lz4")
        data = file.create_dataset(
            "entry/data/data", (frames, *SHAPE), "u4", chunks=(1, *SHAPE), maxshape=(None, *SHAPE), **packing
        )
        chunks = []
        for index in range(min(unique, frames)):
            frame = random.poisson(mean).astype("u4")
            frame[:, 1030:1038] = 2**32 - 1
            data[index] = frame
            file.flush()
            chunks.append(data.id.read_direct_chunk((index, 0, 0))[1])
        for index in range(len(chunks), frames):
            data.id.write_direct_chunk((index, 0, 0), chunks[index % len(chunks)])
        data.attrs["image_nr_low"], data.attrs["image_nr_high"] = 1, frames
    return path
