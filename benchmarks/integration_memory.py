"""Peak memory and time of reducing 200 and 2000 frames of 4 million pixels; memory must not grow with them.

Each size runs in a process of its own. Says the peak resident memory, what the
process held before it began, and the time a frame.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import frames_4m


def reduce(path: Path, cluster: str) -> dict[str, float]:
    import numpy as np

    from adapters.model import Geometry, Orientation
    from adapters.registry import open_run
    from flows.compute import Cluster
    from flows.curves import stacked
    from flows.parameters import ImageParameters
    from tasks.common.integration import Corrections
    from tasks.common.parameters import NormalizationParameters

    geometry = Geometry.from_beam_center(**frames_4m.GEOMETRY, orientation=Orientation.AS_STORED)
    run = open_run(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    leaf, _ = stacked(
        "sample",
        [run],
        ImageParameters.model_validate({"integration": {"bins": 1000, "polarization": 0.99}}),
        NormalizationParameters(by="nothing", transmission=1.0),
        geometry,
        Corrections(),
        Cluster(kind=cluster, threads_below_mib=0),
    )
    seconds = time.perf_counter() - began
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    frames = leaf.data.sizes["frame"]
    return {
        "frames": frames,
        "peak_mib": own,
        "largest_worker_mib": children,
        "before_mib": before,
        "ms_a_frame": 1e3 * seconds / frames,
        "checksum": float(np.nansum(leaf.data["intensity"].values[0])),
    }


def main() -> None:
    if len(sys.argv) == 4:
        sys.stdout.write(json.dumps(reduce(Path(sys.argv[2]), sys.argv[3])) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        for cluster in ("threads", "local"):
            for frames in (200, 2000):
                path = Path(folder) / f"run_{frames}_data_000001.h5"
                if not path.exists():
                    frames_4m.write(path, frames)
                command = [sys.executable, __file__, "--one", str(path), cluster]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                print(cluster, done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
