"""The defocus from the rings of a power spectrum, over its background and its fading, with rivals told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

Floats = NDArray[np.float64]
# Squared transfer of a frequency (n,) at a defocus.
Transfer = Callable[[Floats, float], Floats]
# Pieces of the smooth background, and how fast rings may fade: exp(-b k^2), b in angstrom^2.
PIECES = 5
FADINGS = np.array([0.0, 15.0, 30.0, 60.0, 120.0, 240.0])
STEP = 20.0


@dataclass(frozen=True)
class Profile:
    """Logarithm of the mean power of circles: frequency (n,), value, and how many terms each has."""

    frequency: Floats
    value: Floats
    terms: Floats


@dataclass(frozen=True)
class Found:
    """The best defocus (angstrom), its correlation, fading b (angstrom²), formal error, and the best rival.

    `rival` is another defocus that explains the profile nearly as well, None where none is
    within `rival_gap` standard errors. `significance` is the correlation in standard errors
    of that of noise.
    """

    defocus: float
    correlation: float
    significance: float
    fading: float
    error: float
    rival: float | None
    background: Floats


def profile(
    power: Floats, pixel: float, coarsest: float, finest: float, stretch: Floats | float = 1.0
) -> Profile:
    """Rings of a power spectrum (n, n; zero frequency in the middle) between two spacings (angstrom).

    `stretch` (n, n) multiplies the radius of each term, which makes circles of ellipses.
    """
    size = power.shape[0]
    axis = np.arange(size) - size // 2
    number = np.rint(np.hypot(axis[:, None], axis[None]) * stretch).astype(int).ravel()
    # The lines through the middle hold what rows and columns of a camera have in common.
    off = np.broadcast_to((axis[:, None] != 0) & (axis[None] != 0), power.shape).ravel()
    count = np.bincount(number[off])
    mean = np.bincount(number[off], power.ravel()[off]) / np.maximum(count, 1)
    frequency = np.arange(len(count)) / (size * pixel)
    used = (frequency >= 1 / coarsest) & (frequency <= 1 / finest) & (count > 0) & (mean > 0)
    return Profile(frequency[used], np.log(mean[used]), count[used].astype(float))


def search(
    seen: Profile, transfer: Transfer, least: float, most: float, *, rival_gap: float = 3.0
) -> Found | None:
    r"""The defocus at which rings explain most of what a smooth background leaves.

    .. math:: \ln P(k) = B(k) + a\, e^{-b k^2} \sin^2\chi(k), \quad a > 0

    with `B` a cubic spline of few pieces. For each `b` and defocus the background is taken
    from profile and rings alike, so the score is their partial correlation. The formal error
    is from the curvature of the residual sum of squares, whose size gives the noise. None
    where there are fewer circles than the background needs.
    """
    background = _splines(seen.frequency)
    count = len(seen.frequency)
    if count < 2 * background.shape[1] + 4:
        return None
    # Circles of more terms are known better, but not beyond what the model can follow.
    weight = np.sqrt(np.minimum(seen.terms, np.median(seen.terms)))
    basis, _ = np.linalg.qr(background * weight[:, None])
    rest = _without(seen.value * weight, basis)
    size = float(np.linalg.norm(rest))
    if size < 1e-12:
        return None
    tried = np.arange(least, most + STEP, STEP)
    shapes = np.stack([transfer(seen.frequency, each) for each in tried])
    scores = np.stack([_scores(shapes, weight, seen.frequency, fading, basis, rest) for fading in FADINGS])
    which, place = np.unravel_index(int(scores.argmax()), scores.shape)
    line = scores[which]
    score, defocus, bend = _peak(line, int(place), tried)
    freedom = max(1, count - background.shape[1] - 3)
    # Residual sum of squares is size^2 (1 - score^2): its curvature against its mean.
    slope = max(2 * score * -bend, 1e-18)
    error = float(np.sqrt(2 * (1 - score**2) / freedom / slope))
    model = transfer(seen.frequency, defocus) * np.exp(-FADINGS[which] * seen.frequency**2)
    both = np.column_stack([background, model]) * weight[:, None]
    solved, *_ = np.linalg.lstsq(both, seen.value * weight, rcond=None)
    rival = _rival(line, int(place), tried, score, freedom, rival_gap)
    significance = float(np.arctanh(min(score, 0.9999)) * np.sqrt(max(freedom - 3, 1)))
    smooth = np.asarray(background @ solved[:-1])
    return Found(defocus, score, significance, float(FADINGS[which]), error, rival, smooth)


def _splines(frequency: Floats) -> Floats:
    """Cubic splines (n, PIECES + 3) over the range of frequencies."""
    inner = np.linspace(frequency[0], frequency[-1], PIECES + 1)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    return np.asarray(BSpline.design_matrix(frequency, knots, 3).toarray(), float)


def _without(values: Floats, basis: Floats) -> Floats:
    return np.asarray(values - (values @ basis) @ basis.T)


def _scores(
    shapes: Floats, weight: Floats, frequency: Floats, fading: float, basis: Floats, rest: Floats
) -> Floats:
    rings = _without(shapes * (np.exp(-fading * frequency**2) * weight), basis)
    norms = np.linalg.norm(rings, axis=1)
    return np.asarray(rings @ rest / np.maximum(norms * np.linalg.norm(rest), 1e-12))


def _peak(line: Floats, place: int, tried: Floats) -> tuple[float, float, float]:
    """Height, place and curvature of the maximum by a parabola through its neighbours."""
    if not 0 < place < len(line) - 1:
        return float(line[place]), float(tried[place]), 0.0
    before, at, after = line[place - 1 : place + 2]
    bend = before - 2 * at + after
    part = 0.0 if bend == 0 else 0.5 * (before - after) / bend
    return (
        float(at - 0.25 * (before - after) * part),
        float(tried[place] + part * STEP),
        float(bend / STEP**2),
    )


def _rival(line: Floats, place: int, tried: Floats, score: float, freedom: int, gap: float) -> float | None:
    """The best defocus beyond the slopes of the peak whose correlation is not told from the best."""
    left, right = place, place
    while left > 0 and line[left - 1] < line[left]:
        left -= 1
    while right < len(line) - 1 and line[right + 1] < line[right]:
        right += 1
    others = np.concatenate([np.arange(left), np.arange(right + 1, len(line))])
    if not others.size:
        return None
    best = int(others[np.argmax(line[others])])
    apart = np.arctanh(min(score, 0.9999)) - np.arctanh(np.clip(line[best], -0.9999, 0.9999))
    return float(tried[best]) if apart * np.sqrt(freedom / 2) < gap else None
