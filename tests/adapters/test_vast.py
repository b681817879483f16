"""A run of a terabyte opens in seconds and in little memory: only what stands beside its frames is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.testing.vast import write_vast_eiger, write_vast_euxfel

TERABYTE = 10**12


def opened(path: Path) -> dict[str, Any]:
    """What opening took in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "adapters.testing.vast", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
class TestTerabyte:
    def test_a_run_of_sixteen_modules(self, tmp_path: Path) -> None:
        size = write_vast_euxfel(tmp_path / "r0001", trains=710)
        found = opened(tmp_path / "r0001")

        assert found["bytes"] > size > TERABYTE
        assert (found["sizes"]["frame"], found["sizes"]["module"]) == (710 * 352, 16)
        assert found["processor_seconds"] < 10
        # A train, a pulse and a place in its file for each frame of each module: some ten bytes each.
        assert found["memory_mib"] < 400
        assert found["memory_with_frame_mib"] < 450

    def test_a_master_of_an_eiger(self, tmp_path: Path) -> None:
        master, size = write_vast_eiger(tmp_path / "eiger", frames=14_000)
        found = opened(master)

        assert found["bytes"] > size > TERABYTE
        assert found["sizes"] == {"frame": 14_000, "y": 4362, "x": 4148}
        assert found["processor_seconds"] < 5
        assert found["memory_mib"] < 64
        # One frame is 69 MiB as stored; summing it takes some copies.
        assert found["memory_with_frame_mib"] < 600

    def test_ten_times_the_frames_take_no_more_room(self, tmp_path: Path) -> None:
        small, _ = write_vast_eiger(tmp_path / "small", frames=1_400)
        large, _ = write_vast_eiger(tmp_path / "large", frames=14_000)

        assert opened(large)["memory_mib"] < opened(small)["memory_mib"] + 32
