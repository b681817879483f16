"""Volumes that need neither concentration nor absolute scale: Porod's, and of correlation; Kratky's plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
KRATKY_PEAK_Q = 3**0.5
KRATKY_PEAK_HEIGHT = 3 / np.e


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume (or volume of correlation), its error from noise and extrapolation, and the q it used."""

    value: float
    error: float
    q_max: float


def moment(
    q: Floats, intensity: Floats, errors: Floats, *, power: int, forward: float, radius: float, q_max: float
) -> tuple[float, float]:
    r"""The integral of :math:`q^n I(q)` from 0 to `q_max` and its error from noise.

    Below the first point the Guinier law of `forward` (unit of I) and `radius` (1/unit of
    q) stands in; above, the trapezoidal rule through the points. Returns unit of I times
    unit of q to the power n + 1.
    """
    part = q <= q_max * (1 + 1e-9)
    q, intensity, errors = q[part], intensity[part], errors[part]
    start = np.linspace(0.0, q[0], 200)
    guinier = forward * np.exp(-((start * radius) ** 2) / 3)
    weights = np.gradient(q)
    weights[[0, -1]] = [(q[1] - q[0]) / 2, (q[-1] - q[-2]) / 2]
    value = np.trapezoid(start**power * guinier, start) + weights @ (q**power * intensity)
    return float(value), float(np.sqrt((weights * q**power) ** 2 @ errors**2))


def volume_of_correlation(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    forward: float,
    forward_error: float,
    radius: float,
    q_max: float,
) -> Volume:
    r"""I(0) over the integral of q I(q) up to `q_max`: angstrom² for q in 1/angstrom.

    Parameters
    ----------
    q, intensity, errors : (n,) float
        Background-subtracted, q increasing and positive.
    forward, forward_error, radius : float
        I(0) with its standard error, and Rg, of the Guinier fit.
    q_max : float
        End of the integral; the calibration on proteins was made for 0.3 1/angstrom.

    Raises
    ------
    ValueError
        If the integral is not positive.

    References
    ----------
    R. P. Rambo and J. A. Tainer, Nature 496, 477 (2013).
    """
    total, noise = moment(q, intensity, errors, power=1, forward=forward, radius=radius, q_max=q_max)
    if not total > 0:
        raise ValueError("the integral of q I(q) is not positive; is too much background subtracted?")
    value = forward / total
    error = value * float(np.hypot(forward_error / forward, noise / total))
    return Volume(value, error, float(min(q_max, q[-1])))


def truncated_porod_volume(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    forward: float,
    forward_error: float,
    radius: float,
    q_max: float,
) -> Volume:
    r""":math:`2\pi^2 I(0) / \int_0^{q_{max}} q^2 I dq`, with nothing subtracted or extrapolated.

    Too large by what lies beyond `q_max`; `corrected_volume` allows for that on proteins.
    Parameters as of `volume_of_correlation`; the result is in angstrom³.

    References
    ----------
    G. Porod, Kolloid-Zeitschrift 124, 83 (1951); H. Fischer et al., J. Appl. Cryst. 43, 101 (2010).
    """
    total, noise = moment(q, intensity, errors, power=2, forward=forward, radius=radius, q_max=q_max)
    if not total > 0:
        raise ValueError("the integral of q² I(q) is not positive; is too much background subtracted?")
    value = 2 * np.pi**2 * forward / total
    error = value * float(np.hypot(forward_error / forward, noise / total))
    return Volume(value, error, float(min(q_max, q[-1])))


def porod_volume(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    forward: float,
    forward_error: float,
    radius: float,
    q_max: float,
) -> Volume:
    r"""Porod volume with the constant term subtracted and the tail extrapolated as q⁻⁴.

    A fit of :math:`q^4 I = A + K q^4` over the upper 40 % of the range up to `q_max` gives
    the constant :math:`K` (uneven density, leftover background) and the tail
    :math:`A/q_{max}`; then :math:`V = 2\pi^2 (I(0) - K)/(\int q^2 (I-K) dq + A/q_{max})`.
    V swings with `q_max` as the form factor of a compact particle does, so the mean over
    ranges cut by 0 to 15 % is returned; the error holds noise and the swing.

    Parameters as of `volume_of_correlation`; the result is in angstrom³.

    Raises
    ------
    ValueError
        If the range leaves fewer than ten points to fit, or the invariant is not positive.

    References
    ----------
    G. Porod, Kolloid-Zeitschrift 124, 83 (1951).
    """
    known = {"forward": forward, "forward_error": forward_error, "radius": radius}
    cuts = np.linspace(0.85, 1.0, 4) * min(q_max, q[-1])
    trials = [_porod_once(q, intensity, errors, q_max=float(cut), **known) for cut in cuts]
    values = np.array([each.value for each in trials])
    swing = float(values.std(ddof=1))
    return Volume(float(values.mean()), float(np.hypot(trials[-1].error, swing)), trials[-1].q_max)


def _porod_once(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    *,
    forward: float,
    forward_error: float,
    radius: float,
    q_max: float,
) -> Volume:
    part = (q >= 0.6 * q_max) & (q <= q_max)
    if part.sum() < 10:
        raise ValueError(f"the Porod range up to {q_max:.3g} holds {part.sum()} points, 10 are needed")
    end = float(q[part][-1])
    design = np.column_stack([q[part] ** -4.0, np.ones(part.sum())]) / errors[part, None]
    covariance = np.linalg.inv(design.T @ design)
    level, constant = covariance @ design.T @ (intensity[part] / errors[part])
    total, noise = moment(q, intensity, errors, power=2, forward=forward, radius=radius, q_max=end)
    # A tail below zero is noise; the invariant has none to add then.
    invariant = total - constant * end**3 / 3 + max(level, 0.0) / end
    if not invariant > 0:
        raise ValueError("the invariant is not positive; is too much background subtracted?")
    value = 2 * np.pi**2 * (forward - constant) / invariant
    by_fit = np.array([1 / end, -(end**3) / 3])
    relative = np.sqrt(
        (forward_error / forward) ** 2 + (noise**2 + by_fit @ covariance @ by_fit) / invariant**2
    )
    return Volume(float(value), float(value * relative), end)


@dataclass(frozen=True, slots=True)
class Kratky:
    """The normalised Kratky plot (n,) and its maximum: place, height, and error of the height."""

    x: Floats
    y: Floats
    y_errors: Floats
    peak_x: float
    peak_y: float
    peak_error: float


def kratky(
    q: Floats, intensity: Floats, errors: Floats, *, forward: float, radius: float, radius_error: float
) -> Kratky:
    r""":math:`(q R_g)^2 I(q)/I(0)` against :math:`q R_g`; a compact particle peaks at √3 with 3/e.

    The maximum is that of a parabola through the points above 85 % of a smoothed curve's
    maximum below q Rg = 5. NaN where there is no such maximum: the plot still rises.

    References
    ----------
    D. Durand et al., J. Struct. Biol. 169, 45 (2010).
    """
    x = q * radius
    y, noise = x**2 * intensity / forward, x**2 * errors / forward
    near = (x > 0.5) & (x < 5)
    peak = (np.nan, np.nan, np.nan)
    if near.sum() >= 8:
        peak = _parabola_peak(x[near], y[near], noise[near])
    relative = 2 * radius_error / radius
    peak_error = float(np.hypot(peak[2], relative * peak[1])) if np.isfinite(peak[1]) else np.nan
    return Kratky(x, y, noise, peak[0], peak[1], peak_error)


def _parabola_peak(x: Floats, y: Floats, noise: Floats) -> tuple[float, float, float]:
    coarse = np.polynomial.Chebyshev.fit(x, y, min(8, len(x) - 1), w=1 / noise)
    smooth = coarse(x)
    top = int(np.argmax(smooth))
    around = (smooth > 0.85 * smooth[top]) & (np.abs(x - x[top]) < 1.0)
    if not 0 < top < len(x) - 1 or not around[:-1].any() or around[-1] or around.sum() < 5:
        return np.nan, np.nan, np.nan
    shifted = x[around] - x[top]
    design = np.column_stack([np.ones_like(shifted), shifted, shifted**2]) / noise[around, None]
    covariance = np.linalg.pinv(design.T @ design)
    height, slope, bend = covariance @ design.T @ (y[around] / noise[around])
    if not bend < 0:
        return np.nan, np.nan, np.nan
    move = -slope / (2 * bend)
    if not shifted[0] < move < shifted[-1]:
        return np.nan, np.nan, np.nan
    row = np.array([1.0, move, move**2])
    return float(x[top] + move), float(row @ [height, slope, bend]), float(np.sqrt(row @ covariance @ row))
