"""A hub as a user starts it, frames to reduce, and a browser to do it with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from adapters.testing import samples
from deployments.hub import RECEIVER_PATIENCE, SERVER_PATIENCE, WORKER_PATIENCE
from deployments.part import MARGIN

SECONDS_TO_START = 150
# What a hub gives its parts, one after the other; it never takes longer.
SECONDS_TO_STOP = WORKER_PATIENCE + RECEIVER_PATIENCE + SERVER_PATIENCE + 3 * MARGIN


@dataclass
class Served:
    """A `halos serve` that said it is ready."""

    process: subprocess.Popen[str]
    said: dict[str, Any]
    home: Path

    def form(self, name: str) -> str:
        return next(each["form"] for each in self.said["deployments"] if each["name"] == name)

    def deployment(self, name: str) -> str:
        return next(each["id"] for each in self.said["deployments"] if each["name"] == name)

    def runs(self, name: str) -> list[str]:
        """The runs that the server knows of a deployment."""
        wanted = json.dumps({"deployments": {"id": {"any_": [self.deployment(name)]}}}).encode()
        asked = urllib.request.Request(
            f"{self.said['api']}/flow_runs/filter", wanted, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return [each["id"] for each in json.load(answer)]

    def family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def interrupt(self) -> tuple[int, list[psutil.Process]]:
        """Ctrl-C; the exit status, and what is left of the family."""
        family = self.family()
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(SECONDS_TO_STOP)
        return status, [each for each in family if each.is_running()]


def serve_command(home: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "halos", "serve", "--home", str(home), "--json", *more]


def surroundings() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "HALOS"))}
    return {**kept, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Served]]:
    """Start a hub on a home; what still runs at the end is stopped."""
    begun: list[subprocess.Popen[str]] = []

    def start(home: Path, *more: str) -> Served:
        process = subprocess.Popen(
            serve_command(home, "--port", "0", *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=surroundings(),
            text=True,
        )
        begun.append(process)
        return Served(process, _document(process), home)

    yield start
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(SECONDS_TO_STOP)
        assert process.stdout is not None
        process.stdout.close()


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    late = threading.Timer(SECONDS_TO_START, process.kill)
    late.start()
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                return _ready(json.loads("".join(lines)))
    finally:
        late.cancel()
    raise AssertionError(f"halos serve ended with {process.wait()} before it was ready: {''.join(lines)}")


def _ready(said: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in said, said["error"]["message"]
    return said


@pytest.fixture(scope="session")
def hub(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One hub for all tests that do not stop it; it takes in what sites lay into `incoming`."""
    home = tmp_path_factory.mktemp("hub")
    return serve(home, "--incoming", str(home / "incoming"))


@dataclass(frozen=True)
class Frames:
    """Folders of frames of a sphere in buffer, and of the buffer alone."""

    sample: Path
    buffer: Path
    radius: float

    @property
    def radius_of_gyration(self) -> float:
        return float(np.sqrt(3 / 5)) * self.radius


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Four frames each, in the layout of BioXTAS RAW, with the noise that their errors say."""
    root = tmp_path_factory.mktemp("frames")
    noise = np.random.default_rng(5)
    sphere = samples.sphere_curve(300, first=0.008, step=0.001, radius=30.0)
    for name, share in (("sample", 50.0), ("buffer", 0.0)):
        (root / name).mkdir()
        for number in range(4):
            ideal = share * sphere.intensity + 5.0
            errors = 0.01 * np.sqrt(ideal) + 0.01
            curve = samples.SampleCurve(sphere.q, ideal + noise.normal(0, errors), errors)
            samples.write_bioxtas(root / name / f"frame_{number:03d}.dat", curve)
    return Frames(root / "sample", root / "buffer", 30.0)


FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1300,1800"
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium with a profile of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium is not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    window = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    yield window
    window.quit()
