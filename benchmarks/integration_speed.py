"""Azimuthal integration beside pyFAI: one frame of 4 million pixels in memory, and frames from a file.

Prints the median time of each contender called in turn, its ratio to pyFAI's CSR engine on
one thread, and the largest relative difference of the intensities.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import frames_4m
import h5py
import numpy as np

ROUNDS = 7
BINS = 1000


def contenders(frame: np.ndarray) -> dict:
    warnings.simplefilter("ignore")
    from pyFAI.detectors import Detector
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    from adapters.model import Geometry, Orientation
    from tasks.common.geometry import pixel_maps
    from tasks.common.kernels.rings import RingPlan, mean_intensity, ring_numbers, ring_sums, ring_totals

    geometry = Geometry.from_beam_center(**frames_4m.GEOMETRY, orientation=Orientation.AS_STORED)
    maps = pixel_maps(geometry, frames_4m.SHAPE)
    bad = frame >= 2**32 - 2
    edges = np.linspace(maps.q[~bad].min(), maps.q[~bad].max(), BINS + 1)
    rings = ring_numbers(maps.q, edges, bad)
    weights = maps.solid_angle * maps.polarization(0.99)
    plan = RingPlan(rings, weights.astype("f4"), ring_totals(weights, rings, BINS), 0, 2**32 - 3)
    detector = Detector(75e-6, 75e-6, max_shape=frames_4m.SHAPE, orientation=3)
    peer = AzimuthalIntegrator(
        geometry.distance_m, geometry.poni1_m, geometry.poni2_m, detector=detector, wavelength=1e-10
    )
    mask = bad.astype(np.int8)

    def pyfai(engine: str):
        def run(image: np.ndarray) -> np.ndarray:
            return peer.integrate1d(
                image,
                BINS,
                unit="q_A^-1",
                radial_range=(edges[0], edges[-1]),
                mask=mask,
                method=("no", engine, "cython"),
                polarization_factor=0.99,
                error_model="poisson",
            ).intensity

        return run

    flat, ring_flat = weights.ravel(), rings.ravel()
    total = np.bincount(ring_flat, flat, minlength=BINS + 1)[:BINS]

    def numpy_by_hand(image: np.ndarray) -> np.ndarray:
        return np.bincount(ring_flat, image.ravel(), minlength=BINS + 1)[:BINS] / total

    def halos(image: np.ndarray) -> np.ndarray:
        return mean_intensity(*ring_sums(image[None], plan)[0])[0]

    return {
        "pyFAI CSR": pyfai("csr"),
        "pyFAI CSC": pyfai("csc"),
        "numpy bincount": numpy_by_hand,
        "HALOS": halos,
    }


def timed(calls: dict) -> dict[str, float]:
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS):
        names = list(calls)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.process_time()
            calls[name]()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def table(seconds: dict[str, float], base: str) -> None:
    for name, each in seconds.items():
        print(f"  {name:28s} {1e3 * each:8.2f} ms CPU   {seconds[base] / each:6.1f} x")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = frames_4m.write(Path(folder) / "run_data_000001.h5", 16)
        with h5py.File(path) as file:
            frame = file["entry/data/data"][0]
            engines = contenders(frame)
            answers = {name: engine(frame) for name, engine in engines.items()}
            print("one frame of 4 million pixels in memory, 1000 bins, one thread")
            table(timed({name: lambda e=engine: e(frame) for name, engine in engines.items()}), "pyFAI CSR")
            base = answers["pyFAI CSR"]
            for name, answer in answers.items():
                off = np.nanmax(np.abs(answer[1:-1] / base[1:-1] - 1))
                print(f"  {name:28s} largest difference from pyFAI CSR {off:.1e}")
        from adapters.formats.hdf5 import FrameSource

        with h5py.File(path) as file:
            data = file["entry/data/data"]
            source = FrameSource(str(path), "/entry/data/data", data.shape, data.dtype)
            whole = (slice(None), slice(None))

            def by_h5py(engine: str):
                return lambda: [engines[engine](data[index]) for index in range(8)]

            def by_halos() -> list:
                return [engines["HALOS"](each) for each in source[(slice(0, 8), *whole)]]

            print("eight frames from a bitshuffle-LZ4 file")
            table(
                timed(
                    {
                        "h5py + pyFAI CSR": by_h5py("pyFAI CSR"),
                        "h5py + HALOS": by_h5py("HALOS"),
                        "HALOS": by_halos,
                    }
                ),
                "h5py + pyFAI CSR",
            )


if __name__ == "__main__":
    main()
