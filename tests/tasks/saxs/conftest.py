"""Bodies whose scattering is known in closed form, and measured curves as they lie in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tasks.saxs.curve import INVERSE_ANGSTROM, labelled

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def sphere_intensity(q, radius):
    x = q * radius
    return (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2


def noise_level(q, intensity, noise):
    return noise * np.sqrt((intensity + 1e-4) * 0.1 / q) + 1e-5


@pytest.fixture
def sphere() -> Callable[..., Curve]:
    """A sphere's curve of I(0) = 1 with noise like a detector's; `noise=0` leaves only the errors."""

    def make(radius=40.0, *, seed=0, noise=0.01, points=300, q_min=0.008, q_max=0.25, noisy=True) -> Curve:
        q = np.linspace(q_min, q_max, points)
        intensity = sphere_intensity(q, radius)
        errors = noise_level(q, intensity, noise)
        if noisy:
            intensity = intensity + errors * np.random.default_rng(seed).normal(size=points)
        return q, intensity, errors

    return make


@pytest.fixture
def stack() -> Callable[..., xr.Dataset]:
    """Frames (k, n) with their errors as a labelled stack."""

    def make(q, frames, errors, unit="arbitrary", first=0) -> xr.Dataset:
        return xr.Dataset(
            {
                "intensity": (("frame", "q"), frames, {"units": unit}),
                "intensity_errors": (("frame", "q"), errors, {"units": unit}),
            },
            coords={
                "q": ("q", q, {"units": INVERSE_ANGSTROM}),
                "frame": np.arange(first, first + len(frames)),
            },
        )

    return make


def read_columns(path: Path) -> Curve:
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        try:
            rows.append([float(word) for word in words[:3]])
        except ValueError:
            continue
    table = np.array([row for row in rows if len(row) == 3])
    return table[:, 0], table[:, 1], table[:, 2]


@pytest.fixture
def read(measured) -> Callable[..., Curve]:
    """q in 1/angstrom, intensity and errors of a measured file, points without error left out."""

    def load(name: str, per_angstrom: float = 1.0) -> Curve:
        q, intensity, errors = read_columns(measured / name)
        good = (errors > 0) & (q < 50)
        return q[good] * per_angstrom, intensity[good], errors[good]

    return load


@pytest.fixture
def read_stack(measured, stack) -> Callable[..., xr.Dataset]:
    """All files of a pattern as one stack."""

    def load(folder: str, pattern: str, unit="arbitrary") -> xr.Dataset:
        curves = [read_columns(path) for path in sorted((measured / folder).glob(pattern))]
        assert curves
        return stack(
            curves[0][0],
            np.array([each[1] for each in curves]),
            np.array([each[2] for each in curves]),
            unit,
        )

    return load


@pytest.fixture
def read_curve(read) -> Callable[..., xr.Dataset]:
    """A measured curve as a labelled dataset."""

    def load(name: str, per_angstrom: float = 1.0, unit="arbitrary") -> xr.Dataset:
        return labelled(*read(name, per_angstrom), unit)

    return load
