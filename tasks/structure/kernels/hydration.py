"""The layer of water on a particle's surface, as points of a lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

SPACING = 2.5
# From the surface of the atoms outwards; a heavy atom with its hydrogens reaches about 1.7 angstrom.
ATOM_RADIUS = 1.7
PROBE = 1.4


def shell_points(atoms: Floats, thickness: float = 3.0, spacing: float = SPACING) -> Floats:
    """Points (n, 3) of a cubic lattice within `thickness` (angstrom) of the surface of `atoms` (m, 3).

    The surface is where atoms of 1.7 angstrom end. Gaps between atoms that no
    sphere of water enters hold no points. Each point stands for `spacing`³.
    """
    reach = ATOM_RADIUS + thickness + spacing
    low, high = atoms.min(axis=0) - reach, atoms.max(axis=0) + reach
    axes = [np.arange(a, b, spacing) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    distance, _ = cKDTree(atoms).query(grid, distance_upper_bound=reach)
    near = np.isfinite(distance)
    grid, distance = grid[near], distance[near]
    accessible = cKDTree(grid[distance >= ATOM_RADIUS + PROBE])
    inside = (distance > ATOM_RADIUS) & (distance <= ATOM_RADIUS + thickness)
    candidates = grid[inside]
    # A point belongs to water if a probe that fits somewhere covers it.
    gap, _ = accessible.query(candidates, distance_upper_bound=PROBE + spacing / 2)
    return np.asarray(candidates[np.isfinite(gap)])
