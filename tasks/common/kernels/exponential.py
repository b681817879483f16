"""Exponential decays and recoveries fitted to many signals at once, each to its own minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.common.kernels.compiled import compiled

Floats = NDArray[np.float64]

DECAY, RECOVERY = 2, 3
MOST_STEPS = 60
# A rate is found when a step changes it by less than this share.
ENOUGH = 1e-8
# Rates are sought between these numbers over the longest time; outside them the data cannot tell.
SLOWEST, FASTEST = 1e-3, 1e3
FIRST_LOOK = 24


@dataclass(frozen=True)
class Exponentials:
    """Rates (k,) in 1/time with standard uncertainties, amplitudes, offsets, and how well each fits.

    `residual` is the sum of squared residuals. `found` is False where the minimum
    lies at the limit of what the times can tell, or no uncertainty exists.
    """

    rate: Floats
    rate_error: Floats
    amplitude: Floats
    amplitude_error: Floats
    offset: Floats
    residual: Floats
    found: NDArray[np.bool_]


def fit(
    time: Floats, signal: Floats, *, parameters: int, noise: Floats | float | None = None
) -> Exponentials:
    r"""Least squares fit of ``offset + amplitude exp(-rate t)`` to every row.

    Parameters
    ----------
    time : (n,) float, s
        When each point was taken; any order, repeats welcome.
    signal : (k, n) float
        NaN makes a row not found.
    parameters : int
        DECAY for two (no offset) or RECOVERY for three. A recovery that was
        inverted has a negative amplitude of about twice its offset.
    noise : float, (k,) float or None
        Standard deviation of a point. None takes that of the residuals, which
        needs a point more than parameters.

    Notes
    -----
    Amplitude and offset are linear and are solved for at every rate, so that
    only the rate is searched, by Gauss-Newton steps on the projected problem
    with step halving (G. Golub and V. Pereyra, *SIAM J. Numer. Anal.* 10 (1973)
    413). It starts from the best of a grid of rates, since the sum of squares
    may have more than one minimum. Assumes equal, independent, normal noise of
    all points of a row.

    References
    ----------
    P. R. Bevington and D. K. Robinson, *Data Reduction and Error Analysis for
    the Physical Sciences*, 3rd ed. (2003), chapter 8, for the uncertainties.
    """
    time = np.ascontiguousarray(time, np.float64)
    rows = np.ascontiguousarray(signal, np.float64)
    span = float(time.max())
    if not span > 0 or len(np.unique(time)) < parameters:
        raise ValueError(f"{parameters} parameters need as many different times, and one above 0")
    out = np.full((len(rows), 7), np.nan)
    rates = np.geomspace(SLOWEST / span, FASTEST / span, FIRST_LOOK)
    with_offset = parameters == RECOVERY
    _fit_rows(time, rows, with_offset, rates, _first_look(time, rates, with_offset=with_offset), out)
    rate, amplitude, offset, residual, rate_spread, amplitude_spread, ended = out.T
    freedom = len(time) - parameters
    if noise is None:
        scale = np.sqrt(residual / freedom) if freedom > 0 else np.full(len(rows), np.nan)
    else:
        scale = np.broadcast_to(np.asarray(noise, float), (len(rows),))
    rate_error, amplitude_error = scale * rate_spread, scale * amplitude_spread
    found = (ended == 1.0) & np.isfinite(rate_error) & (rate_error < np.abs(rate))
    return Exponentials(rate, rate_error, amplitude, amplitude_error, offset, residual, found)


def _first_look(time: Floats, rates: Floats, *, with_offset: bool) -> Floats:
    """Unit vectors (rates, n) along which a signal of each rate lies, apart from its offset."""
    shape = np.exp(-np.outer(rates, time))
    if with_offset:
        shape -= shape.mean(axis=1, keepdims=True)
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    unit: Floats = np.divide(shape, length, out=np.zeros_like(shape), where=length > 1e-12)
    return unit


@compiled()
def _fit_rows(  # type: ignore[no-untyped-def]  # noqa: PLR0912 (compiled as one)
    time, rows, with_offset, rates, look, out
):
    slowest, fastest = rates[0], rates[-1]
    for k in range(rows.shape[0]):
        y = rows[k]
        total = 0.0
        for value in y:
            total += value
        if not np.isfinite(total):
            continue
        # Of a grid of rates, the one whose shape explains most.
        rate, most = slowest, -1.0
        for g in range(len(rates)):
            along = 0.0
            for i in range(len(y)):
                along += look[g, i] * y[i]
            if along * along > most:
                rate, most = rates[g], along * along
        now = _project(time, y, rate, with_offset)
        ended = 0.0
        for _ in range(MOST_STEPS):
            step = now[3]
            if not np.isfinite(step):
                break
            found, better = now, False
            while abs(step) > ENOUGH * rate:
                if slowest <= rate + step <= fastest:
                    found = _project(time, y, rate + step, with_offset)
                    if found[2] <= now[2]:
                        better = True
                        break
                step /= 2
            if not better:
                ended = 1.0
                break
            rate += step
            now = found
        if rate < slowest * 1.01 or rate > fastest * 0.99:
            ended = 0.0
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = rate, now[0], now[1], now[2]
        out[k, 4], out[k, 5], out[k, 6] = now[4], now[5], ended


@compiled()
def _project(time, y, rate, with_offset):  # type: ignore[no-untyped-def]
    """Best amplitude and offset at a rate, loss, step to a better rate, spreads of rate and amplitude."""
    n = len(y)
    s_e, s_ee, s_y, s_ey = 0.0, 0.0, 0.0, 0.0
    s_te, s_tee, s_ttee, s_tey = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        e = np.exp(-rate * time[i])
        te = time[i] * e
        s_e += e
        s_ee += e * e
        s_y += y[i]
        s_ey += e * y[i]
        s_te += te
        s_tee += te * e
        s_ttee += te * te
        s_tey += te * y[i]
    if with_offset:
        det = n * s_ee - s_e * s_e
        if det <= 1e-14 * n * s_ee:
            return 0.0, 0.0, np.inf, np.nan, np.nan, np.nan
        amplitude = (n * s_ey - s_e * s_y) / det
        offset = (s_ee * s_y - s_e * s_ey) / det
        shared = (n * s_tee - s_e * s_te) / det
        alone = n / det
        # Part of t exp(-rate t) that neither the offset nor the amplitude can take up.
        left = s_ttee - (s_te * s_te * s_ee - 2 * s_te * s_tee * s_e + s_tee * s_tee * n) / det
    else:
        if s_ee <= 0.0:
            return 0.0, 0.0, np.inf, np.nan, np.nan, np.nan
        amplitude, offset = s_ey / s_ee, 0.0
        shared = s_tee / s_ee
        alone = 1.0 / s_ee
        left = s_ttee - s_tee * s_tee / s_ee
    loss = 0.0
    for i in range(n):
        miss = y[i] - offset - amplitude * np.exp(-rate * time[i])
        loss += miss * miss
    slope = -amplitude * (s_tey - offset * s_te - amplitude * s_tee)
    curvature = amplitude * amplitude * left
    if curvature <= 0.0:
        return amplitude, offset, loss, np.nan, np.nan, np.nan
    # An error of the rate moves the amplitude by the share of t exp(-rate t) that looks like it.
    moved = amplitude * amplitude * shared * shared / curvature
    return amplitude, offset, loss, slope / curvature, 1.0 / np.sqrt(curvature), np.sqrt(alone + moved)


def fit_magnitude(time: Floats, signal: Floats, *, noise: Floats | float | None = None) -> Exponentials:
    """Inversion recovery of magnitudes (k, n), whose sign was lost, as :func:`fit` with an offset.

    The first points in order of time are negative up to some place; every place
    is tried, and for each row the one that fits best is taken.
    """
    order = np.argsort(time, kind="stable")
    time, signal = time[order], np.asarray(signal, float)[:, order]
    best: Exponentials | None = None
    for flipped in range(len(time) + 1):
        sign = np.where(np.arange(len(time)) < flipped, -1.0, 1.0)
        trial = fit(time, sign * signal, parameters=RECOVERY, noise=noise)
        best = trial if best is None else _better(best, trial)
    assert best is not None  # there is at least one time
    return best


def _better(one: Exponentials, two: Exponentials) -> Exponentials:
    # A recovery rises: amplitudes of the other sign are mirror images.
    loss = [
        np.where(np.isfinite(each.residual) & (each.amplitude < 0), each.residual, np.inf)
        for each in (one, two)
    ]
    take = loss[1] < loss[0]
    names = ("rate", "rate_error", "amplitude", "amplitude_error", "offset", "residual", "found")
    return Exponentials(*(np.where(take, getattr(two, name), getattr(one, name)) for name in names))
