"""Runs of a terabyte that take no room on disk: how long opening them takes, and how much memory.

Prints for a raw AGIPD 1M run of European XFEL (48 files) and for an Eiger 16M with its master (14 data
files) the seconds and the memory from path to measurement, in a process of its own after its imports,
and what one frame takes then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from adapters.testing.vast import write_vast_eiger, write_vast_euxfel


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        write_vast_euxfel(home / "r0001", trains=710)
        master, _ = write_vast_eiger(home / "eiger", frames=14_000)
        for name, path in (("European XFEL, AGIPD 1M", home / "r0001"), ("Eiger 16M", master)):
            command = [sys.executable, "-W", "ignore", "-m", "adapters.testing.vast", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(
                f"{name:24s} {found['bytes'] / 1e12:.2f} TB, {found['sizes']['frame']} frames: opened in "
                f"{found['seconds']:.2f} s (processor {found['processor_seconds']:.2f} s), "
                f"{found['memory_mib']:.0f} MiB; one frame {found['frame_seconds']:.2f} s, "
                f"{found['memory_with_frame_mib']:.0f} MiB in all"
            )


if __name__ == "__main__":
    main()
