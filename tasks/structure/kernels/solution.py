"""Scattering of a particle in water from its atoms, and how well it tells a measured curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from tasks.structure.kernels import scattering
from tasks.structure.kernels.debye import Partials, partials

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Particle:
    """Amplitudes per kind and their partial sums, ready for any hydration contrast.

    `vacuum` (n, k) in electrons, `volumes` (k,) and `shell_volume` in angstrom³; the
    last kind is the shell.
    """

    partials: Partials
    vacuum: Floats
    volumes: Floats
    shell_volume: float

    def amplitudes(self, contrast: float, expansion: float = 1.0) -> Floats:
        """Excess electrons (n, k) of each kind for a shell of `contrast` (electrons/angstrom³)."""
        q = self.partials.q[:, None]
        atoms = self.vacuum - scattering.displaced(self.volumes[None, :], q, expansion)
        shell = scattering.displaced(self.shell_volume, q) / scattering.WATER_DENSITY * contrast
        return np.concatenate([atoms, shell], axis=1)

    def intensity(self, contrast: float, expansion: float = 1.0) -> Floats:
        """I(q) (n,) in electrons²."""
        return self.partials.intensity(self.amplitudes(contrast, expansion))

    def radius(self, contrast: float, expansion: float = 1.0) -> float:
        """Radius of gyration (angstrom) from the curvature at q = 0; NaN where it is not real.

        `partials.q` must begin with 0 and a small q.
        """
        zero, small = self.intensity(contrast, expansion)[:2]
        square = 3 * (1 - small / zero) / self.partials.q[1] ** 2
        return float(np.sqrt(square)) if square > 0 else float("nan")


def particle(
    positions: Floats, elements: list[str], hydrogens: list[int], shell: Floats, spacing: float, q: Floats
) -> Particle:
    """A particle of heavy atoms (n, 3) in angstrom with hydrogens, and shell points (m, 3) of `spacing`³.

    `q` (1/angstrom) is where it can be evaluated; 0 and a small q are put before it.
    """
    pairs = list(zip(elements, hydrogens, strict=True))
    kinds = sorted(set(pairs))
    number = {kind: index for index, kind in enumerate(kinds)}
    index = np.array([number[pair] for pair in pairs] + [len(kinds)] * len(shell))
    every = np.concatenate([[0.0, 1e-3], q])
    sums = partials(np.concatenate([positions, shell]), index, len(kinds) + 1, every)
    vacuum = np.stack([scattering.in_vacuum(element, count, every) for element, count in kinds], axis=1)
    volumes = np.array([scattering.volume(element, count) for element, count in kinds])
    return Particle(sums, vacuum, volumes, spacing**3)


@dataclass(frozen=True)
class Fit:
    """How a particle tells a curve: `curve` (n,) beside the data, and what was adjusted.

    `radius` in angstrom and `contrast` in electrons/angstrom³, with standard errors
    widened where the reduced chi-square exceeds 1. `at_bound` names what ran to its limit.
    """

    scale: float
    background: float
    contrast: float
    contrast_error: float
    expansion: float
    radius: float
    radius_error: float
    chi2: float
    points: int
    curve: Floats
    at_bound: tuple[str, ...]


CONTRASTS = (0.0, 0.08)
EXPANSIONS = (0.96, 1.04)
TYPICAL_CONTRAST = 0.03


def fit(
    model: Particle,
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    background: bool = True,
    expand: bool = True,
) -> Fit:
    """Least-squares fit of scale, constant, hydration contrast and excluded volume to a curve (n,).

    Scale and constant are solved exactly at each step; the other two stay within
    0 to 0.08 electrons/angstrom³ and within 4 % of the tabulated radius.

    Raises
    ------
    ValueError
        If there are fewer than ten points, or q reaches beyond the model's.
    """
    if len(q) < 10:
        raise ValueError(f"{len(q)} points are too few for a fit")
    if q.max() > model.partials.q[-1] * (1 + 1e-9):
        raise ValueError("the curve reaches beyond the q of the model")

    def linear(x: Floats) -> tuple[Floats, Floats]:
        shape = CubicSpline(model.partials.q, model.intensity(x[0], x[1] if expand else 1.0))(q)
        columns = np.stack([shape, np.ones_like(q)] if background else [shape], axis=1)
        found, *_ = np.linalg.lstsq(columns / errors[:, None], intensity / errors, rcond=None)
        return np.asarray(found, float), np.asarray(columns @ found, float)

    def residuals(x: Floats) -> Floats:
        return np.asarray((linear(x)[1] - intensity) / errors)

    low, high = (list(each) for each in zip(CONTRASTS, EXPANSIONS, strict=True))
    free = 2 if expand else 1
    start = [TYPICAL_CONTRAST, 1.0][:free]
    best = least_squares(
        residuals, start, bounds=(low[:free], high[:free]), x_scale=[0.01, 0.01][:free], diff_step=1e-4
    )
    coefficients, curve = linear(best.x)
    dof = len(q) - free - len(coefficients)
    chi2 = float(2 * best.cost / dof)
    expansion = float(best.x[1]) if expand else 1.0
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * max(1.0, chi2)
    radius = model.radius(best.x[0], expansion)
    gradient = _gradient(model, best.x, expand)
    names = ("hydration contrast", "excluded volume")
    return Fit(
        scale=float(coefficients[0]),
        background=float(coefficients[1]) if background else 0.0,
        contrast=float(best.x[0]),
        contrast_error=float(np.sqrt(covariance[0, 0])),
        expansion=expansion,
        radius=radius,
        radius_error=float(np.sqrt(gradient @ covariance @ gradient)),
        chi2=chi2,
        points=len(q),
        curve=np.asarray(curve),
        at_bound=tuple(name for name, active in zip(names, best.active_mask, strict=False) if active),
    )


def _gradient(model: Particle, x: Floats, expand: bool) -> Floats:
    steps = np.array([1e-4, 1e-4])[: len(x)]
    found = []
    for index, step in enumerate(steps):
        moved = [x + step * (np.arange(len(x)) == index), x - step * (np.arange(len(x)) == index)]
        up, down = (model.radius(each[0], each[1] if expand else 1.0) for each in moved)
        found.append((up - down) / (2 * step))
    return np.array(found)
