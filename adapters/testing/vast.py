"""Runs as large as real ones that take no room: chunks that were never written read as the fill value.

Everything that readers look at when they open a run (indices, ids, links, headers) is really there.

`python -m adapters.testing.vast PATH` opens a run in a process of its own and prints what that took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import h5py
import numpy as np

MODULE = (2, 512, 128)
EIGER_16M = (4362, 4148)
FIRST_TRAIN = 10_000
STAMP = 1_700_000_000_000_000_000


def write_vast_euxfel(
    folder: Path, *, trains: int, pulses: int = 352, modules: int = 16, trains_a_file: int = 256
) -> int:
    """A raw AGIPD 1M run in `folder`; the bytes that its frames would have."""
    folder.mkdir(parents=True)
    for module in range(modules):
        for sequence, start in enumerate(range(0, trains, trains_a_file)):
            path = folder / f"RAW-R0001-AGIPD{module:02d}-S{sequence:05d}.h5"
            count = min(trains_a_file, trains - start)
            _euxfel_file(path, f"SPB_DET_AGIPD1M-1/DET/{module}CH0:xtdf", start, count, pulses)
            # What is old is complete: the rest of a young run may still arrive.
            os.utime(path, (STAMP / 1e9, STAMP / 1e9))
    return trains * pulses * modules * int(np.prod(MODULE)) * 2


def _euxfel_file(path: Path, source: str, start: int, trains: int, pulses: int) -> None:
    ids = FIRST_TRAIN + start + np.arange(trains, dtype="u8")
    rows = trains * pulses
    with h5py.File(path, "w") as file:
        file["METADATA/dataFormatVersion"] = [b"1.2"]
        for name, value in (
            ("dataSourceId", f"INSTRUMENT/{source}/image"),
            ("root", "INSTRUMENT"),
            ("deviceId", f"{source}/image"),
        ):
            file[f"METADATA/dataSources/{name}"] = [value.encode()]
        file["INDEX/trainId"], file["INDEX/timestamp"] = ids, STAMP + ids * 100_000_000
        file["INDEX/flag"], file["INDEX/origin"] = np.ones(trains, "i4"), np.full(trains, -1, "i4")
        file[f"INDEX/{source}/image/first"] = np.arange(trains, dtype="u8") * pulses
        file[f"INDEX/{source}/image/count"] = np.full(trains, pulses, "u8")
        image = file.create_group(f"INSTRUMENT/{source}/image")
        image["trainId"] = np.repeat(ids, pulses)[:, None]
        image["pulseId"] = np.tile(np.arange(pulses, dtype="u8"), trains)[:, None]
        image["cellId"] = np.tile(np.arange(pulses, dtype="u2"), trains)[:, None]
        image.create_dataset("data", (rows, *MODULE), "u2", chunks=(1, *MODULE))


def write_vast_eiger(folder: Path, *, frames: int, frames_a_file: int = 1000) -> tuple[Path, int]:
    """A master of an Eiger 16M with its data files in `folder`, and the bytes that its frames would have."""
    folder.mkdir(parents=True)
    master = folder / "vast_1_master.h5"
    with h5py.File(master, "w") as file:
        detector = file.create_group("entry/instrument/detector")
        detector["description"] = b"Dectris EIGER2 CdTe 16M"
        for name, value in (("x_pixel_size", 75e-6), ("y_pixel_size", 75e-6), ("count_time", 0.01)):
            detector[name] = value
            detector[name].attrs["units"] = "s" if name == "count_time" else "m"
        detector["detectorSpecific/nimages"], detector["detectorSpecific/ntrigger"] = frames, 1
        for number, start in enumerate(range(0, frames, frames_a_file), start=1):
            name = f"vast_1_data_{number:06d}.h5"
            count = min(frames_a_file, frames - start)
            with h5py.File(folder / name, "w") as part:
                shape, chunk = (count, *EIGER_16M), (1, *EIGER_16M)
                stored = part.create_dataset("entry/data/data", shape, "u4", chunks=chunk)
                stored.attrs["image_nr_low"], stored.attrs["image_nr_high"] = start + 1, start + count
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
    return master, frames * int(np.prod(EIGER_16M)) * 4


def _status(name: str) -> float:
    """A line of the status of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def main() -> None:
    """Open a run and read one frame; print seconds, memory and sizes as JSON."""
    # What a process imports once is no part of opening a run.
    import dask.array
    import xarray

    from adapters.registry import open_run, registry

    assert registry().adapters and dask.array and xarray
    before, wall, processor = _status("VmRSS"), time.perf_counter(), time.process_time()
    run = open_run(sys.argv[1])
    found = {
        "seconds": time.perf_counter() - wall,
        "processor_seconds": time.process_time() - processor,
        "memory_mib": _status("VmHWM") - before,
        "bytes": run.data.nbytes,
        "sizes": {str(dim): size for dim, size in run.data.sizes.items()},
    }
    wall = time.perf_counter()
    found["frame_sum"] = float(run.data["counts"][-1].sum())
    found["frame_seconds"] = time.perf_counter() - wall
    found["memory_with_frame_mib"] = _status("VmHWM") - before
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
