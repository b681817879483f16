"""Radius of gyration and forward intensity from the start of a curve, with the range found in the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.saxs.kernels.correlation_map import longest_run, run_probability

Floats = NDArray[np.float64]

# A range is admissible while its curvature is within this many standard errors ...
CURVATURE_LIMIT = 2.0
# ... and its residuals do not keep one sign for longer than chance allows.
RUN_LIMIT = 0.01
# Information on Rg is lost quickly where the range starts late.
START_LIMIT = 1.0
MINIMUM_POINTS = 6
CANDIDATES = 160
# Ranges that tell less than half as precisely do not speak for the uncertainty.
COMPARABLE = 2.0
SAME_FORWARD = 1.25
# A range of which the points before it lie this far above is the flank of something larger.
FLANK = 2.0
SHORTEST_REACH = 0.85
# ln I of a solid sphere is -u/3 - u²/126 + ... with u = (q Rg)²: the farthest that a compact
# body bends away from the straight line.
SPHERE_BEND = 1.0 / 126.0


@dataclass(frozen=True, slots=True)
class Guinier:
    """A straight ln I against q²; radii in 1/unit of q, intensities in that of the curve.

    `first` and `last` are indices of the points used, both included. The
    uncertainties hold the statistical part and, in quadrature, what the choice
    of range adds (`radius_spread`); the `_statistical` ones are the first part alone. `quality` is 0 to 1.

    `radius_truncation` is the standard uncertainty that the law itself leaves: between no
    bend and that of a sphere anything is possible, so it is the root mean square of what
    lies between. It is common to all curves of a particle over the same range, and
    therefore not part of `radius_error`.
    """

    radius: float
    radius_error: float
    radius_statistical: float
    radius_spread: float
    radius_truncation: float
    forward: float
    forward_error: float
    forward_statistical: float
    first: int
    last: int
    chi2: float
    r2: float
    curvature: float
    quality: float

    def intensity(self, q: Floats) -> Floats:
        """The fitted curve at q."""
        return self.forward * np.exp(-((q * self.radius) ** 2) / 3)


@dataclass(frozen=True, slots=True)
class _Fits:
    """Straight lines through every candidate range: arrays of (start, end)."""

    radius: Floats
    error: Floats
    log_forward: Floats
    curvature: Floats
    count: Floats


def fit(q: Floats, intensity: Floats, errors: Floats) -> tuple[float, float, Floats]:
    r"""Weighted least squares of :math:`I = I_0 \exp(-q^2 R_g^2 / 3)`, on the scale of I.

    Fitting I rather than ln I keeps noisy and negative points from biasing the answer.

    Parameters
    ----------
    q, intensity, errors : (n,) float
        In any units; errors are standard deviations, positive; n at least 3.

    Returns
    -------
    ln_forward : float
        ln of I(0).
    squared_radius : float
        Rg², may be negative where the curve rises.
    covariance : (2, 2) float
        Of the two, from the given errors.

    Raises
    ------
    ValueError
        If there are fewer than three points or their mean is not positive.

    References
    ----------
    A. Guinier and G. Fournet, *Small-Angle Scattering of X-rays* (1955).
    """
    if len(q) < 3 or not np.average(intensity, weights=errors**-2.0) > 0:
        raise ValueError("a Guinier fit needs three points or more with a positive mean")
    x = q**2 / 3
    design = np.column_stack([np.ones_like(x), -x])
    log_model: Floats = np.full_like(x, np.log(np.average(intensity, weights=errors**-2.0)))
    solution: Floats = np.zeros(2)
    covariance: Floats = np.eye(2)
    for _ in range(30):
        model = np.exp(np.clip(log_model, -700, 700))
        weights = (model / errors) ** 2
        working = log_model + np.clip((intensity - model) / model, -5, 5)
        covariance = np.asarray(np.linalg.pinv((design.T * weights) @ design), dtype=np.float64)
        previous = solution
        solution = covariance @ (design.T @ (weights * working))
        log_model = design @ solution
        if np.allclose(previous, solution, rtol=1e-10, atol=0):
            break
    return float(solution[0]), float(solution[1]), covariance


def search(q: Floats, intensity: Floats, errors: Floats, *, limit: float = 1.3) -> Guinier | None:
    r"""The Guinier range of a curve and what it says; None where no range is straight.

    Every pair of candidate start and end is fitted. A range is admissible if it has
    enough points, ends between 0.85/Rg and `limit`/Rg, starts below 1/Rg, is not the flank
    of something larger (the points before it lie far above), has no
    significant curvature in q², and its residuals show no run of one sign longer than
    chance allows. Of the admissible the one that tells most about Rg is taken; the
    others add to the uncertainty by as much as they differ beyond statistics.

    Parameters
    ----------
    q : (n,) float, 1/u
        Increasing, positive.
    intensity, errors : (n,) float
        Background-subtracted, and its standard deviations (positive). May be negative.
    limit : float
        Largest q Rg; 1.3 for compact particles, 0.8 for rods.

    Returns
    -------
    Guinier or None
        None if no range passes.

    Notes
    -----
    Curvature is judged on the scale of the scatter about the fit, so a common factor
    in `errors` does not change the range. For a solid sphere the range up to 1.3/Rg
    overstates Rg by about 2 %; with errors that show it, the range shrinks.

    References
    ----------
    A. Guinier and G. Fournet, *Small-Angle Scattering of X-rays* (1955).
    """
    smooth = _smooth(intensity, errors)
    usable = (smooth > 0) & np.isfinite(smooth)
    end = int(np.argmin(usable)) if not usable.all() else len(q)
    if end < MINIMUM_POINTS:
        return None
    starts, ends = _candidates(end)
    fits = _all_fits(q[:end], intensity[:end], errors[:end], smooth[:end], starts, ends)
    admissible = _admissible(q, fits, starts, ends, limit)
    return _best(q, intensity, errors, smooth, fits, admissible, starts, ends)


def _smooth(intensity: Floats, errors: Floats) -> Floats:
    half = max(3, len(intensity) // 80)
    kernel = np.ones(2 * half + 1)
    weights = errors**-2.0
    found: Floats = np.convolve(intensity * weights, kernel, "same") / np.convolve(weights, kernel, "same")
    return found


def _candidates(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    starts = np.unique(np.geomspace(1, max(2, n // 2), CANDIDATES).astype(np.intp)) - 1
    ends = np.unique(np.geomspace(MINIMUM_POINTS, n, CANDIDATES).astype(np.intp)) - 1
    return starts, ends


def _all_fits(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    smooth: Floats,
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
) -> _Fits:
    scale = q[-1] ** 2
    x = q**2 / scale
    # ln I linearised about a smooth curve is defined for negative points too.
    y = np.log(smooth) + (intensity - smooth) / smooth
    w = (smooth / errors) ** 2

    def between(values: Floats) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(values)])
        sums: Floats = total[ends + 1][None, :] - total[starts][:, None]
        return sums

    count = (ends + 1)[None, :] - starts[:, None]
    s0, s1, s2, s3, s4 = (between(w * x**k) for k in range(5))
    t0, t1, t2, yy = between(w * y), between(w * x * y), between(w * x * x * y), between(w * y * y)
    with np.errstate(all="ignore"):
        mean, x_spread = s1 / s0, s2 - s1**2 / s0
        slope = (t1 - mean * t0) / x_spread
        # The part of x² that neither a constant nor x explains carries the curvature.
        lean = (s3 - s1 * s2 / s0) / x_spread
        bend_norm = s4 - s2**2 / s0 - lean**2 * x_spread
        bend = (t2 - s2 * t0 / s0 - lean * (t1 - mean * t0)) / bend_norm
        chi2 = (yy - t0**2 / s0 - slope**2 * x_spread - bend**2 * bend_norm) / np.maximum(count - 3, 1)
        radius = np.sqrt(np.where(slope < 0, -3 * slope / scale, np.nan))
        error = 1.5 / scale / radius / np.sqrt(x_spread) * np.sqrt(np.maximum(chi2, 1.0))
        curvature = bend * np.sqrt(bend_norm / chi2)
    return _Fits(radius, error, (t0 - slope * s1) / s0, curvature, count.astype(np.float64))


def _admissible(
    q: Floats, fits: _Fits, starts: NDArray[np.intp], ends: NDArray[np.intp], limit: float
) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        reach = q[ends][None, :] * fits.radius
        found: NDArray[np.bool_] = (
            (fits.count >= MINIMUM_POINTS)
            & (reach <= limit)
            & (reach >= min(SHORTEST_REACH, 0.65 * limit))
            & (q[starts][:, None] * fits.radius <= min(START_LIMIT, 0.77 * limit))
            & (np.abs(fits.curvature) <= CURVATURE_LIMIT)
            & (fits.error <= 0.3 * fits.radius)
        )
    return found


def _best(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    smooth: Floats,
    fits: _Fits,
    admissible: NDArray[np.bool_],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
) -> Guinier | None:
    relative = np.where(admissible, fits.error / fits.radius, np.inf)
    order = np.argsort(relative, axis=None)
    for flat in order[: np.count_nonzero(admissible)]:
        place = np.unravel_index(flat, admissible.shape)
        first, last = int(starts[place[0]]), int(ends[place[1]])
        part = slice(first, last + 1)
        log_forward, squared, covariance = fit(q[part], intensity[part], errors[part])
        if not squared > 0:
            continue
        residual = intensity[part] - np.exp(log_forward - squared * q[part] ** 2 / 3)
        if _is_flank(q[:first], smooth[:first], log_forward, squared):
            continue
        if run_probability(len(residual), longest_run(residual)) < RUN_LIMIT:
            continue
        spread = _spread(fits, admissible & (starts[:, None] < last), place)
        return _described(
            q,
            intensity,
            errors,
            (first, last),
            log_forward,
            squared,
            covariance,
            spread,
            float(fits.curvature[place]),
        )
    return None


def _is_flank(q: Floats, smooth: Floats, log_forward: float, squared: float) -> bool:
    if len(q) == 0:
        return False
    model = np.exp(log_forward - squared * q**2 / 3)
    return bool(np.median(smooth / model) > FLANK)


def _spread(fits: _Fits, admissible: NDArray[np.bool_], place: tuple[np.intp, ...]) -> float:
    """How much the other admissible ranges differ beyond what their own statistics explain."""
    radius, error = float(fits.radius[place]), float(fits.error[place])
    same_particle = np.abs(fits.log_forward - fits.log_forward[place]) < np.log(SAME_FORWARD)
    comparable = admissible & same_particle & (fits.error <= COMPARABLE * error)
    others, own = fits.radius[comparable], fits.error[comparable]
    weights = own**-2.0
    # Estimates from nested data differ by the difference of their variances (Hausman 1978).
    expected = np.abs(own**2 - error**2)
    excess = np.average((others - radius) ** 2 - expected, weights=weights)
    return float(np.sqrt(max(excess, 0.0)))


def _described(
    q: Floats,
    intensity: Floats,
    errors: Floats,
    span: tuple[int, int],
    log_forward: float,
    squared: float,
    covariance: Floats,
    spread: float,
    curvature: float,
) -> Guinier:
    first, last = span
    part = slice(first, last + 1)
    radius, forward = float(np.sqrt(squared)), float(np.exp(log_forward))
    model = np.exp(log_forward - squared * q[part] ** 2 / 3)
    pulls = (intensity[part] - model) / errors[part]
    chi2 = float(pulls @ pulls) / (last - first - 1)
    inflation = np.sqrt(max(chi2, 1.0))
    statistical = float(inflation * np.sqrt(covariance[1, 1]) / (2 * radius))
    forward_statistical = float(inflation * np.sqrt(covariance[0, 0]) * forward)
    weights = (model / errors[part]) ** 2
    centred = np.log(model) - np.average(np.log(model), weights=weights)
    explained = float(weights @ centred**2)
    r2 = explained / (explained + float(pulls @ pulls))
    total = float(np.hypot(statistical, spread))
    # I(0) and Rg move together when the range moves.
    pull_along = float(covariance[0, 1] / covariance[1, 1]) * 2 * radius * spread * forward
    return Guinier(
        radius=radius,
        radius_error=total,
        radius_statistical=statistical,
        radius_spread=spread,
        radius_truncation=_truncation(radius, q[first] * radius, q[last] * radius),
        forward=forward,
        forward_error=float(np.hypot(forward_statistical, pull_along)),
        forward_statistical=forward_statistical,
        first=first,
        last=last,
        chi2=chi2,
        r2=r2,
        curvature=float(curvature),
        quality=_quality(total / radius, q[first] * radius, q[last] * radius, chi2, curvature),
    )


def _truncation(radius: float, start: float, reach: float) -> float:
    """Root mean square of a bend between none and a sphere's; a line through u² has the slope of its ends."""
    bend = 1.5 * SPHERE_BEND * (start**2 + reach**2)
    return float(radius * bend / np.sqrt(3.0))


def _quality(relative_error: float, start: float, reach: float, chi2: float, curvature: float) -> float:
    precise = 1 / (1 + (relative_error / 0.05) ** 2)
    early = 1 / (1 + (start / 1.0) ** 4)
    long = min(1.0, (reach - start) / 0.6)
    plausible = min(1.0, 2 / max(chi2, 1e-9))
    straight = np.exp(-((curvature / CURVATURE_LIMIT) ** 2) / 4)
    return float(precise * early * long * plausible * straight)
