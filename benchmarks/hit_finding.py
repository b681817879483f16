"""Bragg peaks of frames beside peakfinder8: 4-million-pixel frames in memory, on one core.

The peer is the compiled peakfinder8 of OnDA Monitor (`pip install ondamonitor`, with numpy below 2),
whole and in its fast mode. It needs an interpreter of its own: name it in PEAKFINDER8_PYTHON. Each
contender is a process, warmed up, called in rounds in turning order; what is printed is the median
processor time a frame, its ratio to peakfinder8, the share of peaks found, and false peaks a frame.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

SIDE = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 2048
FRAMES, PEAKS, ROUNDS = 6, 50, 5
THRESHOLD, SNR, LEAST, MOST, RADIUS, KEPT = 20.0, 6.0, 2, 30, 4, 500
CONTENDERS = ("peakfinder8", "peakfinder8, fast mode", "HALOS")


def radii() -> np.ndarray:
    """Distance of each pixel from the beam in pixels."""
    along = np.arange(SIDE) - (SIDE - 1) / 2
    return np.hypot(along[:, None], along[None, :]).astype(np.float32)


def written(path: Path) -> None:
    """Frames with a background that falls off, and peaks of 3 x 3 pixels in every second one."""
    random = np.random.default_rng(1)
    mean = 2.0 + 8.0 * np.exp(-radii() / (SIDE / 5))
    frames = random.poisson(mean, (FRAMES, SIDE, SIDE)).astype(np.float32)
    places = np.full((FRAMES, PEAKS, 2), -100.0)
    shape = np.array([[0.3, 0.6, 0.3], [0.6, 1.0, 0.6], [0.3, 0.6, 0.3]], np.float32)
    for frame in range(0, FRAMES, 2):
        # On a lattice, so that no two touch.
        cells = random.choice((SIDE // 32) ** 2, PEAKS, replace=False)
        for number, cell in enumerate(cells):
            y, x = 16 + 32 * (cell // (SIDE // 32)), 16 + 32 * (cell % (SIDE // 32))
            frames[frame, y - 1 : y + 2, x - 1 : x + 2] += 150 * shape
            places[frame, number] = x, y
    np.savez(path, frames=frames, places=places)


def peakfinder8(*, fast: bool):  # type: ignore[no-untyped-def]
    import random

    from om.algorithms.crystallography import Peakfinder8PeakDetection

    random.seed(1)
    finder = Peakfinder8PeakDetection(
        radius_pixel_map=radii(),
        layout_info={"asic_nx": SIDE, "asic_ny": SIDE, "nasics_x": 1, "nasics_y": 1},
        crystallography_parameters={
            "max_num_peaks": KEPT,
            "adc_threshold": THRESHOLD,
            "minimum_snr": SNR,
            "min_pixel_count": LEAST,
            "max_pixel_count": MOST,
            "local_bg_radius": RADIUS,
            "min_res": 0,
            "max_res": 2 * SIDE,
            "fast_mode": fast,
        },
    )

    def find(frames: np.ndarray) -> list[np.ndarray]:
        each = [finder.find_peaks(data=frame) for frame in frames]
        return [np.column_stack([found["fs"], found["ss"]]) for found in each]

    return find


def halos():  # type: ignore[no-untyped-def]
    from tasks.sfx.kernels.peaks import find_peaks, plan_peaks

    plan = plan_peaks(
        radii()[None].astype(float),
        np.zeros((1, SIDE, SIDE), bool),
        ring_width=1.0,
        samples=128,
        seed=1,
        threshold=THRESHOLD,
        snr=SNR,
        least=LEAST,
        most=MOST,
        radius=float(RADIUS),
        most_peaks=KEPT,
    )

    def find(frames: np.ndarray) -> list[np.ndarray]:
        _, peaks = find_peaks(frames[:, None], plan)
        return [peaks[peaks[:, 0] == number, 1:3] for number in range(len(frames))]

    return find


def contend(name: str, path: Path) -> None:
    """Find the peaks of all frames each time a line arrives, and answer with seconds and peaks."""
    frames = np.load(path)["frames"]
    find = halos() if name == "HALOS" else peakfinder8(fast=name.endswith("fast mode"))
    find(frames[:1])
    for _ in sys.stdin:
        began = time.process_time()
        found = find(frames)
        spent = time.process_time() - began
        print(json.dumps({"seconds": spent / len(frames), "peaks": [np.asarray(f).tolist() for f in found]}))
        sys.stdout.flush()


def judged(peaks: list, places: np.ndarray) -> tuple[float, float]:
    """Share of the peaks that are found within 1.5 pixels, and false ones a frame."""
    hit, false = 0, 0
    for found, true in zip(peaks, places, strict=True):
        each = np.reshape(np.array(found, float), (-1, 2))
        near = np.abs(each[:, None] - true[None]).max(axis=2) < 1.5
        hit += int(near.any(axis=0).sum())
        false += int((~near.any(axis=1)).sum())
    return hit / (PEAKS * len(places[::2])), false / len(places)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        data = Path(home) / "frames.npz"
        written(data)
        places = np.load(data)["places"]
        running = {}
        for name in CONTENDERS:
            python = sys.executable if name == "HALOS" else os.environ.get("PEAKFINDER8_PYTHON")
            if python is None:
                print(f"PEAKFINDER8_PYTHON is not set: {name} is left out")
                continue
            command = [python, "-W", "ignore", __file__, str(SIDE), "--contend", name, str(data)]
            running[name] = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
        answers: dict[str, list] = {name: [] for name in running}
        for number in range(ROUNDS):
            names = list(running)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                process = running[name]
                process.stdin.write("go\n")
                process.stdin.flush()
                answers[name].append(json.loads(process.stdout.readline()))
        for process in running.values():
            process.communicate()
        base = next(iter(running))
        seconds = {name: statistics.median(each["seconds"] for each in answers[name]) for name in running}
        print(f"{FRAMES} frames of {SIDE} x {SIDE} pixels, {PEAKS} peaks in every second one, one core")
        for name, each in seconds.items():
            share, false = judged(answers[name][0]["peaks"], places)
            print(
                f"  {name:24s} {1e3 * each:8.2f} ms a frame   {seconds[base] / each:5.1f} x {base}   "
                f"recall {share:.3f}   false {false:.2f} a frame"
            )


if __name__ == "__main__":
    if "--contend" in sys.argv:
        contend(sys.argv[3], Path(sys.argv[4]))
    else:
        main()
