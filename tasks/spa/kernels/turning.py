"""Rotations spread evenly, and about a small turn of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

# The two irrational steps of the spiral, as published.
PHI, PSI = np.sqrt(2.0), 1.533751168755204288118041


def even_rotations(step_rad: float) -> Rotation:
    """Rotations so dense that neighbours are about `step_rad` apart, in no preferred direction.

    References
    ----------
    M. Alexa, *Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3)*, CVPR (2022).
    """
    count = int(np.ceil(8 * np.pi**2 / step_rad**3))
    s = np.arange(count) + 0.5
    t = s / count
    inner, outer = np.sqrt(t), np.sqrt(1 - t)
    alpha, beta = 2 * np.pi * s / PHI, 2 * np.pi * s / PSI
    quaternions = np.stack(
        [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)], axis=1
    )
    return Rotation.from_quat(quaternions)


def apart(first: Rotation, second: Rotation) -> float:
    """Angle (rad) of the turn from one rotation to another."""
    return float((first.inv() * second).magnitude())
