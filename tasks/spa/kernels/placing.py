"""Where a rigid model lies in a map: all orientations and shifts looked at, the best refined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize
from scipy.spatial.transform import Rotation

from tasks.common.kernels.compiled import compiled
from tasks.spa.kernels.shells import gaussian
from tasks.spa.kernels.turning import apart, even_rotations

Floats = NDArray[np.float64]

# Width of the Gaussian that a resolution stands for: its transform is 1/e at that spacing.
SIGMA = 1 / (np.pi * np.sqrt(2))
STEP_RAD = np.radians(15.0)
# A turn by one step moves the rim of the particle by the step times its radius; blur hides half of that.
BLUR_A_STEP = 1.0
VOXELS_A_BLUR = 2.5
MOST_POINTS = 4000
KEPT = 10
SAME_RAD = np.radians(8.0)


@dataclass(frozen=True)
class Placed:
    """A pose: `rotation` about the origin, then `shift` (angstrom; x, y, z), and its correlation."""

    rotation: Floats
    shift: Floats
    correlation: float

    def of(self, positions: Floats) -> Floats:
        """`positions` (n, 3) of the model where they lie in the map, from the first voxel, in angstrom."""
        return np.asarray(positions @ self.rotation.T + self.shift)


def simulated(
    positions: Floats, weights: Floats, shape: Sequence[int], voxel: float, resolution: float
) -> Floats:
    """Density (z, y, x) of points (n, 3; x, y, z in angstrom) with weights (n,), as seen at `resolution`."""
    sigma = SIGMA * resolution
    points = splatted(positions, weights, shape, voxel)
    return np.asarray(fft.irfftn(fft.rfftn(points) * gaussian(tuple(shape), voxel, sigma), tuple(shape)))


def splatted(positions: Floats, weights: Floats, shape: Sequence[int], voxel: float) -> Floats:
    """Points (n, 3; x, y, z) shared out among their eight nearest voxels, around the edges of the box."""
    total = np.zeros(tuple(shape))
    _shared_out(np.ascontiguousarray(positions / voxel), weights, total)
    return total


@compiled()
def _shared_out(positions, weights, total):  # type: ignore[no-untyped-def]
    nz, ny, nx = total.shape
    for point in range(len(positions)):
        x, y, z = positions[point]
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        dx, dy, dz = x - i, y - j, z - k
        for corner in range(8):
            a, b, c = corner & 1, (corner >> 1) & 1, (corner >> 2) & 1
            share = (dx if a else 1 - dx) * (dy if b else 1 - dy) * (dz if c else 1 - dz)
            total[(k + c) % nz, (j + b) % ny, (i + a) % nx] += share * weights[point]


def turned(positions: Floats, rotation: Floats) -> Floats:
    """`positions` (n, 3) after `rotation` (3, 3), without BLAS: its threads cost more than they save."""
    x, y, z = positions.T
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in rotation], axis=1)


def correlation(first: Floats, second: Floats) -> float:
    """Pearson correlation of two maps over all their voxels."""
    one, two = first - first.mean(), second - second.mean()
    return float((one * two).sum() / np.sqrt((one**2).sum() * (two**2).sum()))


def place(
    density: Floats,
    voxel: float,
    positions: Floats,
    weights: Floats,
    resolution: float,
    step_rad: float = STEP_RAD,
) -> list[Placed]:
    """The best poses of a rigid model in a map, the best first; poses within 8 degrees count as one.

    Parameters
    ----------
    density : (n, n, n) float
        Map over z, y, x on a cubic grid.
    voxel : float, angstrom
    positions : (k, 3) float, angstrom
        Points of the model (x, y, z), wherever it stands.
    weights : (k,) float
        How strongly each scatters.
    resolution : float, angstrom
        At which map and model are compared.
    step_rad : float
        Between the orientations that are tried first.

    Notes
    -----
    Stage 1 turns the model through orientations `step_rad` apart; all shifts of each are
    tried at once by Fourier correlation, blurred to what such a step can tell. Stage 2
    climbs from the best by the density that the points meet; a model's own norm does not
    change when it moves, so this is the correlation but for constants. Stage 3 simulates
    the model and takes the correlation with the map over the whole box.
    """
    centre = weights @ positions / weights.sum()
    arms, heavy = _thinned(positions - centre, weights)
    found = _searched(density, voxel, arms, heavy, resolution, step_rad)
    smooth = np.asarray(
        fft.irfftn(fft.rfftn(density) * gaussian(density.shape, voxel, SIGMA * resolution), density.shape)
    )
    climbed = [_climbed(smooth, voxel, arms, heavy, *pose) for pose in found]
    poses: list[Placed] = []
    for rotation, shift, _ in sorted(climbed, key=lambda pose: -pose[2]):
        if all(apart(rotation, Rotation.from_matrix(other.rotation)) > SAME_RAD for other in poses):
            where = rotation.apply(positions - centre) + shift
            model = simulated(where, weights, density.shape, voxel, resolution)
            matrix = rotation.as_matrix()
            poses.append(Placed(matrix, shift - matrix @ centre, correlation(density, model)))
    return sorted(poses, key=lambda pose: -pose.correlation)


def _thinned(arms: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Neighbours in the chain joined into at most MOST_POINTS points at their centres."""
    group = -(-len(arms) // MOST_POINTS)
    number = np.arange(len(arms)) // group
    heavy: Floats = np.asarray(np.bincount(number, weights), float)
    return np.stack([np.bincount(number, weights * axis) / heavy for axis in arms.T], axis=1), heavy


def _searched(
    density: Floats, voxel: float, arms: Floats, weights: Floats, resolution: float, step_rad: float
) -> list[tuple[Rotation, Floats]]:
    radius = float(np.sqrt((arms**2).sum(axis=1)).max())
    blur = max(resolution, BLUR_A_STEP * step_rad * radius)
    coarse, wide = _coarsened(density, voxel, blur)
    target = fft.rfftn(coarse - coarse.mean()) * gaussian(coarse.shape, wide, SIGMA * blur)
    # Single precision tells orientations apart as well, in half the time.
    target = target.astype(np.complex64)
    turns = even_rotations(step_rad)
    scores, shifts = np.empty(len(turns)), np.empty((len(turns), 3))
    for index, turn in enumerate(turns.as_matrix()):
        points = fft.rfftn(splatted(turned(arms, turn), weights, coarse.shape, wide).astype(np.float32))
        met = fft.irfftn(target * points.conj(), coarse.shape)
        best = int(met.argmax())
        scores[index] = met.flat[best]
        shifts[index] = np.array(np.unravel_index(best, coarse.shape))[::-1] * wide
    kept: list[int] = []
    for index in np.argsort(-scores):
        if all(apart(turns[int(index)], turns[other]) > 1.5 * step_rad for other in kept):
            kept.append(int(index))
        if len(kept) == KEPT:
            break
    return [(turns[index], shifts[index]) for index in kept]


def _coarsened(density: Floats, voxel: float, blur: float) -> tuple[Floats, float]:
    """The map on as few voxels as its blur needs, by leaving out high Fourier terms."""
    size = density.shape[0]
    wanted = fft.next_fast_len(max(16, int(np.ceil(size * voxel * VOXELS_A_BLUR / blur))))
    if wanted % 2 or wanted >= size:
        wanted += wanted % 2
    if wanted >= size:
        return density, voxel
    half = wanted // 2
    terms = fft.fftshift(fft.fftn(density))
    middle = size // 2
    part = terms[tuple(slice(middle - half, middle + half) for _ in range(3))]
    return np.asarray(fft.ifftn(fft.ifftshift(part)).real) * (wanted / size) ** 3, size * voxel / wanted


def _climbed(
    smooth: Floats, voxel: float, arms: Floats, weights: Floats, start: Rotation, shift: Floats
) -> tuple[Rotation, Floats, float]:
    radius = float(np.sqrt((arms**2).sum(axis=1).mean()))

    def missed(change: Floats) -> float:
        # Turns are scaled so that one unit moves the rim as far as one unit of shift.
        pose = Rotation.from_rotvec(change[:3] / radius) * start
        where = (turned(arms, pose.as_matrix()) + shift + change[3:]) / voxel
        met = ndimage.map_coordinates(smooth, where.T[::-1], order=1, mode="grid-wrap")
        return -float(weights @ met)

    scale = abs(missed(np.zeros(6))) or 1.0
    found = optimize.minimize(
        lambda change: missed(change) / scale,
        np.zeros(6),
        method="Powell",
        options={"xtol": 0.01, "ftol": 1e-7, "maxiter": 30},
    )
    pose = Rotation.from_rotvec(found.x[:3] / radius) * start
    return pose, shift + found.x[3:], -float(found.fun) * scale


def mirrored(density: Floats) -> Floats:
    """The map as its mirror image shows it: x runs the other way."""
    return np.asarray(density[:, :, ::-1])
